import { spawn } from "node:child_process";
import { once } from "node:events";
import * as fs from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openState, type PlaceOptions } from "../../../src/lease/memory/state-place.ts";
import { publishFile } from "../../../src/publish/file.ts";
import { anyClaim } from "../../support/claims.ts";
import { BINDING, savedState } from "./saved-state.ts";

let home = "";
beforeEach(async () => {
  home = await fs.mkdtemp(join(tmpdir(), "home-"));
});
afterEach(() => fs.rm(home, { recursive: true }));

function open(changes: Partial<PlaceOptions> = {}) {
  return openState({
    config: {},
    home,
    binding: async () => BINDING,
    files: fs,
    write: async (destination, content) => {
      const request = { destination, content, perms: 0o600, createDestDirs: false, backup: false };
      await publishFile(request, { files: fs, random: Math.random });
    },
    kill: process.kill,
    claim: anyClaim,
    pid: process.pid,
    ...changes,
  });
}

describe("W11: the place", () => {
  it("is state.path, which others share, or a folder of our own in HOME, which they do not", async () => {
    const path = join(home, "run", "state");
    const shared = (await open({ config: { path } })).place;
    expect(shared).toMatchObject({ folder: path, shared: true });
    const own = (await open()).place;
    expect(own).toMatchObject({ folder: join(home, ".lessee"), shared: false });
    expect((await fs.stat(join(home, ".lessee"))).mode & 0o777).toBe(0o700);
    await Promise.all([shared?.close(), own?.close()]);
  });

  it("that there is not is said, and the sidecar works without", async () => {
    expect(await open({ home: undefined })).toEqual({ place: null, warning: expect.stringContaining("state.path") });
    await fs.writeFile(join(home, "file"), "");
    const { place, warning } = await open({ config: { path: join(home, "file", "state") } });
    expect(place).toBeNull();
    expect(warning).toContain("the state is not kept");
  });

  it("is left without a lock", async () => {
    const { place } = await open();
    await place?.file.save(savedState());
    await place?.close();
    expect(await fs.readdir(join(home, ".lessee"))).toEqual(["lessee-state.json"]);
  });
});

describe("the key", () => {
  it("seals the state", async () => {
    const keyFile = join(home, "key");
    await fs.writeFile(keyFile, "sixteen characters or more\n");
    const { place } = await open({ config: { keyFile } });
    await place?.file.save(savedState());
    expect(await fs.readFile(join(home, ".lessee", "lessee-state.json"), "utf8")).not.toContain("s.token");
    await place?.close();
  });

  it.each([
    ["is not there", async () => join(home, "missing")],
    [
      "is too short",
      async () => {
        await fs.writeFile(join(home, "short"), "short");
        return join(home, "short");
      },
    ],
  ])("that %s means no state, rather than an open one", async (_what, keyFile) => {
    const { place, warning } = await open({ config: { keyFile: await keyFile() } });
    expect(place).toBeNull();
    expect(warning).toContain("the state is not kept");
    expect(warning).not.toContain("short'");
  });
});

describe("W11: the lock", () => {
  const lock = () => join(home, ".lessee", "lessee.lock");

  it("of a process that lives keeps the state from us", async () => {
    const other = spawn("sleep", ["60"]);
    await once(other, "spawn");
    const theirs = await open({ pid: other.pid! });
    expect(theirs.place).not.toBeNull();
    const { place, warning } = await open();
    expect(place).toBeNull();
    expect(warning).toContain(`is held by another lessee (pid ${other.pid})`);
    expect(warning).toContain("state.path");
    other.kill("SIGKILL");
    await once(other, "exit");
    const after = await open();
    expect(after.place).not.toBeNull();
    await after.place?.close();
  });

  it.each([
    ["another process that has the number now", () => `${process.ppid} 1`],
    ["ourselves, as after a restart of the container", () => `${process.pid} 1`],
    ["a process that has ended", () => "2147483646 1"],
    ["nobody", () => ""],
    ["garbage", () => "x y z"],
  ])("that names %s is taken over", async (_what, owner) => {
    await fs.mkdir(join(home, ".lessee"));
    await fs.writeFile(lock(), owner());
    const { place, warning } = await open();
    expect([warning, place === null]).toEqual([null, false]);
    expect(await fs.readFile(lock(), "utf8")).toMatch(new RegExp(`^${process.pid} [1-9]`));
    await place?.close();
  });

  it("that the disk has no room for leaves no file open", async () => {
    let opened: fs.FileHandle | undefined;
    const files = {
      ...fs,
      async open(...call: Parameters<typeof fs.open>) {
        opened = await fs.open(...call);
        opened.writeFile = () => Promise.reject(new Error("ENOSPC: no space left on device"));
        return opened;
      },
    };
    const { place, warning } = await open({ files });
    expect([place, warning]).toEqual([null, expect.stringContaining("ENOSPC")]);
    expect(opened?.fd).toBe(-1);
  });

  it("of a process that we may not signal counts as its own", async () => {
    const other = spawn("sleep", ["60"]);
    await once(other, "spawn");
    await open({ pid: other.pid! });
    const kill = () => {
      throw Object.assign(new Error("EPERM"), { code: "EPERM" });
    };
    expect((await open({ kill })).place).toBeNull();
    other.kill("SIGKILL");
    await once(other, "exit");
  });
});
