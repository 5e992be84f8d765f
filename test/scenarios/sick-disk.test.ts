/**
 * A log file on a real disk that is full, read-only or closed to the sidecar's user: root, too, is bound by permissions
 * once it has no capabilities, as in a pod that drops them. What else is written is tried in test/faults/disks.test.ts.
 */
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, type TestContext } from "vitest";
import { run } from "../../dev/process.ts";
import { DISK_FAULTS, type DiskFault, mayMount, mend, mount, spoil, unmount } from "../../dev/real-disk.ts";
import { configuration } from "../support/configuration.ts";
import { startWorld, type World } from "../support/world.ts";

const POWERLESS = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"];

const AGAIN = /is written again$/;
const WORDS: Readonly<Record<DiskFault, RegExp>> = {
  "disk full": /^log_file: cannot write \S+agent\.log: ENOSPC/,
  "read-only": /^log_file: cannot open \S+agent\.log: EROFS/,
  permission: /^log_file: cannot open \S+agent\.log: EACCES/,
};

let world: World;
beforeAll(async () => {
  world = await startWorld();
});
afterAll(() => world.stop());

/** For what is to be spoilt, if that can be done here. */
async function makeFolder(folder: string, fault: DiskFault, { skip, onTestFinished }: TestContext): Promise<void> {
  await mkdir(folder);
  if (fault === "permission") {
    const powerless =
      process.getuid?.() !== 0 || (await run(POWERLESS[0]!, [...POWERLESS.slice(1), "true"], {}).then(...YES_OR_NO));
    if (!powerless) skip("root that is bound by permissions needs setpriv");
  } else {
    if (!(await mayMount(folder))) skip("a volume of its own needs root, who may mount");
    await mount(folder);
    onTestFinished(() => unmount(folder));
  }
}

const YES_OR_NO = [() => true, () => false] as const;

describe.concurrent("A log file on a disk with trouble stops nothing:", () => {
  it.for(DISK_FAULTS)("%s, and then well again", async (fault, test) => {
    const pod = await world.pod({}, test);
    const folder = pod.path("logs");
    await makeFolder(folder, fault, test);
    const app = await pod.application("per-connection");
    // A full disk may come in the middle of a line; the others while a file is open there are no fault for it.
    if (fault !== "disk full") await spoil(folder, fault);
    const agent = await pod.agent(configuration(pod, { rest: `log_file = "${folder}/agent.log"` }), {
      within: fault === "permission" && process.getuid?.() === 0 ? POWERLESS : [],
    });
    await agent.event("published");
    if (fault === "disk full") await spoil(folder, fault);
    await agent.event("released");
    // Where a long line had no room in a file's last page, a shorter one may have: then it is written again for a while.
    const refused = agent.lines.filter((line) => fault !== "disk full" || !AGAIN.test(line));
    expect(refused).toEqual(refused.map(() => expect.stringMatching(WORDS[fault])));
    expect(refused).not.toEqual([]);

    await mend(folder, fault);
    const since = agent.entries.length;
    await agent.event("released", () => true, since);
    expect(agent.lines.at(-1)).toMatch(AGAIN);
    expect(agent.lines.filter((line) => AGAIN.test(line))).toHaveLength(refused.length);
    const { failed } = await app.stop();
    expect(failed).toBe(0);
    expect(await agent.stop()).toEqual({ code: 0, signal: null });
    expect(await pod.left()).toEqual([]);
    const lines = (await readFile(join(folder, "agent.log"), "utf8")).trimEnd().split("\n");
    const output = agent.output().split("\n");
    expect(lines.filter((line) => !output.includes(line))).toEqual([]);
    expect(lines.at(-1)).toBe(output.at(-1));
  });

  it.for(DISK_FAULTS)("%s, to the end", async (fault, test) => {
    const pod = await world.pod({}, test);
    const folder = pod.path("logs");
    await makeFolder(folder, fault, test);
    await spoil(folder, fault);
    const agent = await pod.agent(configuration(pod, { rest: `log_file = "${folder}/agent.log"` }), {
      within: fault === "permission" && process.getuid?.() === 0 ? POWERLESS : [],
    });
    await agent.event("released");
    expect(await agent.stop()).toEqual({ code: 0, signal: null });
    expect(agent.lines).toEqual([expect.stringMatching(WORDS[fault])]);
    expect(await pod.left()).toEqual([]);
  });
});
