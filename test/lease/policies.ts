/** Policies and credentials for laws and components. */
import fc from "fast-check";
import { retirement } from "../../src/lease/retirement.ts";
import {
  type Candidate,
  type Current,
  type Held,
  NOTHING_YET,
  type Policy,
  type Retiring,
  type State,
} from "../../src/lease/state.ts";
import type { HeldToken } from "../../src/lease/token.ts";

export const SECOND = 1_000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;

/** The seed's numbers. */
export const SEED_POLICY: Policy = {
  connectionMaxLifetime: HOUR,
  readerGrace: 30 * SECOND,
  longestUse: 6 * MINUTE,
  preparation: 10 * SECOND,
  hearing: 30 * SECOND,
  margin: 6 * SECOND,
  quietPeriod: 10 * SECOND,
  maxNewPerHour: 6,
  probe: true,
  printsHorizon: false,
  verifies: false,
  observes: false,
  terminates: false,
  escalate: [],
  notifies: false,
  staticInterval: 5 * MINUTE,
  renewalThreshold: 0.9,
  jitter: 0,
};

/** Sessions are seen, somebody is told, and connections live two minutes. */
export const WATCHED_POLICY: Policy = {
  ...SEED_POLICY,
  connectionMaxLifetime: 2 * MINUTE,
  longestUse: 20 * SECOND,
  verifies: true,
  observes: true,
  notifies: true,
};

const duration = (max: number) => fc.integer({ min: 0, max });

export const anyPolicy: fc.Arbitrary<Policy> = fc.record({
  connectionMaxLifetime: fc.option(duration(24 * HOUR)),
  readerGrace: duration(5 * MINUTE),
  longestUse: duration(HOUR),
  preparation: duration(MINUTE),
  hearing: duration(5 * MINUTE),
  margin: duration(MINUTE),
  quietPeriod: duration(MINUTE),
  maxNewPerHour: fc.integer({ min: 1, max: 60 }),
  probe: fc.boolean(),
  printsHorizon: fc.boolean(),
  verifies: fc.boolean(),
  observes: fc.boolean(),
  terminates: fc.boolean(),
  escalate: fc.subarray(["notify", "idle", "all"] as const),
  notifies: fc.boolean(),
  staticInterval: fc.integer({ min: SECOND, max: 24 * HOUR }),
  renewalThreshold: fc.double({ min: 0.01, max: 1, noNaN: true }),
  jitter: fc.double({ min: 0, max: 1, noNaN: true }),
});

/** A lease as a server may grant it: whole seconds, from nothing to the longest that there is. */
export const anySeconds = fc
  .oneof(
    fc.constant(0),
    fc.constant(1),
    fc.integer({ min: 2, max: 86_400 }),
    fc.constant(768 * 3600),
    fc.constant(9_223_372_036),
  )
  .map((seconds) => seconds * SECOND);

export function held(changes: Partial<Held> = {}): Held {
  const readAt = changes.readAt ?? 0;
  const length = changes.duration ?? 12 * HOUR;
  return {
    id: 1,
    lease: "database/creds/pg-role/1",
    user: "v-pg",
    readAt,
    duration: length,
    expiry: readAt + length,
    horizon: Number.POSITIVE_INFINITY,
    renewable: true,
    token: 1,
    tokenExpiry: Number.POSITIVE_INFINITY,
    tokenHorizon: Number.POSITIVE_INFINITY,
    validUntil: Number.POSITIVE_INFINITY,
    probeAt: Number.POSITIVE_INFINITY,
    renewAt: Number.POSITIVE_INFINITY,
    renewals: 0,
    renewFailures: 0,
    verified: false,
    ...changes,
  };
}

/** Read, and not logged in with yet. */
export function candidate(changes: Partial<Candidate> = {}): Candidate {
  return { ...held(changes), step: "verify", failures: 0, failingSince: null, retryAt: 0, ...changes };
}

/** Published at its read and heard at once; it has no session. */
export function current(changes: Partial<Current> = {}): Current {
  const one = held(changes);
  return { ...one, publishedAt: one.readAt, heardAt: one.readAt, telling: null, reminders: 0, sessions: 0, ...changes };
}

/** Replaced at 0, and not known to be let go. */
export function retiring(changes: Partial<Retiring> = {}): Retiring {
  return { ...retirement(held(changes), 0), step: "drain", publishedAt: 0, ...changes };
}

export function stateOf(changes: Partial<State> = {}): State {
  return { ...NOTHING_YET, nextId: 10, ...changes };
}

/** Of an hour, renewed at its half, that a day ends. */
export function heldToken(changes: Partial<HeldToken> = {}): HeldToken {
  return {
    number: 1,
    loggedInAt: 0,
    duration: HOUR,
    expiry: HOUR,
    horizon: 24 * HOUR,
    renewable: true,
    probeAt: Number.POSITIVE_INFINITY,
    renewAt: 30 * MINUTE,
    renewFailures: 0,
    refusals: 0,
    ...changes,
  };
}
