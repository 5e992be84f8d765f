/** Job mode by the Kubernetes API: an emulated API server over real HTTPS, and time that only the test moves. */
import { expect, it } from "vitest";
import type { LesseeEvent } from "../../src/events.ts";
import { untilContainersEnd } from "../../src/supervise/containers.ts";
import { failed, jobPod, RUNNING, startCluster, succeeded, type TestCluster } from "../kubernetes/support.ts";
import { useFakeClock } from "../support/fake-clock.ts";

const clock = useFakeClock();

async function begin(job: object = RUNNING, more?: Parameters<typeof jobPod>[1]) {
  const cluster = await startCluster();
  const { pods } = cluster.kubernetes;
  pods.allow("get pods", "watch pods");
  pods.put("pods", jobPod(job, more));
  return { cluster, pods, ...(await follow(cluster)) };
}

async function follow(cluster: TestCluster) {
  const stop = new AbortController();
  const events: LesseeEvent[] = [];
  const ended = untilContainersEnd(
    {
      ...(await cluster.open()),
      bystanders: { own: "lessee", sidecars: [] },
      clock: clock(),
      random: () => 0.5,
      emit: (event) => void events.push(event),
    },
    stop.signal,
  );
  const warnings = () => events.flatMap((event) => (event.is === "warning" ? [event.message] : []));
  return { stop, events, ended, warnings };
}

const gets = ({ kubernetes }: TestCluster) => kubernetes.pods.requests.filter(({ verb }) => verb === "get").length;

it("It waits for the end of the job, and tells for whom", async () => {
  const { pods, ended, events } = await begin();
  await expect.poll(pods.watchers).toBe(1);
  pods.put("pods", jobPod(succeeded));
  expect(await ended).toBe("the other containers have ended");
  expect(events).toEqual([{ is: "waiting for the job", running: ["job"] }]);
  expect(pods.requests).toHaveLength(2);
  await expect.poll(pods.watchers).toBe(0);
});

it("It is over at once where the job has ended before", async () => {
  const { ended, pods } = await begin(failed);
  expect(await ended).toBe("the other containers have ended");
  expect(pods.requests).toHaveLength(1);
});

it("rule R7: a container between two restarts has not ended", async () => {
  const { ended, pods } = await begin(RUNNING, { policy: "OnFailure" });
  await expect.poll(pods.watchers).toBe(1);
  let over = false;
  void ended.then(() => {
    over = true;
  });
  for (const job of [failed, { waiting: { reason: "CrashLoopBackOff" } }, RUNNING, failed, RUNNING])
    pods.put("pods", jobPod(job, { policy: "OnFailure" }));
  // The end of the watch comes after all of them.
  pods.endWatches("gone");
  await Promise.race([clock().asleep(1), ended]);
  expect(over).toBe(false);
  pods.put("pods", jobPod(succeeded, { policy: "OnFailure" }));
  await clock().advance(5_000);
  expect(await ended).not.toBeNull();
});

it("It is over when the pod is deleted", async () => {
  const { ended, pods } = await begin();
  await expect.poll(pods.watchers).toBe(1);
  pods.remove("pods", "tsb", "spmsync-28");
  expect(await ended).not.toBeNull();
});

it.each(["gone", "cut", "garbage"] as const)("A watch that ends is begun anew after a look: %s", async (how) => {
  const { cluster, ended, pods, warnings } = await begin();
  await expect.poll(pods.watchers).toBe(1);
  pods.endWatches(how);
  await clock().asleep(1);
  // What happens meanwhile is not missed.
  pods.put("pods", jobPod(succeeded));
  await clock().advance(2_000);
  expect(await ended).not.toBeNull();
  expect(gets(cluster)).toBe(2);
  expect(warnings()).toHaveLength(how === "gone" ? 0 : 1);
});

it("Without the right to watch it looks every 15 s, and says which Role is missing", async () => {
  const { cluster, pods, ended, warnings } = await begin();
  pods.allow("get pods");
  await follow(cluster).then(({ stop, ended: other }) => {
    stop.abort();
    return other;
  });
  pods.endWatches("cut");
  for (let i = 0; i < 4; i++) {
    await clock().asleep(1);
    await clock().advance(17_000);
  }
  await clock().asleep(1);
  expect(warnings().filter((text) => text.includes("cannot be watched"))).toEqual([
    expect.stringMatching(/looked at every 15 s.*verbs: \[watch\]/),
  ]);
  pods.put("pods", jobPod(succeeded));
  await clock().advance(17_000);
  expect(await ended).not.toBeNull();
});

it("Promise 6: without the right to look it asks less than 10 times in a minute, and goes on once it may", async () => {
  const { cluster, pods, ended, warnings } = await (async () => {
    const made = await startCluster();
    made.kubernetes.pods.put("pods", jobPod(succeeded));
    return { cluster: made, pods: made.kubernetes.pods, ...(await follow(made)) };
  })();
  const until = clock().now() + 60_000;
  for (;;) {
    await clock().asleep(1);
    if (clock().next > until) break;
    await clock().advance(clock().next - clock().now());
  }
  expect(gets(cluster)).toBeGreaterThan(3);
  expect(gets(cluster)).toBeLessThan(10);
  expect(warnings()[0]).toMatch(/cannot be seen.*pods is forbidden.*resources: \[pods\], verbs: \[get\]/);
  pods.allow("get pods", "watch pods");
  await clock().advance(80_000);
  expect(await ended).not.toBeNull();
});

it.each([
  ["401", { kind: "answer", status: 401 }],
  ["404 before the pod was ever seen", { kind: "answer", status: 404 }],
  ["500", { kind: "answer", status: 500, body: "<html>" }],
  ["no JSON", { kind: "answer", status: 200, body: "<html>" }],
  ["a cut connection", { kind: "cut" }],
] as const)("It gets over %s", async (_, fault) => {
  const cluster = await startCluster();
  const { pods } = cluster.kubernetes;
  pods.allow("get pods", "watch pods");
  pods.put("pods", jobPod(succeeded));
  pods.inject(() => true, fault, 2);
  const { ended, warnings } = await follow(cluster);
  for (let i = 0; i < 2; i++) {
    await clock().asleep(1);
    await clock().advance(5_000);
  }
  expect(await ended).toBe("the other containers have ended");
  expect(warnings()).toHaveLength(2);
});

it("Retry-After is honoured", async () => {
  const cluster = await startCluster();
  const { pods } = cluster.kubernetes;
  pods.allow("get pods");
  pods.put("pods", jobPod(succeeded));
  pods.inject(() => true, { kind: "answer", status: 429, headers: { "retry-after": "30" } });
  const { ended } = await follow(cluster);
  await clock().asleep(1);
  expect(clock().next - clock().now()).toBeGreaterThanOrEqual(27_000);
  await clock().advance(40_000);
  expect(await ended).not.toBeNull();
});

it("A job that is never over is said once, and ends nothing", async () => {
  const { ended, warnings } = await begin(RUNNING, { policy: "Always" });
  expect(await ended).toBeNull();
  expect(warnings()).toEqual([expect.stringMatching(/restartPolicy is Always: job/)]);
});

it("Whoever stops it waits for nothing", async () => {
  const { ended, pods, stop, warnings } = await begin();
  await expect.poll(pods.watchers).toBe(1);
  stop.abort();
  expect(await ended).toBeNull();
  expect(warnings()).toEqual([]);
});
