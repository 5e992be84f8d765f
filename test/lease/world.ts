/**
 * A made-up world for the lifecycle to live in: a server that grants, shortens, refuses and forgets leases, a Postgres
 * that knows sessions, and an application that takes a new credential when it likes. Everything comes from one seed.
 */
import { advance } from "../../src/lease/advance.ts";
import { decide } from "../../src/lease/lifecycle.ts";
import type { Action, Grant, Lane, Outcome } from "../../src/lease/outcomes.ts";
import { horizonFrom, incrementFor, leadFor, probeDue, renewalDue } from "../../src/lease/schedule.ts";
import { allHeld, type Held, NOTHING_YET, type Policy, type State, type Stopping } from "../../src/lease/state.ts";
import { REQUESTS } from "../../src/lease/trouble.ts";

export interface WorldOptions {
  readonly seed: number;
  readonly policy: Policy;
  /** TTL and max TTL of a lease. */
  readonly ttl: number;
  readonly maxTtl: number;
  readonly tokenTtl: number;
  /** From 0 (never) to 1 (always): how often a call fails. */
  readonly trouble: number;
  readonly steps: number;
  /** Stops after so many steps. */
  readonly stopAfter: number;
  readonly release: Stopping["release"];
  /** No template asks for it after so many steps, and one does again a hundred later, or when nothing is held. */
  readonly unaskedAfter?: number | undefined;
  /** The application answers every hook, and never uses another than its first credential; all else answers at once. */
  readonly deaf?: boolean;
  /**
   * The clock jumps forward now and then: because the machine has slept (`asleep`), so that it is later everywhere, or
   * because somebody has set it (`ahead`), so that what the server has granted lasts longer than our clock says.
   */
  readonly jumps?: "asleep" | "ahead";
  /** Reads work, and nothing that concerns a lease does. */
  readonly renewalsRefused?: boolean;
}

export interface Walk {
  readonly broken: readonly string[];
  readonly steps: number;
  readonly state: State;
  readonly done: boolean;
  /** Times of every call to the server, and of those that made a user. */
  readonly calls: readonly number[];
  readonly users: readonly number[];
  /** Of those and of those that may have been made, the ones that no TTL had asked for. */
  readonly unplanned: readonly number[];
  readonly left: number;
  /** How often what was in use ended, with nothing to follow it. */
  readonly losses: number;
  /** Of users that were replaced: when, when they ended at the latest, and what was done before that. */
  readonly replaced: readonly Replaced[];
  /** When a call was first known to have failed. */
  readonly firstFailure: number;
  /** When it was said that the application does not listen. */
  readonly deafAt: readonly number[];
}

export interface Replaced {
  readonly replacedAt: number;
  readonly end: number;
  readonly ended: readonly { readonly which: "idle" | "all"; readonly at: number }[];
}

interface Busy {
  readonly until: number;
  readonly outcome: Outcome;
}

interface User {
  /** When the server ends it, in truth. */
  expiry: number;
  readonly maxExpiry: number;
  sessions: { closesAt: number; busy: boolean }[];
  /** Since the last look. */
  opened: number;
  /** When its sessions were ended by us, and which. */
  readonly ended: { which: "idle" | "all"; at: number }[];
  /** When its successor was published, and how many sessions it had just before the server ended it. */
  replacedAt: number | null;
  published: boolean;
  drainedAt: number | null;
}

const LANES: readonly Lane[] = ["issue", "keep", "apply"];

export function walk(options: WorldOptions): Walk {
  const { policy } = options;
  const random = mulberry(options.seed);
  const broken: string[] = [];
  const calls: number[] = [];
  const made: number[] = [];
  const unplanned: number[] = [];
  const deafAt: number[] = [];
  let firstFailure = Number.POSITIVE_INFINITY;
  const failedAt = new Map<string, number>();
  const renewedAt = new Map<number, readonly [number, number]>();
  const users = new Map<number, User>();
  let state: State = NOTHING_YET;
  let now = 1_000_000;
  /** Whose password the file has, and whose the application uses. */
  let written: number | null = null;
  let appUser: number | null = null;
  let appSwitchesAt = Number.POSITIVE_INFINITY;
  let left = 0;
  let losses = 0;
  let stoppedAt: number | null = null;
  const busy = new Map<Lane, Busy>();
  const waiting = new Map<Lane, number>();
  const finished = new Set<Lane>();

  const refused: readonly Action["do"][] = ["renew", "probe", "look up", "release", "check release"];
  const fails = (action: Action) =>
    options.renewalsRefused === true ? refused.includes(action.do) : random() < options.trouble;
  const check = (holds: boolean, what: string) => {
    if (!holds) broken.push(`at ${now - 1_000_000}: ${what}`);
  };

  function openSessions(): number {
    for (const user of users.values())
      user.sessions = user.sessions.filter((session) => session.closesAt > now && user.expiry > now);
    return [...users.values()].reduce((sum, user) => sum + user.sessions.length, 0);
  }
  /** Told again before it has looked, it looks no later for it. */
  function applicationLooks(at: number): void {
    if (options.deaf && appUser !== null) return;
    appSwitchesAt = Math.min(appSwitchesAt, at);
  }
  function applicationLives(): void {
    openSessions();
    if (stoppedAt !== null) return;
    if (appSwitchesAt <= now) {
      appUser = written;
      appSwitchesAt = Number.POSITIVE_INFINITY;
    }
    const user = appUser === null ? undefined : users.get(appUser);
    const life = policy.connectionMaxLifetime ?? 60_000;
    if (user !== undefined && user.expiry > now && user.sessions.length < 3) {
      user.sessions.push({ closesAt: now + life * random(), busy: random() < 0.3 });
      user.opened++;
    }
  }

  function jump(by: number): void {
    now += by;
    if (by > 30_000) take({ is: "clock jumped", ahead: by });
    if (options.jumps === "asleep") return;
    for (const [id, user] of users) {
      const sessions = user.sessions.map((session) => ({ ...session, closesAt: session.closesAt + by }));
      users.set(id, { ...user, sessions, expiry: user.expiry + by, maxExpiry: user.maxExpiry + by });
    }
  }

  function perform(lane: Lane, action: Action): Busy {
    const took = random() < 0.05 && !options.deaf ? 5_000 * random() : 20 * random();
    const until = now + took;
    const held = "id" in action ? allHeld(state).find((one) => one.id === action.id) : undefined;
    const failing = fails(action);
    if (failing) {
      firstFailure = Math.min(firstFailure, until);
      const name = `${lane}/${action.do}/${"id" in action ? action.id : ""}`;
      check(failedAt.get(name) !== until, `two failing calls of ${name} at one instant`);
      failedAt.set(name, until);
    }
    return { until, outcome: outcomeOf(action, held, failing, until) };
  }

  function outcomeOf(action: Action, held: Held | undefined, failing: boolean, until: number): Outcome {
    switch (action.do) {
      case "read": {
        calls.push(now);
        const mayHaveIssued = failing && random() < 0.3;
        if (mayHaveIssued || (!failing && (state.current === null || state.wanted !== null))) unplanned.push(now);
        if (failing)
          return {
            is: "read failed",
            mayHaveIssued,
            error: "x",
            ...(random() < 0.2 ? { retryAfter: 3_000 } : {}),
          };
        made.push(now);
        const id = state.nextId;
        users.set(id, {
          expiry: now + options.ttl,
          maxExpiry: now + options.maxTtl,
          sessions: [],
          opened: 0,
          ended: [],
          replacedAt: null,
          published: false,
          drainedAt: null,
        });
        return { is: "read", grant: grantOf() };
      }
      case "probe": {
        calls.push(now);
        const user = users.get(action.id)!;
        if (failing || user.expiry <= now) return { is: "probed", id: action.id, found: null };
        user.expiry = user.maxExpiry + 1_000;
        return { is: "probed", id: action.id, found: { expiry: user.maxExpiry, horizon: user.maxExpiry } };
      }
      case "look up": {
        calls.push(now);
        const { expiry } = users.get(action.id)!;
        return { is: "looked up", id: action.id, sentAt: now, left: failing ? null : Math.max(0, expiry - now) };
      }
      case "renew": {
        calls.push(now);
        check(
          !("step" in held!) || ["drain", "verify", "horizon", "publish"].includes(String(held.step)),
          `renewed while ${"step" in held! ? held.step : ""}`,
        );
        const user = users.get(action.id)!;
        if (user.expiry <= now) return { is: "renewal failed", id: action.id, verdict: "lost", error: "x" };
        // A refused one is followed by a lookup.
        if (failing) calls.push(now);
        if (failing)
          return {
            is: "renewal failed",
            id: action.id,
            verdict: random() < 0.1 ? "ended" : random() < 0.5 ? "kept" : "unknown",
            error: "x",
            expiry: user.expiry,
          };
        const asked = incrementFor(held!.duration, leadFor(held!, policy));
        const granted = Math.floor(Math.min(asked, user.maxExpiry - now) / 1_000) * 1_000;
        // A probe is followed by a renewal, and may come just after one.
        const [before = 0, last = 0] = renewedAt.get(action.id) ?? [];
        check(now - before >= 500, `${action.id} was renewed three times in half a second`);
        renewedAt.set(action.id, [last, now]);
        if (granted <= 0) {
          user.expiry = now;
          return { is: "renewal failed", id: action.id, verdict: "lost", error: "x" };
        }
        user.expiry = Math.min(now + granted + 1_000, user.maxExpiry + 1_000);
        const horizon = horizonFrom(now, asked, granted);
        return {
          is: "renewed",
          id: action.id,
          expiry: now + granted,
          horizon,
          renewAt: renewalDue(now, granted, Math.min(horizon, held!.horizon), leadFor(held!, policy), policy.jitter),
        };
      }
      case "release": {
        calls.push(now);
        const user = users.get(action.id)!;
        if (user.published && policy.observes && stoppedAt === null)
          check(
            user.sessions.length === 0 || appUser === action.id || user.drainedAt !== null,
            `user ${action.id} was released with ${user.sessions.length} sessions`,
          );
        check(state.current?.id !== action.id, "the current one was released");
        check(
          stoppedAt !== null || appUser !== action.id || !user.published || user.expiry <= now,
          `user ${action.id} was released while the application would use it`,
        );
        if (failing) calls.push(now);
        if (failing) return { is: "release failed", id: action.id, error: "x" };
        user.expiry = now;
        return { is: "release asked", id: action.id };
      }
      case "check release":
        calls.push(now);
        return failing ? { is: "release failed", id: action.id, error: "x" } : { is: "released", id: action.id };
      case "verify":
        return failing
          ? {
              is: "verification failed",
              id: action.id,
              blames: (["credential", "privilege", "server"] as const)[Math.floor(random() * 3)]!,
              error: "x",
            }
          : { is: "verified", id: action.id, validFor: null };
      case "publish": {
        if (random() < 0.05) return { is: "publish waits", id: action.id, until: Number.POSITIVE_INFINITY };
        if (random() < 0.05) return { is: "publish waits", id: action.id, until: now + 1 + random() * 5_000 };
        if (failing) return { is: "publish failed", id: action.id, error: "x" };
        users.get(action.id)!.published = true;
        if (policy.printsHorizon) check(held!.ends?.horizon !== undefined, "published before its horizon was settled");
        // The application looks at its file when it likes; when it is told, at once.
        if (!policy.notifies) applicationLooks(until + Math.min(random() * policy.readerGrace, 120_000));
        return { is: "published", id: action.id, tell: true };
      }
      case "notify":
        if (failing) return { is: "notify failed", id: action.id, permanent: random() < 0.2, failures: [] };
        applicationLooks(until + random() * policy.readerGrace * 0.9);
        return { is: "notified", id: action.id };
      case "watch": {
        if (failing) return { is: "watch failed", error: "x" };
        openSessions();
        const roles = allHeld(state).map((one) => ({
          id: one.id,
          sessions: users.get(one.id)?.sessions.length ?? 0,
          opened: users.get(one.id)?.opened ?? 0,
          owned: 0,
          validFor: null,
        }));
        for (const user of users.values()) user.opened = 0;
        return { is: "watched", roles };
      }
      case "attach":
        return failing ? { is: "attach failed", id: action.id, error: "x" } : { is: "attached", id: action.id };
      case "terminate": {
        const user = users.get(action.id)!;
        const which = action.idleFor === null ? "all" : "idle";
        if (user.ended.at(-1)?.which !== which) user.ended.push({ which, at: until });
        user.sessions = which === "all" ? [] : user.sessions.filter(({ busy }) => busy);
        return { is: "terminated", id: action.id, which };
      }
      default:
        throw new Error(action.do);
    }
  }

  function grantOf(): Grant {
    const never = Number.POSITIVE_INFINITY;
    const duration = options.ttl;
    return {
      lease: "lease",
      user: "user",
      readAt: now,
      duration,
      expiry: now + duration,
      horizon: never,
      renewable: true,
      probeAt: policy.probe ? probeDue(now, policy.printsHorizon) : never,
      token: 1,
      tokenExpiry: now + options.tokenTtl,
      tokenHorizon: now + options.tokenTtl,
      renewAt: renewalDue(now, duration, never, 0, policy.jitter),
    };
  }

  function take(outcome: Outcome): void {
    const before = state;
    state = advance(state, outcome, now, policy, random());
    if (outcome.is === "left") left++;
    if (outcome.is === "published") {
      if (written !== null) users.get(written)!.replacedAt = now;
      written = outcome.id;
    }
    if (outcome.is === "not listening") deafAt.push(now);
    if (outcome.is === "drained") users.get(outcome.id)!.drainedAt = now;
    if (
      before.current !== null &&
      before.current.id !== state.current?.id &&
      outcome.is !== "published" &&
      outcome.is !== "unasked" &&
      outcome.is !== "stop"
    ) {
      losses++;
      check(
        outcome.is === "expired" ||
          outcome.is === "token lost" ||
          outcome.is === "looked up" ||
          outcome.is === "renewal failed",
        `${outcome.is} took the current one away`,
      );
      const alive = (users.get(before.current.id)?.expiry ?? 0) > now;
      check(options.trouble > 0 || !alive, `${outcome.is} took a current one away that was alive`);
    }
    for (const lane of LANES) waiting.delete(lane);
  }

  let askedAgainAfter: number | null = null;
  const isToBeAskedAgain = () => askedAgainAfter !== null && stoppedAt === null;
  let step = 0;
  for (; step < options.steps && (finished.size < LANES.length || isToBeAskedAgain()); step++) {
    if (step === options.unaskedAfter) {
      written = null;
      appUser = null;
      appSwitchesAt = Number.POSITIVE_INFINITY;
      take({ is: "unasked" });
      askedAgainAfter = step + 100;
    }
    if (isToBeAskedAgain() && (step === askedAgainAfter || finished.size === LANES.length)) {
      askedAgainAfter = null;
      // One that has come to its end begins anew.
      finished.clear();
      take({ is: "asked again" });
    }
    if (step === options.stopAfter) {
      stoppedAt = now;
      appSwitchesAt = Number.POSITIVE_INFINITY;
      take({ is: "stop", stopping: { at: now, until: now + 20_000, release: options.release } });
    }
    for (const lane of LANES) {
      if (busy.has(lane) || waiting.has(lane) || finished.has(lane)) continue;
      const action = decide(state, lane, now, policy);
      if (action.do === "done") finished.add(lane);
      else if (action.do === "wait") {
        check(Number.isFinite(action.until) && action.until > now, `${lane} waits until ${action.until - now}`);
        check(action.until <= now + 10 * 60_000, `${lane} waits for ${action.until - now}`);
        waiting.set(lane, action.until);
      } else if (action.do === "note") take(action.outcome);
      else {
        if (action.do in REQUESTS) take({ is: "asking", requests: REQUESTS[action.do as keyof typeof REQUESTS] });
        if (action.do === "read") take({ is: "reading" });
        busy.set(lane, perform(lane, action));
      }
    }
    if (finished.size === LANES.length) continue;
    const times = [...[...busy.values()].map((one) => one.until), ...waiting.values(), appSwitchesAt].filter(
      (time) => time > now,
    );
    const ready = [...busy].filter(([, one]) => one.until <= now);
    for (const [lane, one] of ready) {
      busy.delete(lane);
      take(one.outcome);
    }
    if (ready.length > 0 || LANES.some((lane) => !busy.has(lane) && !waiting.has(lane) && !finished.has(lane)))
      continue;
    if (times.length === 0) break;
    now = Math.min(...times);
    if (options.jumps !== undefined && random() < 0.02) jump(random() * 3 * 3_600_000);
    for (const [lane, until] of waiting) if (until <= now) waiting.delete(lane);
    applicationLives();
  }
  if (finished.size === LANES.length) check(allHeld(state).length === 0, "done, and something is held");
  const replaced = [...users.values()].flatMap(({ ended, maxExpiry, replacedAt }) =>
    replacedAt === null ? [] : [{ replacedAt, end: maxExpiry, ended }],
  );
  return {
    broken,
    steps: step,
    state,
    done: finished.size === LANES.length,
    calls,
    users: made,
    unplanned,
    left,
    losses,
    replaced,
    deafAt,
    firstFailure,
  };
}

/** A small generator with a seed; good enough to walk with. */
function mulberry(seed: number): () => number {
  let a = seed >>> 0;
  return () => {
    a = (a + 0x6d2b79f5) >>> 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
