import * as fs from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createSinks, type Sinks, type SinksDeps } from "../../src/auth/sinks.ts";
import type { SinkConfig } from "../../src/config/types.ts";
import type { LesseeEvent } from "../../src/events.ts";
import { publishFile } from "../../src/publish/file.ts";
import { Sensitive } from "../../src/sensitive.ts";
import { useFakeClock } from "../support/fake-clock.ts";

const clock = useFakeClock();
let folder = "";
beforeEach(async () => {
  folder = await fs.mkdtemp(join(tmpdir(), "sinks-"));
});
afterEach(() => fs.rm(folder, { recursive: true }));

interface Watched {
  readonly sinks: Sinks;
  readonly events: readonly LesseeEvent[];
  /** The next time that a sink has its token. */
  written(): Promise<void>;
}

const write: SinksDeps["write"] = (request) => publishFile(request, { files: fs, random: Math.random });

function open(configs: readonly SinkConfig["config"][], more: Partial<SinksDeps> = {}): Watched {
  const events: LesseeEvent[] = [];
  let waiting = Promise.withResolvers<void>();
  const sinks = createSinks({
    sinks: configs.map((config) => ({ type: "file", wrapTtl: 0, deriveKey: false, config })),
    clock: clock(),
    random: () => 0,
    emit: (event) => events.push(event),
    content: async (_sink, token) => token.reveal(),
    write,
    onWritten: () => waiting.resolve(),
    ...more,
  });
  return {
    sinks,
    events,
    written() {
      waiting = Promise.withResolvers();
      return waiting.promise;
    },
  };
}

describe("a sink", () => {
  it("gets the token whole, with Vault Agent's mode or the one that is asked for", async () => {
    const paths = [join(folder, "a"), join(folder, "b")];
    const { sinks, written } = open([{ path: paths[0] }, { path: paths[1], mode: 0o600 }]);
    expect(sinks.written).toBe(false);
    sinks.put(new Sensitive("s.token"));
    while (!sinks.written) await written();
    expect(await Promise.all(paths.map((path) => fs.readFile(path, "utf8")))).toEqual(["s.token", "s.token"]);
    expect(await Promise.all(paths.map(async (path) => (await fs.stat(path)).mode & 0o777))).toEqual([0o640, 0o600]);
    expect(await fs.readdir(folder)).toEqual(["a", "b"]);
  });

  it("that cannot be written is tried again, is said, and never with the token in it", async () => {
    const { sinks, events, written } = open([{ path: join(folder, "missing", "token") }]);
    sinks.put(new Sensitive("s.token"));
    await clock().asleep(1);
    expect(events).toMatchObject([
      { is: "warning", code: "sink", message: expect.stringContaining("create_dest_dirs") },
    ]);
    expect(inspect(events, { depth: null })).not.toContain("s.token");
    expect(sinks.written).toBe(false);
    await fs.mkdir(join(folder, "missing"));
    const done = written();
    await clock().advance(500);
    await done;
    expect(await fs.readFile(join(folder, "missing", "token"), "utf8")).toBe("s.token");
    expect(sinks.written).toBe(true);
  });

  it("is tried ever more seldom, and no more once the sidecar stops", async () => {
    let tries = 0;
    const { sinks } = open([{ path: join(folder, "a") }], {
      write: async () => {
        tries++;
        throw new Error("no");
      },
    });
    sinks.put(new Sensitive("s.token"));
    for (let minute = 0; minute < 10; minute++) {
      await clock().asleep(1);
      await clock().advance(60_000);
    }
    expect(tries).toBeLessThan(60);
    await clock().asleep(1);
    sinks.stop();
    expect(clock().sleepers).toBe(0);
  });

  it("ends with the newest token, however late an older one is written", async () => {
    const path = join(folder, "a");
    const gate = Promise.withResolvers<void>();
    const first = Promise.withResolvers<void>();
    const begun: string[] = [];
    const { sinks, written } = open([{ path }], {
      write: async (request) => {
        begun.push(String(request.content));
        first.resolve();
        if (begun.length === 1) await gate.promise;
        await write(request);
      },
    });
    sinks.put(new Sensitive("s.first"));
    await first.promise;
    sinks.put(new Sensitive("s.second"));
    sinks.put(new Sensitive("s.third"));
    const done = written();
    gate.resolve();
    await done;
    expect(sinks.written).toBe(true);
    expect(await fs.readFile(path, "utf8")).toBe("s.third");
    expect(begun).toEqual(["s.first", "s.third"]);
  });

  it("that fails with the old token while a new one comes is tried with the new one", async () => {
    const path = join(folder, "missing", "a");
    const { sinks, written } = open([{ path }]);
    sinks.put(new Sensitive("s.first"));
    await clock().asleep(1);
    await fs.mkdir(join(folder, "missing"));
    const done = written();
    sinks.put(new Sensitive("s.second"));
    await done;
    expect(await fs.readFile(path, "utf8")).toBe("s.second");
    expect(clock().sleepers).toBe(0);
  });

  it.each([[{}], [{ path: "" }], [{ path: 3 }]])("needs a path: %j", (config) => {
    expect(() => open([config])).toThrow("'path' not specified for file sink");
  });
});

it("without a sink everything is written", () => {
  const { sinks } = open([]);
  sinks.put(new Sensitive("s.token"));
  expect(sinks.written).toBe(true);
});
