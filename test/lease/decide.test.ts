/** Each decision of a lease at the edge of its time: what is done now, what a moment earlier, what in another stage. */
import { describe, expect, it } from "vitest";
import { lastCallAt, sessionsEndAt } from "../../src/lease/escalation.ts";
import { decide, dueBecause } from "../../src/lease/lifecycle.ts";
import type { Lane } from "../../src/lease/outcomes.ts";
import { leadFor, rotationDue, settlingOf } from "../../src/lease/schedule.ts";
import type { Policy, State, Stopping } from "../../src/lease/state.ts";
import { candidate, current, HOUR, MINUTE, retiring, SECOND, stateOf, WATCHED_POLICY } from "./policies.ts";

const NEVER = Number.POSITIVE_INFINITY;
const NOW = 100 * HOUR;
/** A lane without an appointment looks again after it. */
const FAR = NOW + 10 * MINUTE;
const policy = WATCHED_POLICY;
const blind: Policy = { ...policy, observes: false };
const SETTLING = settlingOf(policy);

const at = (time: number) => NOW + time;
const ago = (time: number) => NOW - time;
const until = (time: number) => ({ do: "wait", until: time });
const stopping = (changes: Partial<Stopping> = {}): Stopping => ({
  at: ago(SECOND),
  until: at(20 * SECOND),
  release: "drained",
  ...changes,
});
/** In use since an hour, for a day to come. */
const inUse = (changes: Parameters<typeof current>[0] = {}) =>
  current({ readAt: ago(HOUR), horizon: at(24 * HOUR), renewAt: at(5 * HOUR), ...changes });
/** Replaced a minute ago, with half an hour to live. */
const old = (changes: Parameters<typeof retiring>[0] = {}) =>
  retiring({
    id: 2,
    readAt: ago(24 * HOUR),
    expiry: at(HOUR / 2),
    horizon: at(HOUR / 2),
    replacedAt: ago(MINUTE),
    ...changes,
  });

type Row = readonly [what: string, state: Partial<State>, expected: object, policy?: Policy];

function decides(lane: Lane, rows: readonly Row[]): void {
  it.for(rows)("%s", ([, state, expected, own = policy]) => {
    expect(decide(stateOf(state), lane, NOW, own)).toEqual(expected);
  });
}

describe("W1: a rotation is due", () => {
  const ends = { horizon: at(HOUR), readAt: ago(24 * HOUR) };
  const due = HOUR - leadFor(current(ends), policy);

  it.each([
    ["first, where nothing is in use", {}, "first"],
    ["for what is said, where nothing is in use", { wanted: "lost" }, "lost"],
    ["for what is said, whatever the times say", { current: inUse(), wanted: "asked for" }, "asked for"],
    ["not before its time", { current: inUse({ horizon: at(24 * HOUR) }) }, null],
    ["for the lease's horizon", { current: inUse({ ...ends, horizon: at(HOUR - due) }) }, "horizon"],
    ["for the token's", { current: inUse({ ...ends, horizon: at(HOUR), tokenHorizon: at(HOUR - due) }) }, "token"],
    [
      "M5: for the end of new logins",
      { current: inUse({ ...ends, horizon: at(HOUR), validUntil: at(HOUR - due) }) },
      "valid until",
    ],
    [
      "M5: for the end of new logins, though the token ends with them",
      { current: inUse({ ...ends, tokenHorizon: at(HOUR - due), validUntil: at(HOUR - due) }) },
      "valid until",
    ],
    [
      "for renewals that keep failing",
      { current: inUse({ ...ends, renewFailures: 2, expiry: at(HOUR - due) }) },
      "renewals ended",
    ],
  ] as const)("%s", (_what, state, because) => {
    expect(dueBecause(stateOf(state), NOW, policy)).toBe(because);
  });

  it("a moment after it is not", () => {
    const one = inUse(ends);
    const moment = rotationDue(one, policy);
    expect(dueBecause(stateOf({ current: one }), moment - 1, policy)).toBeNull();
    expect(dueBecause(stateOf({ current: one }), moment, policy)).toBe("horizon");
  });
});

describe("the lane that reads", () => {
  const soon = inUse({ readAt: ago(24 * HOUR), horizon: at(leadFor(inUse(), policy) + 5 * MINUTE) });

  decides("issue", [
    ["reads the first at once", {}, { do: "read" }],
    ["reads none beside a candidate", { candidate: candidate(), wanted: "lost" }, until(FAR)],
    ["waits for the rotation's time", { current: soon }, until(at(5 * MINUTE))],
    ["looks again long before a rotation that is far away", { current: inUse() }, until(FAR)],
    ["reads when it is wanted", { current: inUse(), wanted: "asked for" }, { do: "read" }],
    ["waits after a failure", { read: { failures: 1, retryAt: at(7), unclear: false } }, until(at(7))],
    ["reads as soon as that is over", { read: { failures: 1, retryAt: NOW, unclear: false } }, { do: "read" }],
    [
      "promise 6: waits for the budget",
      { issued: Array.from({ length: 6 }, (_, n) => ago(HOUR - 3 * MINUTE - n)) },
      until(at(3 * MINUTE)),
    ],
    [
      "promise 6: waits until the server may be asked",
      { trouble: { since: ago(MINUTE - 9), reads: true, leases: false, asked: Array<number>(10).fill(NOW) } },
      until(at(9)),
    ],
    ["reads nothing for nobody, and is done when nothing is held", { unasked: true }, { do: "done" }],
    ["reads nothing for nobody", { unasked: true, retiring: [old()] }, until(FAR)],
    ["M2: is not done while a read is under way", { unasked: true, reading: true }, until(FAR)],
    ["is done at a stop, whatever is held", { stopping: stopping(), current: inUse() }, { do: "done" }],
  ]);
});

describe("the lane that renews and releases", () => {
  decides("keep", [
    ["looks again from time to time", {}, until(FAR)],
    ["renews what is due", { current: inUse({ renewAt: NOW }) }, { do: "renew", id: 1 }],
    ["waits for what is due later", { current: inUse({ renewAt: at(1) }) }, until(at(1))],
    ["M1: asks for the max TTL when that is due", { current: inUse({ probeAt: NOW }) }, { do: "probe", id: 1 }],
    ["M1: waits for that", { current: inUse({ probeAt: at(1) }) }, until(at(1))],
    ["M1: asks for it before a renewal", { current: inUse({ probeAt: NOW, renewAt: NOW }) }, { do: "probe", id: 1 }],
    ["renews a candidate too", { candidate: candidate({ expiry: at(HOUR), renewAt: NOW }) }, { do: "renew", id: 1 }],
    ["renews what is drained too", { retiring: [old({ renewAt: NOW })] }, { do: "renew", id: 2 }],
    [
      "begins with the one in use",
      { candidate: candidate({ id: 3, expiry: at(HOUR), renewAt: NOW }), current: inUse({ renewAt: NOW }) },
      { do: "renew", id: 1 },
    ],
    [
      "W7: renews nothing that is given back",
      { retiring: [old({ step: "release", retryAt: at(9), renewAt: ago(1), probeAt: ago(1) })] },
      until(at(9)),
    ],
    ["renews nothing whose token has ended", { current: inUse({ renewAt: ago(1), tokenExpiry: ago(1) }) }, until(FAR)],
    [
      "renews nothing in the moment in which its token ends",
      { current: inUse({ renewAt: ago(1), tokenExpiry: ago(1) }) },
      until(FAR),
    ],
    [
      "renews what its token outlives by a moment",
      { current: inUse({ renewAt: ago(2), tokenExpiry: ago(1) }) },
      { do: "renew", id: 1 },
    ],
    ["M13: asks at the end by its own clock", { current: inUse({ expiry: NOW }) }, { do: "renew", id: 1 }],
    [
      "M13: asks at the end before anything else",
      { current: inUse({ expiry: NOW, probeAt: NOW }) },
      { do: "renew", id: 1 },
    ],
    ["M13: not before", { current: inUse({ expiry: at(1) }) }, until(at(1))],
    [
      "M13: with back-off, where that has failed",
      { current: inUse({ expiry: ago(1), renewFailures: 1, renewAt: at(5) }) },
      until(at(5)),
    ],
    [
      "M13: and not before the end by that",
      { current: inUse({ expiry: at(5), renewFailures: 1, renewAt: NEVER }) },
      until(FAR),
    ],
    ["M13: asks of what is drained too", { retiring: [old({ expiry: NOW })] }, { do: "renew", id: 2 }],
    [
      "says what has ended while it was given back",
      { retiring: [old({ step: "release", expiry: NOW })] },
      { do: "note", outcome: { is: "expired", id: 2 } },
    ],
    [
      "says what has ended with its token",
      { retiring: [old({ step: "check", tokenExpiry: NOW })] },
      { do: "note", outcome: { is: "expired", id: 2 } },
    ],
    [
      "waits for the end of its token",
      { retiring: [old({ step: "release", tokenExpiry: at(3), retryAt: at(9) })] },
      until(at(3)),
    ],
    [
      "waits for the end of what is given back",
      { retiring: [old({ step: "release", expiry: at(3), retryAt: at(9) })] },
      until(at(3)),
    ],
    ["releases", { retiring: [old({ step: "release", retryAt: NOW })] }, { do: "release", id: 2 }],
    [
      "W7: looks whether that is done",
      { retiring: [old({ step: "check", retryAt: NOW })] },
      { do: "check release", id: 2 },
    ],
    ["waits for the next try of it", { retiring: [old({ step: "check", retryAt: at(9) })] }, until(at(9))],
    [
      "releases the one whose time it is",
      { retiring: [old({ step: "release", retryAt: at(9) }), old({ id: 3, step: "release", retryAt: NOW })] },
      { do: "release", id: 3 },
    ],
    ["W3: releases nothing that is drained", { retiring: [old({ retryAt: ago(1) })] }, until(FAR)],
    [
      "promise 6: waits until the server may be asked",
      {
        current: inUse({ renewAt: NOW }),
        trouble: { since: ago(MINUTE - 9), reads: false, leases: true, asked: Array<number>(10).fill(NOW) },
      },
      until(at(9)),
    ],
    [
      "promise 6: asks in the moment in which it may",
      {
        current: inUse({ renewAt: NOW }),
        trouble: { since: ago(MINUTE), reads: false, leases: true, asked: [] },
      },
      { do: "renew", id: 1 },
    ],
    [
      "does not wait for that on its way out",
      {
        stopping: stopping(),
        retiring: [old({ step: "release", retryAt: NOW })],
        trouble: { since: ago(MINUTE - 9), reads: false, leases: true, asked: Array<number>(10).fill(NOW) },
      },
      { do: "release", id: 2 },
    ],
    ["is done at a stop when nothing is held", { stopping: stopping() }, { do: "done" }],
    ["M2: is not done while a read is under way", { stopping: stopping(), reading: true }, until(FAR)],
    ["is not done before something was held", { reading: false }, until(FAR)],
  ]);
});

describe("the lane of the application", () => {
  const idle = { current: inUse() };

  decides("apply", [
    ["looks again from time to time", idle, until(FAR)],
    ["is done at a stop when nothing is held", { stopping: stopping() }, { do: "done" }],
    ["W9: logs in with a candidate", { candidate: candidate({ retryAt: NOW }) }, { do: "verify", id: 1 }],
    ["W9: tries that again later", { candidate: candidate({ retryAt: at(5) }) }, until(at(5))],
    ["publishes", { candidate: candidate({ step: "publish", retryAt: NOW }) }, { do: "publish", id: 1 }],
    ["tries that again later", { candidate: candidate({ step: "publish", retryAt: at(5) }) }, until(at(5))],
    [
      "gives up waiting for a horizon",
      { candidate: candidate({ step: "horizon", retryAt: NOW }) },
      { do: "note", outcome: { is: "horizon given up", id: 1 } },
    ],
    ["waits for a horizon", { candidate: candidate({ step: "horizon", retryAt: at(5) }) }, until(at(5))],
    ["tells the application", { current: inUse({ telling: { failures: 0, retryAt: NOW } }) }, { do: "notify", id: 1 }],
    ["tells it again later", { current: inUse({ telling: { failures: 1, retryAt: at(5) } }) }, until(at(5))],
    [
      "tells nobody at a stop",
      { stopping: stopping(), current: inUse({ telling: { failures: 0, retryAt: NOW } }) },
      until(at(20 * SECOND)),
    ],
  ]);
});

describe("W9: a candidate that nobody can log in with", () => {
  const LEAD = leadFor(inUse(), policy);
  const tried = { failures: 3, retryAt: NOW };
  const givenUp = { do: "note", outcome: { is: "verification given up", id: 9 } };
  const late = inUse({ horizon: at(LEAD / 2) });

  decides("apply", [
    [
      "is given up 30 s after its read, where nothing is in use",
      { candidate: candidate({ ...tried, id: 9, readAt: ago(30 * SECOND) }) },
      givenUp,
    ],
    [
      "and not before",
      { candidate: candidate({ ...tried, id: 9, readAt: ago(30 * SECOND - 1) }) },
      { do: "verify", id: 9 },
    ],
    [
      "nor before it was tried",
      { candidate: candidate({ id: 9, readAt: ago(HOUR), retryAt: NOW }) },
      { do: "verify", id: 9 },
    ],
    [
      "nor where it is Postgres that refuses it",
      { candidate: candidate({ ...tried, id: 9, readAt: ago(HOUR), failingSince: ago(SECOND) }) },
      { do: "verify", id: 9 },
    ],
    [
      "is given up when half the lead of the one in use is gone",
      { candidate: candidate({ ...tried, id: 9 }), current: late },
      givenUp,
    ],
    [
      "and not before that",
      { candidate: candidate({ ...tried, id: 9, readAt: ago(HOUR) }), current: inUse({ horizon: at(LEAD / 2 + 1) }) },
      { do: "verify", id: 9 },
    ],
  ]);
});

describe("W3: what is drained", () => {
  const drained = { do: "note", outcome: { is: "drained", id: 2 } };
  const grace = policy.readerGrace;
  const quiet = { since: ago(policy.quietPeriod), looks: 3 };
  const done = { heardAt: ago(grace), replacedAt: ago(grace), quiet, sessions: 0 };
  const watched = { watchAt: at(MINUTE), current: inUse() };
  const waits = until(at(MINUTE));

  decides("apply", [
    [
      "is so when it was heard, and nobody was seen for the quiet period",
      { ...watched, retiring: [old(done)] },
      drained,
    ],
    ["not before it was heard", { ...watched, retiring: [old({ ...done, heardAt: null })] }, waits],
    [
      "not before the readers' grace after it was heard",
      { ...watched, retiring: [old({ ...done, heardAt: ago(grace - 1) })] },
      waits,
    ],
    [
      "nor after it was replaced",
      { ...watched, retiring: [old({ ...done, heardAt: ago(HOUR), replacedAt: ago(grace - 1) })] },
      waits,
    ],
    ["not while a session is seen", { ...watched, retiring: [old({ ...done, quiet: null })] }, waits],
    ["not after two looks", { ...watched, retiring: [old({ ...done, quiet: { ...quiet, looks: 2 } })] }, waits],
    [
      "not before the quiet period is over",
      { ...watched, retiring: [old({ ...done, quiet: { ...quiet, since: quiet.since + 1 } })] },
      waits,
    ],
    ["not while it is given back already", { ...watched, retiring: [old({ ...done, step: "release" })] }, until(FAR)],
    [
      "does not hide another",
      { ...watched, retiring: [old({ ...done, step: "release" }), old({ ...done, id: 3 })] },
      { do: "note", outcome: { is: "drained", id: 3 } },
    ],
    [
      "at a stop only has to be quiet",
      { ...watched, stopping: stopping(), current: null, retiring: [old({ ...done, heardAt: null, replacedAt: NOW })] },
      drained,
    ],
    [
      "and that it has to be",
      { ...watched, stopping: stopping(), current: null, retiring: [old({ ...done, quiet: null })] },
      until(at(20 * SECOND)),
    ],
  ]);
});

describe("M12, W3: where sessions cannot be seen", () => {
  const drained = { do: "note", outcome: { is: "drained", id: 2 } };
  const over = SETTLING + policy.margin;
  const one = { heardAt: ago(over), replacedAt: ago(over) };

  decides("apply", [
    ["it is drained a lifetime after it was heard", { retiring: [old(one)] }, drained, blind],
    ["not before", { retiring: [old({ ...one, heardAt: ago(over - 1) })] }, until(at(1)), blind],
    [
      "nor before that after it was replaced",
      { retiring: [old({ ...one, replacedAt: ago(over - 1) })] },
      until(at(1)),
      blind,
    ],
    ["never, where nobody has heard", { retiring: [old({ ...one, heardAt: null })] }, until(FAR), blind],
    [
      "never, where no lifetime is known",
      { retiring: [old(one)] },
      until(FAR),
      { ...blind, connectionMaxLifetime: null },
    ],
    ["never, where it was never published", { retiring: [old({ ...one, publishedAt: null })] }, until(FAR), blind],
    ["as where these alone are hidden", { watchAt: at(MINUTE), retiring: [old({ ...one, blind: true })] }, drained],
    [
      "and is not waited for where they are seen",
      { watchAt: at(MINUTE), retiring: [old({ ...one, heardAt: ago(over - 1) })] },
      until(at(MINUTE)),
    ],
    [
      "nor where it is given back already",
      { retiring: [old({ ...one, step: "release", heardAt: ago(over - 1) })] },
      until(FAR),
      blind,
    ],
  ]);
});

describe("a credential whose password somebody knows", () => {
  const drained = { do: "note", outcome: { is: "drained", id: 2 } };
  const watched = { watchAt: at(MINUTE), current: inUse() };
  const grace = policy.readerGrace;
  const known = { hasty: true, heardAt: ago(grace), replacedAt: ago(grace), attached: true };
  const all = { do: "terminate", id: 2, idleFor: null };

  decides("apply", [
    [
      "goes after the readers' grace, when it has no session",
      { ...watched, retiring: [old({ ...known, sessions: 0 })] },
      drained,
    ],
    [
      "and not before",
      { ...watched, retiring: [old({ ...known, sessions: 0, heardAt: ago(grace - 5) })] },
      until(at(5)),
    ],
    [
      "nor before that after it was replaced",
      { ...watched, retiring: [old({ ...known, sessions: 0, replacedAt: ago(grace - 5) })] },
      until(at(5)),
    ],
    ["has its sessions ended before", { ...watched, retiring: [old({ ...known, sessions: 2 })] }, all],
    ["and goes when they were", { ...watched, retiring: [old({ ...known, sessions: 2, ended: "all" })] }, drained],
    [
      "and not before, there too",
      { retiring: [old({ ...known, sessions: null, heardAt: ago(grace - 5) })] },
      until(at(5)),
      blind,
    ],
    ["also where nobody can see them", { retiring: [old({ ...known, sessions: null })] }, drained, blind],
    [
      "also where nobody has heard, after the time for that",
      {
        ...watched,
        retiring: [old({ ...known, sessions: 0, heardAt: null, replacedAt: ago(grace + policy.hearing) })],
      },
      drained,
    ],
    [
      "and not before that time",
      {
        ...watched,
        retiring: [old({ ...known, sessions: 0, heardAt: null, replacedAt: ago(grace + policy.hearing - 5) })],
      },
      until(at(5)),
    ],
  ]);
});

describe("R8, W5: sessions that outstay their time", () => {
  const strict: Policy = { ...policy, escalate: ["idle", "all"] };
  const watched = { watchAt: at(MINUTE), current: inUse() };
  const stays = { sessions: 2, heardAt: null, attached: true };
  const closing = sessionsEndAt(old(stays), strict);
  const [idleDue, allDue] = [closing.idle - NOW, closing.all - NOW];
  const later = (time: number, changes: object) => {
    const one = old({ ...stays, ...changes });
    return { ...one, replacedAt: one.replacedAt - time, horizon: one.horizon - time };
  };
  // A tenth of the time that is left, a second at most.
  const idle = { do: "terminate", id: 2, idleFor: Math.min((closing.all - closing.idle) / 10, SECOND) };
  const all = { do: "terminate", id: 2, idleFor: null };
  const soon = { ended: "idle", sweptAt: NOW - 1 };

  decides("apply", [
    ["are ended: the idle ones", { ...watched, retiring: [later(idleDue, {})] }, idle, strict],
    ["and not before", { ...watched, retiring: [later(idleDue - 1, {})] }, until(at(1)), strict],
    ["and not again at once", { ...watched, watchAt: at(1), retiring: [later(idleDue, soon)] }, until(at(1)), strict],
    ["then all of them", { ...watched, retiring: [later(allDue, { ended: "idle" })] }, all, strict],
    ["and not before that", { ...watched, retiring: [later(allDue - 1, soon)] }, until(at(1)), strict],
    [
      "those once too",
      { ...watched, watchAt: at(1), retiring: [later(allDue, { ended: "all" })] },
      until(at(1)),
      strict,
    ],
    [
      "where there are any",
      { ...watched, watchAt: at(1), retiring: [later(allDue, { sessions: 0 })] },
      until(at(1)),
      strict,
    ],
    ["also where it is not known how many", { ...watched, retiring: [later(allDue, { sessions: null })] }, all, strict],
    [
      "first their own connection is opened",
      { ...watched, retiring: [old({ attached: false })] },
      { do: "attach", id: 2 },
      strict,
    ],
    [
      "again later, where that has failed",
      { ...watched, retiring: [old({ attached: false, retryAt: at(5) })] },
      until(at(5)),
      strict,
    ],
    [
      "that of the one whose time it is",
      { ...watched, retiring: [old({ retryAt: at(5) }), old({ id: 3, retryAt: NOW })] },
      { do: "attach", id: 3 },
      strict,
    ],
    ["not where it is open", { ...watched, retiring: [old({ attached: true })] }, until(at(MINUTE)), strict],
    ["nor where nobody would use it", { ...watched, retiring: [old()] }, until(at(MINUTE))],
    ["nor at a stop", { watchAt: at(5), stopping: stopping(), retiring: [old()] }, until(at(5)), strict],
    ["nor for what is given back", { ...watched, retiring: [old({ step: "release" })] }, until(FAR), strict],
  ]);
});

describe("sessions are looked at", () => {
  const watch = { do: "watch" };

  decides("apply", [
    ["while something is drained", { retiring: [old()] }, watch],
    ["while nobody is known to have taken the one in use", { current: inUse({ heardAt: null }) }, watch],
    ["not of a secret that has no lease", { current: inUse({ heardAt: null, lease: "" }) }, until(FAR)],
    ["while the application does not listen", { current: inUse(), deafSince: ago(SECOND) }, watch],
    ["once after a renewal", { current: inUse(), look: true }, watch],
    ["not for what is given back", { retiring: [old({ step: "release" })] }, until(FAR)],
    ["when it is time", { current: inUse(), look: true, watchAt: NOW }, watch],
    ["and not before", { current: inUse(), look: true, watchAt: at(5) }, until(at(5))],
    [
      "not where they cannot be seen",
      { current: inUse({ heardAt: null }), watchAt: at(5) },
      until(FAR),
      { ...blind, connectionMaxLifetime: null, notifies: false },
    ],
    ["and nobody waits for that", { current: inUse(), watchAt: at(5) }, until(FAR)],
  ]);
});

describe("W5: an application that does not listen", () => {
  const strict: Policy = { ...policy, escalate: ["notify"] };
  const unheard = inUse({ heardAt: null, publishedAt: ago(policy.hearing) });
  const used = old({ sessions: 2, attached: true });
  const watched = { watchAt: at(MINUTE) };

  decides("apply", [
    [
      "is said to be so when it should have heard",
      { ...watched, current: unheard, retiring: [used] },
      { do: "note", outcome: { is: "not listening" } },
      strict,
    ],
    [
      "and not before",
      { ...watched, current: inUse({ heardAt: null, publishedAt: ago(policy.hearing - 5) }), retiring: [used] },
      until(at(5)),
      strict,
    ],
    [
      "is told again then",
      { ...watched, current: unheard, retiring: [used], deafSince: ago(1) },
      { do: "note", outcome: { is: "reminded", id: 2 } },
      strict,
    ],
    [
      "and once more before its sessions are ended",
      { ...watched, current: inUse(), retiring: [{ ...used, horizon: ago(lastCallAt(used, strict) - used.horizon) }] },
      { do: "note", outcome: { is: "reminded", id: 2 } },
      strict,
    ],
  ]);
});

describe("DESIGN §8.4: a stop", () => {
  const left = (id: number) => ({ do: "note", outcome: { is: "left", id } });
  const over = stopping({ until: NOW });
  const waited = SETTLING + policy.margin - 20 * SECOND;

  decides("apply", [
    ["leaves what is held when its time is over", { stopping: over, retiring: [old()] }, left(2)],
    ["leaves the one in use then too", { stopping: over, current: inUse(), retiring: [old()] }, left(1)],
    ["leaves nothing before", { stopping: stopping(), watchAt: at(5), retiring: [old()] }, until(at(5))],
    ["ends with its time", { stopping: stopping({ until: at(1) }), watchAt: at(5), retiring: [old()] }, until(at(1))],
    ["leaves at once what no waiting drains", { stopping: stopping(), retiring: [old()] }, left(2), blind],
    [
      "and what is drained too late",
      { stopping: stopping(), retiring: [old({ heardAt: ago(waited - 1), replacedAt: ago(HOUR) })] },
      left(2),
      blind,
    ],
    [
      "but not what is drained in time",
      { stopping: stopping(), retiring: [old({ heardAt: ago(waited), replacedAt: ago(HOUR) })] },
      until(at(20 * SECOND - policy.margin)),
      blind,
    ],
    [
      "nor what is given back",
      { stopping: stopping(), retiring: [old({ step: "release" })] },
      until(at(20 * SECOND)),
      blind,
    ],
    ["nor what is seen", { stopping: stopping(), watchAt: at(5), retiring: [old({ blind: false })] }, until(at(5))],
  ]);
});
