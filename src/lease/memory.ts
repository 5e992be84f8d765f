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
    for (let text = textOf(wanted); text !== kept; text = textOf(wanted)) {
      const state = wanted;
      try {
        await (state === null ? file?.remove() : file?.save(state));
        complained = false;
      } catch (error) {
        // A sidecar without a memory still does its work; a restart costs a user then.
        if (!complained)
          emit({ is: "warning", code: "state", message: `the state cannot be kept: ${describe(error)}` });
        complained = true;
      }
      kept = text;
    }
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
