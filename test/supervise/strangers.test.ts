/** Job mode by the processes that are there: a folder in place of /proc, and time that only the test moves. */
import files, { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import type { LesseeEvent } from "../../src/events.ts";
import { untilStrangersEnd } from "../../src/supervise/strangers.ts";
import { useFakeClock } from "../support/fake-clock.ts";

const clock = useFakeClock();

interface Shown {
  readonly parent?: number;
  readonly state?: string;
  readonly kernel?: boolean;
}

/** lessee is process 20, below a launcher; process 1 is the pod's own. */
async function begin(sidecars: readonly string[] = [], reads: Pick<typeof files, "readdir" | "readFile"> = files) {
  const proc = await mkdtemp(join(tmpdir(), "lessee-proc-"));
  onTestFinished(() => rm(proc, { recursive: true }));
  async function start(pid: number, name: string, { parent = 0, state = "S", kernel = false }: Shown = {}) {
    await mkdir(join(proc, String(pid)), { recursive: true });
    const flags = kernel ? 2_129_984 : 4_194_560;
    await writeFile(
      join(proc, String(pid), "stat"),
      `${pid} (${name}) ${state} ${parent} ${pid} ${pid} 0 -1 ${flags} 0`,
    );
  }
  await start(1, "pause");
  await start(19, "lessee");
  await start(20, "node", { parent: 19 });
  await mkdir(join(proc, "sys"));
  const stop = new AbortController();
  const events: LesseeEvent[] = [];
  let over = false;
  const ended = untilStrangersEnd(
    {
      files: reads,
      clock: clock(),
      emit: (event) => void events.push(event),
      pid: 20,
      sidecars,
      quietPeriod: 30_000,
      proc,
    },
    stop.signal,
  ).finally(() => {
    over = true;
  });
  async function pass(time: number) {
    for (const end = clock().now() + time; clock().now() < end && !over; ) {
      await clock().asleep(1);
      await clock().advance(Math.min(2_000, end - clock().now()));
      await expect.poll(() => over || clock().sleepers === 1).toBe(true);
    }
  }
  return {
    start,
    end: (pid: number) => rm(join(proc, String(pid)), { recursive: true }),
    pass,
    ended,
    stop,
    events,
    isOver: () => over,
  };
}

it("rule R7: it is over when nobody else's process was there for 30 s, after one was", async () => {
  const { start, end, pass, ended, events, isOver } = await begin();
  await pass(10_000);
  await start(40, "spmsync");
  await pass(4_000);
  await end(40);
  await pass(20_000);
  // Started again, as OnFailure does it.
  await start(50, "spmsync");
  await pass(4_000);
  await end(50);
  await pass(26_000);
  expect(isOver()).toBe(false);
  await pass(8_000);
  expect(await ended).toBe("no other process has been there for 30 s");
  expect(events).toContainEqual({ is: "waiting for the job", running: ["spmsync"] });
});

it("What is ours, the kernel's, the pod's, a listed sidecar's or only what is left of a process does not count", async () => {
  const { start, end, pass, ended, isOver } = await begin(["istio-proxy-with-a-long-name"]);
  await start(40, "odd) S 20 name (");
  await start(21, "sh", { parent: 20 });
  await start(22, "psql", { parent: 21 });
  await start(30, "kworker/0:1", { kernel: true });
  await start(31, "spmsync", { state: "Z" });
  await start(32, "istio-proxy-wit");
  await pass(60_000);
  expect(isOver()).toBe(false);
  await end(40);
  await pass(40_000);
  expect(await ended).not.toBeNull();
});

it("rule R7: where nobody is ever seen, this is said once, and nothing ends", async () => {
  const { pass, events, isOver, stop, ended } = await begin();
  await pass(200_000);
  expect(isOver()).toBe(false);
  expect(events).toEqual([
    { is: "warning", code: "job", message: expect.stringContaining("shareProcessNamespace: true?") },
  ]);
  stop.abort();
  expect(await ended).toBeNull();
});

it.each(["readdir", "readFile"] as const)("takes nobody for gone while %s fails", async (what) => {
  let fails = false;
  const failing = async () => {
    throw Object.assign(new Error("too many open files"), { code: "EMFILE" });
  };
  const reads = new Proxy(files, {
    get: (target, name) => (name === what && fails ? failing : target[name as keyof typeof target]),
  });
  const pod = await begin([], reads);
  await pod.start(30, "job");
  await pod.pass(4_000);
  fails = true;
  await pod.pass(60_000);
  expect(pod.isOver()).toBe(false);
  fails = false;
  await pod.end(30);
  await pod.pass(40_000);
  expect(await pod.ended).toContain("no other process");
});
