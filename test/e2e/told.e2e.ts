/** Applications that read their file once, and have to be told: by a signal over the pod's processes, by a request over its network. */
import { beforeAll, describe, expect, it } from "vitest";
import { applyText, logged, readyPod, unharmed, useChart, usersOf, why, worldAddress } from "./cluster.ts";
import { application, seedAnnotations, watchedAnnotations } from "./workloads.ts";

const TOLD = {
  sighup: { annotations: { "lessee/notify-signal": "node:SIGHUP" }, spec: { securityContext: { runAsUser: 1234 } } },
  http: { annotations: { "lessee/notify-http": "POST http://127.0.0.1:8081/-/reload" }, spec: {} },
};

describe.skipIf(why !== "")(`applications that have to be told, in a cluster${why}`, () => {
  useChart();
  beforeAll(async () => {
    const address = await worldAddress();
    for (const [name, { annotations, spec }] of Object.entries(TOLD)) {
      const all = { ...seedAnnotations("brief-role"), ...watchedAnnotations(address), ...annotations };
      await applyText(JSON.stringify(application(address, { name, annotations: all, spec }, name)));
    }
  });

  it.each(Object.keys(TOLD))("hear by %s, and no query fails", async (name) => {
    const pod = await readyPod(name);
    await usersOf(pod, 3);
    expect((await logged(pod, "notified")).length).toBeGreaterThanOrEqual(2);
    expect(await logged(pod, "notify failed")).toEqual([]);
    await unharmed(pod);
  });
});
