/** Keeps the state file up to date: at most one write at a time, always the newest state, nothing twice. */
import { describe, LesseeError } from "../../errors.ts";
import type { Emit } from "../../ports.ts";
import type { SavedState, StateFile } from "./state-file.ts";

/** Where the error itself knows no better. */
const HINT =
  "give the folder room and let lessee write to it, or set state.path; until then a restart costs a new user";

export interface Memory {
  /** There may be something else to keep now. Whatever changes during a write is kept by the next one, all together. */
  changed(): void;
  /** The last write has failed: whatever happens next is worth another. */
  isBehind(): boolean;
  /** Resolves once what is to be kept at this moment is, or has failed; what comes after it is not waited for. */
  settled(): Promise<void>;
}

/** @param now what there is to keep; null is nothing. Asked when a write begins. */
export function createMemory(file: StateFile | null, now: () => SavedState | null, emit: Emit): Memory {
  let kept: SavedState | null = null;
  /** The write that is under way, and the one after it, which will have the newest state. */
  let writing: Promise<void> | null = null;
  let next: Promise<void> | null = null;
  let complained = false;

  async function write(to: StateFile): Promise<void> {
    const state = now();
    if (isSame(state, kept)) return;
    try {
      await (state === null ? to.remove() : to.save(state));
      kept = state;
      complained = false;
    } catch (error) {
      // A sidecar without a memory still does its work; a restart costs a user then. The next change tries again.
      const why = error instanceof LesseeError ? describe(error) : `${describe(error)} (${HINT})`;
      if (!complained) emit({ is: "warning", code: "state", message: `the state cannot be kept: ${why}` });
      complained = true;
    }
  }

  function start(to: StateFile): Promise<void> {
    next = null;
    const own = write(to).finally(() => {
      if (writing === own) writing = null;
    });
    writing = own;
    return own;
  }

  return {
    changed() {
      if (file === null) return;
      if (writing === null) start(file);
      else next ??= writing.then(() => start(file));
    },
    isBehind: () => complained,
    settled: async () => {
      await (next ?? writing);
    },
  };
}

/** The parts are made once and handed on as they are: most of what happens changes none of them. */
function isSame(a: SavedState | null, b: SavedState | null): boolean {
  if (a === null || b === null) return a === b;
  if (a.token.reveal() !== b.token.reveal() || a.credentials.length !== b.credentials.length) return false;
  return a.credentials.every((credential, index) => credential === b.credentials[index]);
}
