/** The only loop around the pure lifecycles: decide, act, take in what came of it; and again. */
import type { Alarm, Clock } from "../../ports.ts";

/** Wakes every lane that waits, so that it decides anew. */
export interface Pulse {
  /** Until the next beat. */
  readonly signal: Alarm;
  beat(): void;
}

export function createPulse(): Pulse {
  let alarm = createAlarm();
  return {
    get signal() {
      return alarm;
    },
    beat() {
      const last = alarm;
      alarm = createAlarm();
      last.ring();
    },
  };
}

/** Every outcome of hundreds of keepers rings one, and an AbortController would be a good part of their work. */
function createAlarm(): Alarm & { ring(): void } {
  const listeners = new Set<() => void>();
  let aborted = false;
  return {
    get aborted() {
      return aborted;
    },
    addEventListener: (_name, listener) => void listeners.add(listener),
    removeEventListener: (_name, listener) => void listeners.delete(listener),
    ring() {
      aborted = true;
      for (const listener of listeners) listener();
      listeners.clear();
    },
  };
}

/** Rings when one of them does. */
export function either(a: Alarm, b: Alarm): Alarm {
  return {
    get aborted() {
      return a.aborted || b.aborted;
    },
    addEventListener(...call) {
      for (const one of [a, b]) one.addEventListener(...call);
    },
    removeEventListener(...call) {
      for (const one of [a, b]) one.removeEventListener(...call);
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
