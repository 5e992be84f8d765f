/** Keeps the state file up to date: at most one write at a time, always the newest state, nothing twice. */
import { describe } from "../errors.ts";
import type { Emit } from "../ports.ts";
import type { SavedState, StateFile } from "./state-file.ts";

export interface Memory {
  /** What there is to keep; null is nothing. */
  save(state: SavedState | null): void;
  /** Resolves once everything that was to be saved is, or has failed. */
  settled(): Promise<void>;
}

export function createMemory(file: StateFile | null, emit: Emit): Memory {
  let wanted: SavedState | null = null;
  let kept = "";
  let writing: Promise<void> | null = null;
  let complained = false;

  async function write(): Promise<void> {
    let tried: string;
    do {
      const state = wanted;
      tried = textOf(state);
      try {
        await (state === null ? file?.remove() : file?.save(state));
        kept = tried;
        complained = false;
      } catch (error) {
        // A sidecar without a memory still does its work; a restart costs a user then. The next save tries again.
        if (!complained)
          emit({ is: "warning", code: "state", message: `the state cannot be kept: ${describe(error)}` });
        complained = true;
      }
    } while (textOf(wanted) !== tried);
    writing = null;
  }

  return {
    save(state) {
      wanted = state;
      if (file !== null && writing === null && textOf(state) !== kept) writing = write();
    },
    settled: async () => {
      while (writing !== null) await writing;
    },
  };
}

function textOf(state: SavedState | null): string {
  return state === null ? "" : `${state.token.reveal()} ${JSON.stringify(state.credentials)}`;
}
