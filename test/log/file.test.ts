import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { type LogFileSettings, openLogFile } from "../../src/log/file.ts";

const DAY = 24 * 3_600_000;

async function lab(settings: Partial<LogFileSettings> = {}, name = "agent.log") {
  const folder = await mkdtemp(join(tmpdir(), "lessee-log-file-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const path = join(folder, name);
  const complaints: string[] = [];
  let time = 1_800_000_000_000.25;
  const open = () => {
    const file = openLogFile(
      { path, rotateBytes: 0, rotateDuration: DAY, rotateMaxFiles: 0, ...settings },
      { clock: { now: () => time }, complain: (message) => complaints.push(message) },
    );
    onTestFinished(file.close);
    return file;
  };
  return {
    folder,
    path,
    complaints,
    open,
    wait: (by: number) => {
      time += by;
    },
    names: () => readdirSync(folder).sort(),
    text: (file = name) => readFileSync(join(folder, file), "utf8"),
  };
}

describe("the log file", () => {
  it("is appended to, for its owner to write and its group to read", async () => {
    const { open, path, text } = await lab();
    open().write("one\n");
    open().write("two\n");
    expect(text()).toBe("one\ntwo\n");
    expect(statSync(path).mode & 0o777 & ~0o640).toBe(0);
  });

  it("is put aside once it has its bytes, those of an earlier process among them", async () => {
    const { open, names, text, wait } = await lab({ rotateBytes: 8 });
    open().write("first\n");
    const file = open();
    file.write("second\n");
    wait(5);
    file.write("third\n");
    file.write("fourth\n");
    expect(names()).toEqual(["agent-1800000000005000000.log", "agent.log"]);
    expect(text("agent-1800000000005000000.log")).toBe("first\nsecond\n");
    expect(text()).toBe("third\nfourth\n");
  });

  it("is put aside after its time", async () => {
    const { open, names, wait } = await lab({ rotateDuration: 1_000 });
    const file = open();
    file.write("first\n");
    wait(999);
    file.write("first\n");
    expect(names()).toEqual(["agent.log"]);
    wait(1);
    file.write("second\n");
    expect(names()).toHaveLength(2);
  });

  it("never overwrites one that was put aside in the same moment", async () => {
    const { open, names } = await lab({ rotateBytes: 1 });
    const file = open();
    for (const line of ["1\n", "2\n", "3\n"]) file.write(line);
    expect(names()).toEqual(["agent-1800000000000000000.log", "agent-1800000000000000001.log", "agent.log"]);
  });

  it.each([
    [2, ["4\n", "5\n"]],
    [-1, []],
    [0, ["1\n", "2\n", "3\n", "4\n", "5\n"]],
  ])("keeps, with rotate_max_files %i, the newest of those put aside", async (rotateMaxFiles, left) => {
    const { open, folder, names, text } = await lab({ rotateBytes: 1, rotateMaxFiles });
    writeFileSync(join(folder, "agent-of-somebody-else.log"), "");
    const file = open();
    for (const line of ["1\n", "2\n", "3\n", "4\n", "5\n", "6\n"]) file.write(line);
    const aside = names().filter((name) => /-\d+\.log$/.test(name));
    expect(aside.map((name) => text(name))).toEqual(left);
    expect(names()).toContain("agent-of-somebody-else.log");
  });

  it.skipIf(!existsSync("/dev/full"))("says once that the disk is full, and goes on", async () => {
    const { open, path, complaints } = await lab();
    symlinkSync("/dev/full", path);
    const file = open();
    file.write("one\n");
    file.write("two\n");
    expect(complaints).toEqual([expect.stringMatching(/^log_file: cannot write .*agent\.log: ENOSPC/)]);
  });

  it("is opened as soon as that can be done, and says so", async () => {
    const { open, folder, path, complaints, text } = await lab({}, "later/agent.log");
    const file = open();
    file.write("lost\n");
    expect(complaints).toEqual([expect.stringMatching(/^log_file: cannot open .*ENOENT/)]);
    mkdirSync(join(folder, "later"));
    file.write("kept\n");
    expect(text()).toBe("kept\n");
    expect(complaints.slice(1)).toEqual([`log_file: ${path} is written again`]);
  });

  it("grows where it cannot be put aside", async () => {
    const { open, path, complaints } = await lab({ rotateBytes: 1 });
    const file = open();
    file.write("one\n");
    rmSync(path);
    file.write("two\n");
    file.write("three\n");
    expect(complaints).toEqual([expect.stringMatching(/^log_file: cannot rotate .*ENOENT/)]);
  });
});
