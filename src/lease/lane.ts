/** The only loop around the pure lifecycles: decide, act, take in what came of it; and again. */
import type { Clock } from "../ports.ts";

/** Wakes every lane that waits, so that it decides anew. */
export interface Pulse {
  readonly signal: AbortSignal;
  beat(): void;
}

const WOKEN = "woken";

export function createPulse(): Pulse {
  let controller = new AbortController();
  return {
    get signal() {
      return controller.signal;
    },
    beat() {
      const last = controller;
      controller = new AbortController();
      // A reason of its own saves Node from making an error with a stack, which is most of the work.
      last.abort(WOKEN);
    },
  };
}

type LaneAction<Outcome> =
  | { readonly do: "wait"; readonly until: number }
  | { readonly do: "done" }
  | { readonly do: "note"; readonly outcome: Outcome };

export interface LaneRun<Action, Outcome> {
  readonly clock: Clock;
  readonly pulse: Pulse;
  decide(): Action | LaneAction<Outcome>;
  /** Never rejects: what fails is an outcome too. */
  perform(action: Exclude<Action, LaneAction<Outcome>>): Promise<Outcome>;
  apply(outcome: Outcome): void;
}

/** Runs one lane until it is done. */
export async function runLane<Action extends { readonly do: string }, Outcome>(
  lane: LaneRun<Action, Outcome>,
): Promise<void> {
  for (;;) {
    // Taken before the decision: a change that comes in between must not be slept through.
    const { signal } = lane.pulse;
    const action = lane.decide();
    if (isDone(action)) return;
    if (isWait(action)) await lane.clock.sleep(action.until, signal);
    else if (isNote<Outcome>(action)) lane.apply(action.outcome);
    else lane.apply(await lane.perform(action as Exclude<Action, LaneAction<Outcome>>));
  }
}

function isDone(action: { readonly do: string }): boolean {
  return action.do === "done";
}

function isWait(action: { readonly do: string }): action is { readonly do: "wait"; readonly until: number } {
  return action.do === "wait";
}

function isNote<Outcome>(action: {
  readonly do: string;
}): action is { readonly do: "note"; readonly outcome: Outcome } {
  return action.do === "note";
}
