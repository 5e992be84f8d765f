/**
 * What readers see while the real publisher writes hundreds of generations, each a process of its own that does nothing
 * else; and where the publisher is killed in the midst of it, again and again.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import * as fs from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Strategy } from "../../src/publish/together.ts";
import { NAMES } from "./fixtures/generations.ts";

const GENERATIONS = 200;
const KILLS = 6;

let folder = "";
let children: ChildProcess[] = [];
beforeEach(async () => {
  folder = await fs.mkdtemp(join(tmpdir(), "lessee-hammer-"));
  children = [];
});
afterEach(async () => {
  for (const child of children) child.kill("SIGKILL");
  await fs.rm(folder, { recursive: true, force: true });
});

interface Reader {
  readonly habit: string;
  /** Resolves when it has come upon this generation of every file. */
  sees(generation: number): Promise<void>;
  /** How often it looked, how many generations it came upon, and what was wrong. */
  end(): Promise<{ readonly looks: number; readonly generations: number; readonly faults: readonly string[] }>;
}

function run(fixture: string, args: readonly string[]) {
  const child = spawn(process.execPath, [join(import.meta.dirname, "fixtures", fixture), ...args], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  children.push(child);
  return { child, gone: once(child, "close"), lines: createInterface({ input: child.stdout }) };
}

async function startReader(habit: string): Promise<Reader> {
  const { child, gone, lines } = run("reader.ts", [folder, habit]);
  let seen: readonly number[] = [];
  let generations = 0;
  let summary = "";
  const looks = new Set<() => void>();
  lines.on("line", (line) => {
    if (line.startsWith("{")) summary = line;
    else if (line !== "ready") {
      seen = line.split(" ").map(Number);
      generations++;
    }
    for (const look of looks) look();
  });
  await once(lines, "line");
  return {
    habit,
    sees: (generation) =>
      new Promise((resolve) => {
        function look(): void {
          if (seen.length === 0 || seen.some((one) => one !== generation)) return;
          looks.delete(look);
          resolve();
        }
        looks.add(look);
        look();
      }),
    async end() {
      child.stdin.end();
      await gone;
      return { ...(JSON.parse(summary) as { looks: number; faults: string[] }), generations };
    },
  };
}

/** Publishes from `first` to `last`, or until it is killed. Resolves to the last that it said. */
async function write(strategy: Strategy, first: number, last: number, killAfter?: number): Promise<number> {
  const { child, gone, lines } = run("writer.ts", [folder, strategy, String(first), String(last)]);
  let said = first - 1;
  lines.on("line", (line) => {
    said = Number(line);
  });
  if (killAfter !== undefined) {
    await once(lines, "line");
    await sleep(killAfter);
    child.kill("SIGKILL");
  }
  const [code] = await gone;
  if (killAfter === undefined) expect(code).toBe(0);
  return said;
}

const STRATEGIES = [
  { strategy: "rename", habits: ["file by file", "in pieces"] },
  { strategy: "symlink", habits: ["file by file", "in pieces", "one folder"] },
] as const;
const WATCHERS = ["watches the folder", "watches the file"];

describe.skipIf(process.platform !== "linux").each(STRATEGIES)(
  "by $strategy (Linux)",
  { timeout: 120_000 },
  ({ strategy, habits }) => {
    async function startReaders(): Promise<readonly Reader[]> {
      await write(strategy, 1, 1);
      return Promise.all([...habits, ...WATCHERS].map(startReader));
    }

    /** Nobody has seen anything wrong, all have looked while it changed, and no file is left that is none of them. */
    async function expectWhole(readers: readonly Reader[], last: number): Promise<void> {
      // Without a further look at the files: who watches has been told.
      await Promise.all(readers.map((reader) => reader.sees(last)));
      for (const reader of readers) {
        const { faults, generations } = await reader.end();
        expect(faults, reader.habit).toEqual([]);
        expect(generations, reader.habit).toBeGreaterThan(10);
      }
      const names = (await fs.readdir(folder)).filter((name) => name !== "..lessee");
      expect(names.sort()).toEqual([...NAMES].sort());
    }

    it(`readers see whole files of one generation, and who watches hears of the last, over ${GENERATIONS} publishes`, async () => {
      const readers = await startReaders();
      await write(strategy, 2, GENERATIONS);
      await expectWhole(readers, GENERATIONS);
    });

    it(`the same with kill -9 of the publisher at ${KILLS} random moments, and who watches hears of what it had begun`, async () => {
      const readers = await startReaders();
      let last = 1;
      for (let kills = 0; kills < KILLS; kills++) {
        last = await write(strategy, last + 1, Number.MAX_SAFE_INTEGER, Math.random() * 60);
        // As after a restart: what it was about to publish is published again.
        await write(strategy, ++last, last);
        await Promise.all(readers.map((reader) => reader.sees(last)));
      }
      await expectWhole(readers, last);
    });
  },
);
