/** Reading what may never answer: pipes without a writer, writers that say nothing, devices without an end. */
import { execFileSync } from "node:child_process";
import * as fs from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { patientFiles } from "../../src/system/patient-files.ts";
import { createFakeClock } from "../support/fake-clock.ts";

let folder = "";
let pipe = "";
beforeEach(async () => {
  folder = await fs.mkdtemp(join(tmpdir(), "patient-"));
  pipe = join(folder, "pipe");
  execFileSync("mkfifo", [pipe]);
});
afterEach(() => fs.rm(folder, { recursive: true }));

const clock = createFakeClock(0);
const files = patientFiles(fs, clock);

describe("reading", () => {
  it("a file is what it is without us, and so are its errors", async () => {
    await fs.writeFile(join(folder, "file"), "\u00e4");
    expect(await files.readFile(join(folder, "file"), "utf8")).toBe("\u00e4");
    expect([...(await files.readFile(join(folder, "file")))]).toEqual([0xc3, 0xa4]);
    expect(await files.readFile("/proc/self/comm", "utf8")).not.toBe("");
    await expect(files.readFile(join(folder, "none"), "utf8")).rejects.toThrow("ENOENT");
    await expect(files.readFile(folder, "utf8")).rejects.toThrow("EISDIR");
  });

  it("a pipe gives what its writer writes to the end", async () => {
    const writer = await fs.open(pipe, "r+");
    await writer.write("one ");
    const text = files.readFile(pipe, "utf8");
    await writer.write("two");
    await clock.asleep(1);
    await writer.close();
    await clock.advance(20);
    expect(await text).toBe("one two");
  });

  it("a pipe that nobody writes to is an error at once", async () => {
    await expect(files.readFile(pipe, "utf8")).rejects.toThrow(/pipe is no file, and nobody writes to it/);
  });

  it("a writer that says nothing is waited for ten seconds", async () => {
    const writer = await fs.open(pipe, "r+");
    const text = expect(files.readFile(pipe, "utf8")).rejects.toThrow(/did not end within 10 s/);
    await clock.asleep(1);
    await clock.advance(10_020);
    await text;
    await writer.close();
  });

  it("a file that is larger than what is meant is not read: 16 MiB of text, 64 of anything", async () => {
    const file = join(folder, "file");
    await fs.writeFile(file, "");
    await fs.truncate(file, 16 * 1024 * 1024);
    expect(await files.readFile(file, "utf8")).toHaveLength(16 * 1024 * 1024);
    await fs.truncate(file, 16 * 1024 * 1024 + 1);
    await expect(files.readFile(file, "utf8")).rejects.toMatchObject({
      code: "EFBIG",
      message: `EFBIG: ${file} has 16777217 bytes, and no more than 16 MiB are read`,
    });
    expect(await files.readFile(file)).toHaveLength(16 * 1024 * 1024 + 1);
    await fs.truncate(file, 64 * 1024 * 1024 + 1);
    await expect(files.readFile(file)).rejects.toThrow(/no more than 64 MiB are read/);
  });

  it("a device without an end is read no further than 4 MiB", async () => {
    await expect(files.readFile("/dev/zero", "utf8")).rejects.toThrow(/zero is no file, and has no end/);
  });
});
