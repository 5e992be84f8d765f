/** Events on the pod, at an emulated API server over real HTTPS; time is the test's. */
import { setImmediate as turn } from "node:timers/promises";
import { expect, it } from "vitest";
import type { LesseeEvent } from "../../src/events.ts";
import { createRecorder } from "../../src/kubernetes/recorder.ts";
import { rotating } from "../health/samples.ts";
import { useFakeClock } from "../support/fake-clock.ts";
import { startCluster } from "./support.ts";

const clock = useFakeClock();
const MINUTE = 60_000;
const path = "database/creds/pg-role";
const failing = (error = "500 no", of = path): LesseeEvent => ({ is: "read failed", path: of, error, retryIn: 1 });

async function begin(allowed = true) {
  const cluster = await startCluster();
  const { pods } = cluster.kubernetes;
  pods.allow(...(allowed ? ["create events"] : []));
  const warnings: string[] = [];
  const opened = await cluster.open();
  const asked: Promise<void>[] = [];
  const create: typeof opened.api.create = (...call) => {
    const answer = opened.api.create(...call);
    asked.push(answer);
    return answer;
  };
  async function answered(): Promise<void> {
    await Promise.allSettled(asked);
    await turn();
  }
  const recorder = createRecorder({
    cluster: { ...opened, api: { ...opened.api, create } },
    container: "lessee",
    clock: clock(),
    random: () => 0,
    redact: (text) => text.replaceAll("hunter2", "[redacted]"),
    warn: (message) => void warnings.push(message),
  });
  return { pods, recorder, warnings, answered };
}

it("The pod has an event at once, as kubectl describe shows it", async () => {
  const { pods, recorder } = await begin();
  recorder.observe(failing());
  await expect.poll(() => pods.created.length).toBe(1);
  const seconds = new Date(clock().now()).toISOString().replace(".000", "");
  expect(pods.created[0]).toMatchObject({
    kind: "Event",
    metadata: { namespace: "tsb", name: expect.stringMatching(/^spmsync-28\.[0-9a-f]+$/) },
    involvedObject: {
      kind: "Pod",
      name: "spmsync-28",
      namespace: "tsb",
      uid: "0a3f9e0d-62f4-4a0c-a1f9-5b2c8f0e5a11",
      fieldPath: "spec.containers{lessee}",
    },
    type: "Warning",
    reason: "RotationFailing",
    message: `${path}: no new credential could be read: 500 no`,
    count: 1,
    firstTimestamp: seconds,
    lastTimestamp: seconds,
    source: { component: "lessee" },
  });
  await recorder.stop();
});

it("The same trouble is counted, and told again every ten minutes only; each credential has its own", async () => {
  const { pods, recorder } = await begin();
  for (let minute = 0; minute < 31; minute++) {
    recorder.observe(failing(`500 at minute ${minute}`));
    recorder.observe({ is: "request", operation: "read", status: 500, took: 1 });
    await clock().advance(MINUTE);
  }
  recorder.observe(failing("403", "kv/other"));
  await expect.poll(() => pods.created.length).toBe(5);
  await recorder.stop();
  const told = pods.created.filter(({ message }) => String(message).startsWith(path));
  expect(told.map(({ count }) => count)).toEqual([1, 11, 21, 31]);
  expect(new Set(told.map(({ firstTimestamp }) => firstTimestamp)).size).toBe(1);
  expect(new Set(pods.created.map(({ metadata }) => metadata.name)).size).toBe(5);
});

it("Trouble that was over for ten minutes begins anew", async () => {
  const { pods, recorder } = await begin();
  recorder.observe(failing());
  await clock().advance(11 * MINUTE);
  recorder.observe(failing());
  await expect.poll(() => pods.created.length).toBe(2);
  expect(pods.created.map(({ count }) => count)).toEqual([1, 1]);
  await recorder.stop();
});

it("No more than 20 events are made in an hour, whatever happens", async () => {
  const { pods, recorder } = await begin();
  for (let i = 0; i < 300; i++) {
    recorder.observe(failing("500", `database/creds/role-${i}`));
    await clock().advance(MINUTE / 10);
  }
  await recorder.stop();
  expect(pods.created).toHaveLength(20);
});

it("No secret is in an event, and no message is longer than the API takes", async () => {
  const { pods, recorder } = await begin();
  recorder.observe(failing(`password hunter2 ${"x".repeat(5_000)}`));
  await expect.poll(() => pods.created.length).toBe(1);
  const message = String(pods.created[0]?.message);
  expect(message).toContain("password [redacted]");
  expect(message).toHaveLength(1_024);
  await recorder.stop();
});

it("Without the right to it, this is said once with the Role that is missing, and asked for seldom", async () => {
  const { pods, recorder, warnings, answered } = await begin(false);
  for (let minute = 0; minute < 60; minute++) {
    recorder.observe(failing("500", `database/creds/role-${minute}`));
    await answered();
    await clock().advance(MINUTE);
  }
  await recorder.stop();
  expect(warnings).toEqual([
    expect.stringMatching(/no event could be put on the pod: .*resources: \[events\], verbs: \[create\]/),
  ]);
  expect(pods.requests.length).toBeLessThan(12);
});

it("Nobody waits for an API server that does not answer", async () => {
  const { pods, recorder } = await begin();
  pods.inject(() => true, { kind: "hang" });
  recorder.observe(failing());
  await expect.poll(() => pods.requests.length).toBe(1);
  const stopped = recorder.stop();
  await clock().asleep(1);
  await clock().advance(2_000);
  await stopped;
});

it("Deadlines are looked at from time to time", async () => {
  const { pods, recorder } = await begin();
  const [credential = expect.fail()] = rotating.credentials;
  const current = { ...credential.current!, readAt: 0, expiry: 1_000, horizon: 1_000 };
  const following = recorder.follow(() => ({ ...rotating, now: 999, credentials: [{ ...credential, current }] }));
  await clock().asleep(1);
  await clock().advance(30_000);
  await expect.poll(() => pods.created.length).toBe(1);
  expect(pods.created[0]?.reason).toBe("CredentialNearDeadline");
  await recorder.stop();
  await following;
});
