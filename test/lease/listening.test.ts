/** What is done for an application that does not listen, each step at the edge of its time (rule W5). */
import { describe, expect, it } from "vitest";
import {
  changesHearing,
  escalationAppointments,
  hastyAt,
  isLate,
  lastCallAt,
  needsOwnConnection,
  remindsOf,
  sessionsEndAt,
  stillUsed,
} from "../../src/lease/escalation.ts";
import { settlingOf } from "../../src/lease/schedule.ts";
import type { Policy } from "../../src/lease/state.ts";
import { current, HOUR, retiring, SECOND, stateOf, WATCHED_POLICY } from "./policies.ts";

const NEVER = Number.POSITIVE_INFINITY;
const policy: Policy = { ...WATCHED_POLICY, escalate: ["notify", "idle", "all"] };
const { hearing, margin, quietPeriod, readerGrace } = policy;
const SETTLING = settlingOf(policy);
const END = HOUR;

/** Replaced at 0, an hour before its end. */
const old = (changes: Parameters<typeof retiring>[0] = {}) =>
  retiring({ id: 2, horizon: END, sessions: 3, attached: true, ...changes });
const inUse = (changes: Parameters<typeof current>[0] = {}) =>
  current({ id: 1, publishedAt: 0, heardAt: null, horizon: 24 * HOUR, ...changes });

describe("W5: sessions are ended", () => {
  const CLOSING = END - margin - quietPeriod;

  it.each([
    ["a quiet period and a margin before the end, all of them a margin before it", {}, CLOSING, END - margin],
    [
      "at half and three quarters of a time that is too short for that",
      { horizon: 20 * SECOND },
      10 * SECOND,
      15 * SECOND,
    ],
    ["at once, where the end was over at the change", { replacedAt: END + SECOND }, END + SECOND, END + SECOND],
    ["then as well when it was heard long before", { heardAt: 0 }, CLOSING, END - margin],
    [
      "later where they may still close by themselves",
      { heardAt: END - 4 * SECOND - SETTLING },
      END - 4 * SECOND,
      END - 4 * SECOND,
    ],
    ["in the last second, where these have no time left", { heardAt: END - SETTLING }, END - SECOND, END - SECOND / 2],
    ["but not for one that was opened after the change", { heardAt: END - SETTLING, lateAt: 5 }, CLOSING, END - margin],
  ])("%s", (_what, changes, idle, all) => {
    expect(sessionsEndAt(old(changes), policy)).toEqual({ idle, all });
  });

  it("in their own time also by who is not told: it may open new ones until it should have looked", () => {
    const untold = { ...policy, notifies: false };
    const replacedAt = END - 4 * SECOND - SETTLING - hearing;
    expect(sessionsEndAt(old({ replacedAt }), untold).idle).toBe(END - 4 * SECOND);
    expect(sessionsEndAt(old({ replacedAt }), policy).idle).toBe(CLOSING);
  });

  it("no later where their life is not known", () => {
    const unknown = { ...policy, connectionMaxLifetime: null };
    expect(sessionsEndAt(old({ heardAt: END - SECOND }), unknown)).toEqual({ idle: CLOSING, all: END - margin });
  });

  it("with drain = terminate as soon as they should have closed by themselves, if it was heard", () => {
    const strict = { ...policy, terminates: true };
    expect(sessionsEndAt(old({ heardAt: 5 }), strict)).toEqual({ idle: 5 + SETTLING, all: 5 + SETTLING + quietPeriod });
    expect(sessionsEndAt(old({ heardAt: 5 }), { ...strict, escalate: [] })).toEqual({
      idle: 5 + SETTLING,
      all: 5 + SETTLING + quietPeriod,
    });
    expect(sessionsEndAt(old(), strict)).toEqual({ idle: CLOSING, all: END - margin });
    expect(sessionsEndAt(old(), { ...strict, escalate: [] })).toEqual({ idle: NEVER, all: NEVER });
  });

  it("all at once where the password is known to somebody, if they can be seen", () => {
    const leaked = old({ hasty: true, heardAt: 5 });
    expect(sessionsEndAt(leaked, policy)).toEqual({ idle: NEVER, all: 5 + readerGrace });
    expect(sessionsEndAt(leaked, { ...policy, observes: false })).toEqual({ idle: NEVER, all: NEVER });
    expect(hastyAt({ ...leaked, heardAt: null, replacedAt: 7 }, policy)).toBe(7 + hearing + readerGrace);
    expect(hastyAt({ ...leaked, replacedAt: 7 }, policy)).toBe(7 + readerGrace);
  });

  it.each([
    [{}, true],
    [{ escalate: ["notify"] }, false],
    [{ escalate: ["idle"] }, true],
    [{ escalate: ["all"] }, true],
    [{ escalate: [], terminates: true }, true],
    [{ observes: false, terminates: true }, false],
  ] as const)("R8: by a connection of their own user, if at all (%o: %s)", (changes, needs) => {
    expect(needsOwnConnection({ ...policy, ...changes })).toBe(needs);
  });
});

describe("W5: the last call", () => {
  it.each([
    ["comes the time for hearing before sessions are ended", {}, END - margin - quietPeriod - hearing],
    ["comes after a quarter of a time that is too short for that", { horizon: 40 * SECOND }, 10 * SECOND],
  ])("%s", (_what, changes, time) => {
    expect(lastCallAt(old(changes), policy)).toBe(time);
  });
});

describe("W5: an old one is still used", () => {
  const blind = { ...policy, observes: false };
  const untold = { ...policy, notifies: false };
  const deaf = hearing + SETTLING;

  it.each([
    ["when it should have been heard of the new one", {}, {}, hearing, true],
    ["not before", {}, {}, hearing - 1, false],
    ["not without a session", { sessions: 0 }, {}, HOUR, false],
    ["not where nobody has looked", { sessions: null }, {}, HOUR, false],
    ["not while it is given back", { step: "release" }, {}, HOUR, false],
    ["not for a secret", {}, { lease: "" }, HOUR, false],
    ["by a session that was opened late", { lateAt: 5 }, { heardAt: 1 }, 6, true],
    ["when its last connection should have closed", { heardAt: 5 }, { heardAt: 5 }, 5 + SETTLING, true],
    ["not before that", { heardAt: 5 }, { heardAt: 5 }, 4 + SETTLING, false],
    ["when it should have been heard, though another was before", { heardAt: 5 }, {}, hearing, true],
  ] as const)("%s", (_what, changes, used, now, expected) => {
    const one = old(changes);
    expect(stillUsed(stateOf({ current: inUse(used), retiring: [one] }), now, policy)).toEqual(expected ? [one] : []);
  });

  it.each([
    ["when it was told in vain, where nobody sees its sessions", blind, {}, hearing, true],
    ["not before that", blind, {}, hearing - 1, false],
    ["never then, when it has answered", blind, { heardAt: 5 }, 23 * HOUR, false],
    ["when its connections should be new, where it is not told", untold, {}, deaf, true],
    ["not before they should", untold, {}, deaf - 1, false],
    ["never, where it is neither told nor seen", { ...blind, notifies: false }, {}, 23 * HOUR, false],
    [
      "never, where it is not told and their life is not known",
      { ...untold, connectionMaxLifetime: null },
      {},
      23 * HOUR,
      false,
    ],
  ] as const)("%s", (_what, own, used, now, expected) => {
    expect(stillUsed(stateOf({ current: inUse(used), retiring: [old({ sessions: 3 })] }), now, own)).toHaveLength(
      expected ? 1 : 0,
    );
  });

  it("by nobody, where nothing is in use", () => {
    expect(stillUsed(stateOf({ retiring: [old({ lateAt: 5 })] }), HOUR, policy)).toEqual([]);
  });

  it("has no end of its patience, where the life of connections is not known", () => {
    const unknown = { ...policy, connectionMaxLifetime: null };
    const state = stateOf({ current: inUse({ heardAt: 5 }), retiring: [old({ heardAt: 5 })] });
    expect(stillUsed(state, 23 * HOUR, unknown)).toEqual([]);
  });
});

describe("W5: whether it listens", () => {
  const used = { current: inUse(), retiring: [old()] };
  const letGo = { current: inUse({ heardAt: 5, sessions: 1 }), retiring: [old({ sessions: 0 })] };
  const deafSince = 5;
  const stopping = { at: 0, until: HOUR, release: "drained" } as const;
  const blind = { ...policy, observes: false };

  it.each([
    ["is said not to be so, once", used, "not listening", policy],
    ["is not said again", { ...used, deafSince }, null, policy],
    ["is not said at a stop", { ...used, stopping }, null, policy],
    ["is not said while all is well", letGo, null, policy],
    ["is said to be so again when it uses the new one, and none before", { ...letGo, deafSince }, "listening", policy],
    ["not while it uses none", { ...letGo, current: inUse({ heardAt: 5, sessions: 0 }), deafSince }, null, policy],
    [
      "not while nobody has looked",
      { ...letGo, current: inUse({ heardAt: 5, sessions: null }), deafSince },
      null,
      policy,
    ],
    ["not while it uses an old one too", { ...used, current: inUse({ sessions: 2 }), deafSince }, null, policy],
    ["not while nothing is in use", { deafSince }, null, policy],
    [
      "is said to be so again at its answer, where nobody sees its sessions",
      { current: inUse({ heardAt: 5 }), deafSince },
      "listening",
      blind,
    ],
    ["not before that", { current: inUse({ sessions: 3 }), deafSince }, null, blind],
    ["not at a stop", { ...letGo, deafSince, stopping }, null, policy],
  ] as const)("%s", (_what, state, expected, own) => {
    expect(changesHearing(stateOf(state), hearing, own)).toBe(expected);
  });
});

describe("W5: it is told again", () => {
  const heard = inUse({ heardAt: 5 });
  const LAST = lastCallAt(old(), policy);

  it.each([
    ["when it does not listen", { deafSince: 5, current: heard, retiring: [old()] }, 6, true, {}],
    ["once for that", { deafSince: 5, current: heard, retiring: [old({ remindedAt: 6 })] }, LAST - 1, false, {}],
    ["not while it listens", { current: heard, retiring: [old()] }, LAST - 1, false, {}],
    ["at the last call", { current: heard, retiring: [old()] }, LAST, true, {}],
    [
      "at the last call, though it was told before",
      { deafSince: 5, current: heard, retiring: [old({ remindedAt: LAST - 1 })] },
      LAST,
      true,
      {},
    ],
    ["once then", { deafSince: 5, current: heard, retiring: [old({ remindedAt: LAST })] }, LAST, false, {}],
    ["not without a session", { deafSince: 5, current: heard, retiring: [old({ sessions: 0 })] }, LAST, false, {}],
    [
      "not where nobody has looked",
      { deafSince: 5, current: heard, retiring: [old({ sessions: null })] },
      LAST,
      false,
      {},
    ],
    [
      "whatever its sessions, where nobody sees them",
      { deafSince: 5, current: heard, retiring: [old({ sessions: null })] },
      6,
      true,
      { observes: false },
    ],
    [
      "not while it is being told",
      { deafSince: 5, current: inUse({ telling: { failures: 1, retryAt: HOUR } }), retiring: [old()] },
      LAST,
      false,
      {},
    ],
    [
      "not at a stop",
      { deafSince: 5, current: heard, retiring: [old()], stopping: { at: 0, until: HOUR, release: "drained" } },
      LAST,
      false,
      {},
    ],
    ["not where nothing is in use", { deafSince: 5, retiring: [old()] }, LAST, false, {}],
    [
      "not where that is switched off",
      { deafSince: 5, current: heard, retiring: [old()] },
      LAST,
      false,
      { escalate: ["idle", "all"] },
    ],
    [
      "not where there is nobody to tell",
      { deafSince: 5, current: heard, retiring: [old()] },
      LAST,
      false,
      { notifies: false },
    ],
    [
      "not because of what is given back",
      { deafSince: 5, current: heard, retiring: [old({ step: "check" })] },
      LAST,
      false,
      {},
    ],
  ] as const)("%s", (_what, state, now, expected, own) => {
    expect(remindsOf(stateOf(state), now, { ...policy, ...own })?.id).toBe(expected ? 2 : undefined);
  });
});

describe("appointments", () => {
  it("are all moments at which one of these answers changes", () => {
    const { idle, all } = sessionsEndAt(old({ heardAt: 5 }), policy);
    const state = stateOf({
      current: inUse({ publishedAt: 7 }),
      retiring: [old({ heardAt: 5 }), old({ step: "release" })],
    });
    expect(escalationAppointments(state, policy)).toEqual([
      7 + hearing,
      5 + SETTLING,
      lastCallAt(old(), policy),
      idle,
      all,
    ]);
  });

  it("are fewer where nothing is in use", () => {
    const [expected] = escalationAppointments(stateOf({ retiring: [old()] }), policy);
    expect(expected).toBe(NEVER);
  });
});

describe("a session", () => {
  it("is late when every reader should have had the new password", () => {
    const one = old({ replacedAt: 7 });
    expect(isLate(one, 7 + hearing + readerGrace, policy)).toBe(false);
    expect(isLate(one, 8 + hearing + readerGrace, policy)).toBe(true);
  });
});
