import * as fs from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { PublishError } from "../../src/errors.ts";
import type { PublishRequest } from "../../src/publish/file.ts";
import { publishTogether, type Strategy } from "../../src/publish/together.ts";
import { faultyFiles } from "./faulty-files.ts";

const ports = { files: fs, random: Math.random };
/** So large that a file half written would be seen. */
const SIZE = 64 * 1024;
const OLD = "o".repeat(SIZE);
const NEW = "n".repeat(SIZE + 1);
const NEXT = "x".repeat(SIZE + 2);

let folder = "";
beforeEach(async () => {
  folder = await fs.mkdtemp(join(tmpdir(), "lessee-together-"));
});
afterEach(async () => {
  await fs.rm(folder, { recursive: true, force: true });
});

function request(name: string, content: string, more: Partial<PublishRequest> = {}): PublishRequest {
  return {
    destination: join(folder, name),
    content: Buffer.from(content),
    createDestDirs: true,
    backup: false,
    ...more,
  };
}

async function publish(strategy: Strategy, ...requests: readonly PublishRequest[]): Promise<readonly boolean[]> {
  return (await publishTogether(requests, strategy, ports)).map(({ changed }) => changed);
}

/** For messages: contents are long. */
function named(content: string): string {
  const names = new Map([
    [OLD, "old"],
    [NEW, "new"],
    [NEXT, "next"],
  ]);
  return names.get(content) ?? `half: ${content.length} bytes of ${content.slice(0, 1)}`;
}

async function read(name: string): Promise<string> {
  return await fs.readFile(join(folder, name), "utf8");
}

/** Whatever generations there are, they have been there for a while. */
async function age(): Promise<void> {
  const root = join(folder, "..lessee");
  const paths = (await fs.readdir(root).catch(() => [])).map((name) => join(root, name));
  for (const path of paths) {
    const { mtimeMs } = await fs.lstat(path);
    const before = new Date(mtimeMs - 60_000);
    await fs.lutimes(path, before, before);
  }
}

describe.each(["rename", "symlink", "in-place"] as const)("publishTogether by %s", (strategy) => {
  it("writes what has changed and says which", async () => {
    expect(await publish(strategy, request("a", "1"), request("sub/b", "1"))).toEqual([true, true]);
    expect(await publish(strategy, request("a", "1"), request("sub/b", "2"))).toEqual([false, true]);
    expect(await publish(strategy, request("a", "1"), request("sub/b", "2"))).toEqual([false, false]);
    expect([await read("a"), await read("sub/b")]).toEqual(["1", "2"]);
  });

  it("keeps the mode, and sets the one that is asked for", async () => {
    await fs.writeFile(join(folder, "a"), "0", { mode: 0o640 });
    await publish(strategy, request("a", "1"));
    expect((await fs.stat(join(folder, "a"))).mode & 0o777).toBe(0o640);
    await publish(strategy, request("a", "2", { perms: 0o600 }));
    expect((await fs.stat(join(folder, "a"))).mode & 0o777).toBe(0o600);
  });

  it("keeps the old content as .bak", async () => {
    for (const content of ["1", "2", "3"]) await publish(strategy, request("a", content, { backup: true }));
    expect([await read("a"), await read("a.bak")]).toEqual(["3", "2"]);
  });
});

describe("rename", () => {
  it("changes nothing when one of several cannot be written", async () => {
    await publish("rename", request("a", "old"));
    await fs.mkdir(join(folder, "b"));
    await expect(publish("rename", request("a", "new"), request("b", "new"))).rejects.toMatchObject({ written: [] });
    expect(await read("a")).toBe("old");
    expect((await fs.readdir(folder)).sort()).toEqual(["a", "b"]);
  });
});

describe("in-place", () => {
  it("writes into the file that is there, through a link too, and shortens it", async () => {
    await fs.writeFile(join(folder, "real"), "long, long ago");
    await fs.symlink("real", join(folder, "a"));
    const { ino } = await fs.stat(join(folder, "real"));
    await publish("in-place", request("a", "short"));
    expect(await read("real")).toBe("short");
    expect((await fs.stat(join(folder, "real"))).ino).toBe(ino);
    expect((await fs.lstat(join(folder, "a"))).isSymbolicLink()).toBe(true);
  });
});

describe("symlink (M11)", () => {
  it("links relatively and inside the volume", async () => {
    await publish("symlink", request("config.yaml", "1"));
    expect(await fs.readlink(join(folder, "config.yaml"))).toBe("..lessee/current/config.yaml");
    expect(await fs.readlink(join(folder, "..lessee/current"))).toMatch(/^[0-9a-f]+$/);
    await fs.rename(folder, `${folder}-elsewhere`);
    try {
      expect(await fs.readFile(`${folder}-elsewhere/config.yaml`, "utf8")).toBe("1");
    } finally {
      await fs.rename(`${folder}-elsewhere`, folder);
    }
  });

  it("may be entered by everybody, whatever the umask", async () => {
    const umask = process.umask(0o077);
    try {
      await publish("symlink", request("a", "1"));
    } finally {
      process.umask(umask);
    }
    expect((await fs.stat(join(folder, "..lessee/current/"))).mode & 0o777).toBe(0o755);
  });

  it("takes over plain files, and files of other credentials stay as they are", async () => {
    await fs.writeFile(join(folder, "a"), "plain");
    await publish("symlink", request("a", "1"));
    await publish("symlink", request("b", "1"));
    await publish("symlink", request("a", "2"));
    expect([await read("a"), await read("b")]).toEqual(["2", "1"]);
  });

  it("drops a file that nobody links to any more", async () => {
    await publish("symlink", request("a", "1"), request("b", "1"));
    await fs.rm(join(folder, "b"));
    await publish("symlink", request("a", "2"));
    expect(await fs.readdir(join(folder, "..lessee/current/"))).toEqual(["a"]);
  });

  it("keeps two generations", async () => {
    for (const content of ["1", "2", "3", "4"]) {
      await publish("symlink", request("a", content));
      await age();
    }
    expect(await fs.readdir(join(folder, "..lessee"))).toHaveLength(3);
  });

  it("keeps what was replaced a moment ago for whoever has just opened it, however much follows", async () => {
    await publish("symlink", request("a", "0"), request("b", "0"));
    await age();
    const opened = await fs.realpath(join(folder, "..lessee/current"));
    for (const content of ["1", "2", "3"]) await publish("symlink", request("a", content));
    expect(await fs.readFile(join(opened, "b"), "utf8")).toBe("0");
    await age();
    await publish("symlink", request("a", "4"));
    expect(await fs.readdir(join(folder, "..lessee"))).toHaveLength(3);
  });

  it("makes room on a full disk by what nobody reads any more", async () => {
    for (const content of ["1", "2"]) await publish("symlink", request("a", content));
    await age();
    const { files } = faultyFiles({ from: 1, lasting: true, code: "ENOSPC", spares: (call) => !/write/.test(call) });
    await expect(publishTogether([request("a", "3")], "symlink", { files, random: Math.random })).rejects.toThrow();
    expect(await fs.readdir(join(folder, "..lessee"))).toHaveLength(2);
    expect(await read("a")).toBe("2");
  });

  it("changes all files of a folder at one instant", async () => {
    const requests = (content: string) => [request("a", content), request("b", content)];
    await publish("symlink", ...requests("0"));
    const stop = new AbortController();
    const reading = readPairs(stop.signal);
    for (let i = 1; i <= 100; i++) await publish("symlink", ...requests(String(i)));
    stop.abort();
    const pairs = await reading;
    expect(pairs.length).toBeGreaterThan(10);
    expect(pairs.filter(([a, b]) => a !== b)).toEqual([]);
  });

  /** Both files of one generation, as a program would that wants a consistent pair. */
  async function readPairs(signal: AbortSignal): Promise<readonly (readonly [string, string])[]> {
    const pairs: [string, string][] = [];
    while (!signal.aborted) {
      const generation = await fs.realpath(join(folder, "..lessee/current"));
      const [a, b] = await Promise.all(["a", "b"].map((name) => fs.readFile(join(generation, name), "utf8")));
      pairs.push([a ?? "", b ?? ""]);
    }
    return pairs;
  }
});

describe("whatever call fails, once or for ever", () => {
  const cases = (["rename", "symlink", "in-place"] as const).flatMap((strategy) =>
    ["ENOSPC", "EROFS", "EACCES"].flatMap((code) =>
      [false, true].map((lasting) => ({ strategy, code, lasting, times: lasting ? "for ever" : "once" })),
    ),
  );

  it.each(cases)(
    "$strategy, $code $times: the old files or the new ones, whole",
    { timeout: 60_000 },
    async ({ strategy, code, lasting }) => {
      const requests = (content: string) => [request("a", content), request("b", content, { backup: true })];
      const total = await countCalls(strategy, requests);
      expect(total).toBeGreaterThan(10);
      const stop = new AbortController();
      // In place a reader may see half a file: that is what the strategy gives up.
      const reading = strategy === "in-place" ? [] : [watch("a", stop.signal), watch("b", stop.signal)];

      for (let from = 1; from <= total; from++) {
        await age();
        await publish(strategy, ...requests(OLD));
        await age();
        // A full disk still lets go of what is there.
        const spares = (call: string) => code === "ENOSPC" && /^(unlink|rm|rename|readdir|.*stat|read.*)$/.test(call);
        const { files, calls } = faultyFiles({ from, lasting, code, spares });
        const outcome = await publishTogether(requests(NEW), strategy, { files, random: Math.random }).catch(
          (error: unknown) => error,
        );
        const label = `call ${from} of ${total}: ${calls[from - 1]}`;
        const seen = { a: named(await read("a")), b: named(await read("b")) };
        if (outcome instanceof Error) {
          expect(outcome, label).toBeInstanceOf(PublishError);
          const { written } = outcome as PublishError;
          const expected = (name: string) => (written.includes(join(folder, name)) ? "new" : "old");
          const broken = strategy === "in-place" && lasting;
          if (!broken) expect(seen, label).toEqual({ a: expected("a"), b: expected("b") });
        } else {
          expect(seen, label).toEqual({ a: "new", b: "new" });
        }
        const canCleanUp = !lasting || code === "ENOSPC";
        // What is left of the generations may be one more when its removal is what failed.
        if (canCleanUp) expect(await leftovers(3), label).toEqual([]);
        await age();
        await publish(strategy, ...requests(NEXT));
        // One that never became the current one and could not be removed is gone a publish later.
        expect(await leftovers(canCleanUp ? 2 : 3), `${label}, after the next publish`).toEqual([]);
      }
      stop.abort();
      for (const contents of await Promise.all(reading)) {
        expect([...contents].filter((content) => content.startsWith("half"))).toEqual([]);
        expect(contents.size).toBeGreaterThan(1);
      }
    },
  );

  it("says what mends it", async () => {
    const { files } = faultyFiles({ from: 1, lasting: true, code: "EROFS", spares: (call) => call !== "open" });
    const failed = publishTogether([request("a", "1")], "rename", { files, random: Math.random });
    await expect(failed).rejects.toMatchObject({
      code: "publish",
      message: `cannot write ${join(folder, "a")}: the file system is read-only (EROFS)`,
      hint: expect.stringMatching(/writable volume/),
    });
  });

  async function countCalls(strategy: Strategy, requests: (content: string) => PublishRequest[]): Promise<number> {
    await publish(strategy, ...requests(OLD));
    const { files, calls } = faultyFiles({ from: 0, lasting: false, code: "", spares: () => true });
    await publishTogether(requests(NEW), strategy, { files, random: Math.random });
    return calls.length;
  }

  /** All contents that a reader sees until the signal aborts; a missing file fails. */
  async function watch(name: string, signal: AbortSignal): Promise<ReadonlySet<string>> {
    const contents = new Set<string>();
    while (!signal.aborted) {
      contents.add(named(await read(name)));
      // The one who writes has to come to its turn as well.
      await new Promise((resolve) => setImmediate(resolve));
    }
    return contents;
  }

  /** Whatever is there beside the files, their backups and so many generations. */
  async function leftovers(most: number): Promise<readonly string[]> {
    const own = (await fs.readdir(folder)).filter((name) => !["a", "b", "b.bak", "..lessee"].includes(name));
    const root = await fs.readdir(join(folder, "..lessee")).catch(() => []);
    const generations = root.filter((name) => /^[0-9a-f]+$/.test(name));
    const others = root.filter((name) => name !== "current" && !generations.includes(name));
    return [...own, ...others, ...generations.slice(most)];
  }
});
