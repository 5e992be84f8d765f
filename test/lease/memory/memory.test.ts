import { setImmediate as turn } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import type { LesseeEvent } from "../../../src/events.ts";
import { createMemory, type Memory } from "../../../src/lease/memory/memory.ts";
import type { SavedState, StateFile } from "../../../src/lease/memory/state-file.ts";
import type { Emit } from "../../../src/ports.ts";
import { savedCredential, savedState } from "./saved-state.ts";

const ONE = savedCredential();

/** A memory of what the test puts into it. */
function memoryOf(file: StateFile | null, emit: Emit = () => {}) {
  let state: SavedState | null = null;
  const memory = createMemory(file, () => state, emit);
  return {
    ...memory,
    save(next: SavedState | null) {
      state = next;
      memory.changed();
    },
  };
}

/** A file whose writes end when the test says so. */
function slowFile() {
  const writes: { what: string; end(error?: Error): void }[] = [];
  const write = (what: string) =>
    new Promise<void>((resolve, reject) => {
      writes.push({ what, end: (error) => (error === undefined ? resolve() : reject(error)) });
    });
  const file: StateFile = {
    save: (state: SavedState) => write(state.token.reveal()),
    remove: () => write("removed"),
    load: async () => ({ state: null, warning: null }),
  };
  return { file, writes, what: () => writes.map(({ what }) => what) };
}

async function endAll({ writes }: ReturnType<typeof slowFile>, memory: Memory): Promise<void> {
  const settled = memory.settled().then(() => true);
  for (let i = 0; !(await Promise.race([settled, turn(false)])); ) writes[i++]?.end();
}

describe("the memory", () => {
  it("writes one at a time, always the newest, and nothing twice", async () => {
    const slow = slowFile();
    const memory = memoryOf(slow.file);
    for (const token of ["s.1", "s.2", "s.3"]) memory.save(savedState(token, ONE));
    expect(slow.what()).toEqual(["s.1"]);
    await endAll(slow, memory);
    expect(slow.what()).toEqual(["s.1", "s.3"]);
    memory.save(savedState("s.3", ONE));
    await memory.settled();
    expect(slow.what()).toEqual(["s.1", "s.3"]);
  });

  it("removes the file when there is nothing to keep any more, and not before there was something", async () => {
    const slow = slowFile();
    const memory = memoryOf(slow.file);
    memory.save(null);
    await memory.settled();
    expect(slow.what()).toEqual([]);
    memory.save(savedState("s.token", ONE));
    memory.save(null);
    await endAll(slow, memory);
    expect(slow.what()).toEqual(["s.token", "removed"]);
  });

  it("is settled at once where nothing is under way, and where there is no file", async () => {
    const memory = memoryOf(null);
    memory.save(savedState("s.token", ONE));
    await memory.settled();
  });

  it("that cannot write says so once, and writes again as soon as somebody saves, even the same", async () => {
    const events: LesseeEvent[] = [];
    const slow = slowFile();
    const memory = memoryOf(slow.file, (event) => events.push(event));
    for (let i = 0; i < 2; i++) {
      memory.save(savedState("s.token", ONE));
      slow.writes[i]!.end(new Error("ENOSPC"));
      await memory.settled();
    }
    const message = expect.stringMatching(/^the state cannot be kept: ENOSPC \(give the folder room/);
    expect(events).toEqual([{ is: "warning", code: "state", message }]);
    memory.save(savedState("s.token", ONE));
    slow.writes[2]!.end();
    await memory.settled();
    memory.save(savedState("s.token", ONE));
    expect(slow.what()).toHaveLength(3);
  });
});
