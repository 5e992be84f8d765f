/** The process: signals, the pid file and the log file, of the real agent and of ours. */
import { mkdir, readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { onBothSides, type Place, type Running, startWorld, type World } from "./world.ts";

let world: World;

beforeAll(async () => {
  world = await startWorld();
}, 120_000);

afterAll(() => world.stop());

const withSink =
  (more: (folder: string) => string = () => "") =>
  ({ folder, login }: Place) =>
    login(`sink "file" { config = { path = "${folder}/sink" } }`) + more(folder);

const ready = (agent: Running) =>
  agent.until("its sink", () => readFile(join(agent.folder, "sink"), "utf8").catch(() => undefined));

onBothSides("the process", (side) => {
  it("passes by what means nothing, and takes signals that come together for one", async () => {
    const agent = await world.start(
      side,
      withSink((folder) => `pid_file = "${folder}/pid"\n`),
    );
    await ready(agent);
    const pid = join(agent.folder, "pid");
    expect([await readFile(pid, "utf8"), (await stat(pid)).mode & 0o777]).toEqual([`${agent.pid}`, 0o600]);
    for (const signal of ["SIGUSR2", "SIGALRM", "SIGTERM", "SIGTERM", "SIGINT"] as const) agent.signal(signal);
    expect(await agent.ended).toEqual({ code: 0, signal: null });
    await expect(stat(pid)).rejects.toThrow("ENOENT");
  });

  it("keeps as many old logs as it is told", async () => {
    const agent = await world.start(
      side,
      async (place) => {
        await mkdir(join(place.folder, "logs"));
        return withSink(
          (folder) =>
            `log_file = "${folder}/logs/my.log"\nlog_rotate_bytes = 50\nlog_rotate_max_files = 2\nlog_level = "debug"\n`,
        )(place);
      },
      ["-exit-after-auth"],
    );
    expect((await agent.ended).code).toBe(0);
    const names = (await readdir(join(agent.folder, "logs"))).sort();
    expect(names.filter((name) => /^my-\d+\.log$/.test(name))).toHaveLength(2);
    expect(names.at(-1)).toBe("my.log");
  });
});
