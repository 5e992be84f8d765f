import * as fs from "node:fs/promises";
import { tmpdir } from "node:os";
import { setImmediate as turn } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { createFolders } from "../../src/publish/folders.ts";

/** The real files, whose folders are opened when the test says so. */
function slowFiles() {
  const opened: (() => void)[] = [];
  const open: typeof fs.open = async (...args) => {
    await new Promise<void>((resolve) => void opened.push(resolve));
    return fs.open(...args);
  };
  return { opened, files: { open, readdir: fs.readdir } };
}

describe("the sync of a folder", () => {
  it("begins after it was asked for, and is one for all who ask during another", async () => {
    const { files, opened } = slowFiles();
    const { sync } = createFolders(files);
    const done: number[] = [];
    const asked = [0, 1, 2].map((number) => sync(tmpdir()).then(() => done.push(number)));
    expect(opened).toHaveLength(1);
    opened[0]?.();
    await asked[0];
    await turn();
    expect(done).toEqual([0]);
    expect(opened).toHaveLength(2);
    const last = sync(tmpdir());
    opened[1]?.();
    await Promise.all(asked);
    await turn();
    expect(opened).toHaveLength(3);
    opened[2]?.();
    await last;
    const again = sync(tmpdir());
    expect(opened).toHaveLength(4);
    opened[3]?.();
    await again;
  });

  it("that fails is no failure of the publish", async () => {
    await createFolders(fs).sync("/nowhere/at/all");
    expect(await createFolders(fs).names("/nowhere/at/all")).toEqual([]);
  });
});
