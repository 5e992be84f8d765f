/** Keeps the state file up to date: at most one write at a time, always the newest state, nothing twice. */
import { describe } from "../errors.ts";
import type { Emit } from "../ports.ts";
import type { SavedState, StateFile } from "./state-file.ts";

export interface Memory {
  /** What there is to keep; null is nothing. */
  save(state: SavedState | null): void;
  /** Resolves once what is to be saved at this moment is, or has failed; what comes after it is not waited for. */
  settled(): Promise<void>;
}

export function createMemory(file: StateFile | null, emit: Emit): Memory {
  let wanted: SavedState | null = null;
  let kept = "";
  /** The write that is under way, and the one after it, which will have the newest state. */
  let writing: Promise<void> | null = null;
  let next: Promise<void> | null = null;
  let complained = false;

  async function write(): Promise<void> {
    const state = wanted;
    const text = textOf(state);
    if (text === kept) return;
    try {
      await (state === null ? file?.remove() : file?.save(state));
      kept = text;
      complained = false;
    } catch (error) {
      // A sidecar without a memory still does its work; a restart costs a user then. The next save tries again.
      if (!complained) emit({ is: "warning", code: "state", message: `the state cannot be kept: ${describe(error)}` });
      complained = true;
    }
  }

  function start(): Promise<void> {
    next = null;
    const own = write().finally(() => {
      if (writing === own) writing = null;
    });
    writing = own;
    return own;
  }

  return {
    save(state) {
      if (file === null || (isSame(state, wanted) && !complained)) return;
      wanted = state;
      if (writing !== null) next ??= writing.then(start);
      else if (textOf(state) !== kept) start();
    },
    settled: async () => {
      await (next ?? writing);
    },
  };
}

/** The parts are made once and handed on as they are: most of what happens changes none of them. */
function isSame(a: SavedState | null, b: SavedState | null): boolean {
  if (a === null || b === null) return a === b;
  if (a.token !== b.token || a.credentials.length !== b.credentials.length) return false;
  return a.credentials.every((credential, index) => credential === b.credentials[index]);
}

function textOf(state: SavedState | null): string {
  return state === null ? "" : `${state.token.reveal()} ${JSON.stringify(state.credentials)}`;
}
