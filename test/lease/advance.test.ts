/** What each outcome changes, and what it leaves alone. */
import { describe, expect, it } from "vitest";
import { advance } from "../../src/lease/advance.ts";
import type { Grant, Outcome, SeenRole } from "../../src/lease/outcomes.ts";
import type { Policy, State, Stopping } from "../../src/lease/state.ts";
import { candidate, current, HOUR, MINUTE, retiring, SECOND, SEED_POLICY, stateOf } from "./policies.ts";

const NEVER = Number.POSITIVE_INFINITY;
const NOW = 100 * HOUR;
const policy: Policy = { ...SEED_POLICY, verifies: true, observes: true, notifies: true };

/** By chance 0, with which no wait is shortened. */
function after(state: Partial<State>, outcome: Outcome, own = policy, chance = 0): State {
  return advance(stateOf(state), outcome, NOW, own, chance);
}

const grant: Grant = {
  lease: "database/creds/pg-role/9",
  user: "v-pg-9",
  readAt: NOW,
  duration: HOUR,
  expiry: NOW + HOUR,
  horizon: NEVER,
  renewable: true,
  token: 1,
  tokenExpiry: NEVER,
  tokenHorizon: NEVER,
  probeAt: NEVER,
  renewAt: NOW + HOUR / 2,
};
const stopping: Stopping = { at: NOW, until: NOW + 20 * SECOND, release: "drained" };
const inUse = current({ id: 1, expiry: NOW + HOUR });
const next = candidate({ id: 2, expiry: NOW + HOUR });
const old = retiring({ id: 3, expiry: NOW + HOUR });

describe("a read", () => {
  const reading = { reading: true, wanted: "lost", read: { failures: 3, retryAt: 5, unclear: true } } as const;

  it("brings a candidate that is to be logged in with at once, and is over", () => {
    expect(after(reading, { is: "read", grant })).toMatchObject({
      candidate: { ...grant, id: 10, step: "verify", failures: 0, failingSince: null, retryAt: NOW, verified: false },
      nextId: 11,
      reading: false,
      wanted: null,
      read: { failures: 0, retryAt: NOW, unclear: false },
      issued: [NOW],
    });
  });

  it("of what nobody logs in with is to be published", () => {
    expect(after({}, { is: "read", grant }, { ...policy, verifies: false }).candidate?.step).toBe("publish");
    const secret = after({}, { is: "read", grant: { ...grant, lease: "", user: null } });
    expect([secret.candidate?.step, secret.issued]).toEqual(["publish", []]);
  });

  it("promise 6: counts against the budget where it made a user, and only there", () => {
    const issued = [NOW - HOUR, NOW - HOUR + 1];
    expect(after({ issued }, { is: "read", grant }).issued).toEqual([NOW - HOUR + 1, NOW]);
    expect(after({ issued }, { is: "read", grant: { ...grant, user: null } }).issued).toEqual(issued);
    expect(after({ issued }, { is: "read", grant: { ...grant, lease: "" } }).issued).toEqual(issued);
  });

  it("that fails is tried again later and later, and nothing is in its place", () => {
    const failed = { is: "read failed", mayHaveIssued: false, error: "x" } as const;
    expect(after({ reading: true }, failed)).toMatchObject({
      reading: false,
      read: { failures: 1, retryAt: NOW + SECOND, unclear: false },
      issued: [],
    });
    const third = { failures: 2, retryAt: 0, unclear: true };
    expect(after({ read: third }, failed).read).toEqual({ failures: 3, retryAt: NOW + 4 * SECOND, unclear: true });
    expect(after({}, { ...failed, retryAfter: 9 * SECOND }).read.retryAt).toBe(NOW + 9 * SECOND);
  });

  it("M2: that may have made a user counts as one that did, and the next waits for the budget's pace", () => {
    const own = { ...policy, maxNewPerHour: 6 };
    const failed = { is: "read failed", mayHaveIssued: true, error: "x" } as const;
    const first = after({}, failed, own);
    expect([first.issued, first.read.unclear]).toEqual([[NOW], true]);
    // So many are left: an hour by four to the power of that.
    expect(first.read.retryAt).toBe(NOW + HOUR / 4 ** 5);
    expect(after({ issued: [1, NOW - 2, NOW - 1] }, failed, own).read.retryAt).toBe(NOW + HOUR / 4 ** 3);
  });

  it("that comes after the stop is given back, unless everything is to stay", () => {
    const late = (own: Stopping) => after({ stopping: own, reading: true }, { is: "read", grant });
    expect(late(stopping)).toMatchObject({
      candidate: null,
      reading: false,
      retiring: [{ id: 10, step: "release", publishedAt: null, retryAt: NOW, replacedAt: NOW }],
    });
    expect(late({ ...stopping, release: "never" })).toMatchObject({ candidate: null, retiring: [] });
    const secret = { is: "read", grant: { ...grant, lease: "" } } as const;
    expect(after({ stopping }, secret)).toMatchObject({ candidate: null, retiring: [] });
  });

  it("that comes when nobody asks for it any more is given back", () => {
    expect(after({ unasked: true }, { is: "read", grant })).toMatchObject({
      candidate: null,
      retiring: [{ id: 10, step: "release" }],
    });
  });

  it("M2: is known to be under way, until it is answered in whatever way", () => {
    expect(after({}, { is: "reading" }).reading).toBe(true);
    expect(after({ reading: true }, { is: "read", grant }).reading).toBe(false);
    for (const mayHaveIssued of [true, false])
      expect(after({ reading: true }, { is: "read failed", mayHaveIssued, error: "x" }).reading).toBe(false);
  });
});

describe("W10: what is adopted", () => {
  it("as the one in use is published again, as it was, without a login", () => {
    expect(after({}, { is: "adopted", grant, stage: "current", publishedAt: 5 })).toMatchObject({
      candidate: { ...grant, id: 10, step: "publish", verified: true, failures: 0, retryAt: NOW },
      nextId: 11,
    });
  });

  it("as retiring goes on with its drain; what was never published is given back", () => {
    const adopted = { is: "adopted", grant, stage: "retiring" } as const;
    expect(after({ retiring: [old] }, { ...adopted, publishedAt: 5 })).toMatchObject({
      candidate: null,
      nextId: 11,
      retiring: [{ id: 3 }, { id: 10, step: "drain", publishedAt: 5, heardAt: null, replacedAt: NOW }],
    });
    expect(after({}, { ...adopted, publishedAt: null }).retiring).toMatchObject([
      { id: 10, step: "release", publishedAt: null },
    ]);
  });
});

describe("a renewal", () => {
  const renewed = { is: "renewed", id: 1, expiry: NOW + 2 * HOUR, horizon: NEVER, renewAt: NOW + HOUR } as const;

  it("moves the end, and whether VALID UNTIL moves with it is looked at (rule M5)", () => {
    const state = after({ current: { ...inUse, renewals: 3, renewFailures: 2 }, watchAt: NOW + HOUR }, renewed);
    expect(state).toMatchObject({
      current: { expiry: NOW + 2 * HOUR, horizon: NEVER, renewAt: NOW + HOUR, renewals: 4, renewFailures: 0 },
      look: true,
      watchAt: NOW,
    });
  });

  it.each([
    ["W1: leaves a horizon that is known", { horizon: NOW + 3 * HOUR }, NEVER, NOW + 3 * HOUR],
    ["W1: brings it nearer where less is granted", { horizon: NOW + 3 * HOUR }, NOW + HOUR, NOW + HOUR],
    ["M1: takes one that it passes for raised", { horizon: NOW + 2 * HOUR - 2_001 }, NEVER, NEVER],
    ["M1: but for what the server cuts", { horizon: NOW + 2 * HOUR - 2_000 }, NEVER, NOW + 2 * HOUR - 2_000],
  ])("%s", (_what, before, horizon, expected) => {
    expect(after({ current: { ...inUse, ...before } }, { ...renewed, horizon }).current?.horizon).toBe(expected);
  });

  const failed = { is: "renewal failed", id: 1, error: "x" } as const;

  it.each([
    ["W6: of what is lost makes another wanted", { verdict: "lost" }, null, "lost"],
    ["W6: of what has ended and lasts no longer, too", { verdict: "ended", expiry: NOW }, null, "lost"],
  ] as const)("%s", (_what, outcome, one, wanted) => {
    expect(after({ current: inUse }, { ...failed, ...outcome })).toMatchObject({ current: one, wanted });
  });

  it("W6: of what has ended leaves it as long as it lasts, renews it no more, and another is wanted", () => {
    const tried = { ...inUse, renewFailures: 4 };
    const state = after({ current: tried }, { ...failed, verdict: "ended", expiry: NOW + 1 });
    expect(state).toMatchObject({
      current: { expiry: NOW + 1, horizon: NOW + 1, renewAt: NEVER, renewFailures: 0 },
      wanted: "renewals ended",
    });
    const unseen = after({ current: tried }, { ...failed, verdict: "ended" });
    expect(unseen.current).toMatchObject({ expiry: tried.expiry, horizon: tried.expiry });
  });

  it("W6: of another than the one in use makes nothing wanted", () => {
    const both = { current: inUse, retiring: [old] };
    expect(after(both, { ...failed, id: 3, verdict: "ended" })).toMatchObject({ wanted: null, retiring: [{ id: 3 }] });
    expect(after(both, { ...failed, id: 3, verdict: "lost" })).toMatchObject({ wanted: null, retiring: [] });
    expect(after({ ...both, wanted: "asked for" }, { ...failed, id: 3, verdict: "lost" }).wanted).toBe("asked for");
    expect(after({ ...both, wanted: "asked for" }, { ...failed, id: 3, verdict: "ended" }).wanted).toBe("asked for");
  });

  it("of what is held no more changes nothing", () => {
    expect(after({ current: inUse }, { ...failed, id: 7, verdict: "ended" })).toMatchObject({
      current: inUse,
      wanted: null,
    });
  });

  it("at a stop makes nothing wanted", () => {
    expect(after({ current: inUse, stopping }, { ...failed, verdict: "lost" })).toMatchObject({
      current: null,
      wanted: null,
    });
  });

  it.each(["kept", "unknown"] as const)("W6: whose verdict is '%s' is tried again later and later", (verdict) => {
    expect(after({ current: inUse }, { ...failed, verdict }).current).toEqual({
      ...inUse,
      renewFailures: 1,
      renewAt: NOW + 3 * SECOND,
    });
    const third = after({ current: { ...inUse, renewFailures: 2 } }, { ...failed, verdict, expiry: NOW + 7 });
    expect(third.current).toMatchObject({ expiry: NOW + 7, renewFailures: 3, renewAt: NOW + 12 * SECOND });
    expect(after({ current: inUse }, { ...failed, verdict, retryAfter: MINUTE }).current?.renewAt).toBe(NOW + MINUTE);
  });
});

describe("M1: the question for the max TTL", () => {
  it("is answered once, and a renewal follows at once that brings the lease back to its rhythm (rule R4)", () => {
    const found = { expiry: NOW + 9 * HOUR, horizon: NOW + 9 * HOUR };
    const asked = { ...inUse, probeAt: NOW };
    expect(after({ current: asked }, { is: "probed", id: 1, found }).current).toEqual({
      ...inUse,
      ...found,
      probeAt: NEVER,
      renewAt: NOW,
    });
    expect(after({ current: asked }, { is: "probed", id: 1, found: null }).current).toEqual(inUse);
  });

  it("can be put off", () => {
    expect(after({ current: inUse }, { is: "probe put off", id: 1, until: 7 }).current?.probeAt).toBe(7);
  });
});

describe("W8: a token", () => {
  const three = { current: inUse, candidate: next, retiring: [{ ...old, token: 2 }] };

  it("that is renewed moves the end of all that was read with it, and of nothing else", () => {
    const times = { expiry: NOW + 5, horizon: NOW + 6, asked: true };
    const state = after(three, { is: "token renewed", token: 1, ...times });
    const moved = { tokenExpiry: NOW + 5, tokenHorizon: NOW + 6, tokenAsked: true };
    expect(state).toMatchObject({ current: moved, candidate: moved });
    expect(state.retiring).toEqual([{ ...old, token: 2 }]);
  });

  it("that is lost takes all with it that was read with it, and nothing else; another is wanted", () => {
    const state = after(three, { is: "token lost", token: 1 });
    expect(state).toMatchObject({ current: null, candidate: null, retiring: [{ id: 3 }], wanted: "lost" });
  });

  it("takes no secret with it that has no lease", () => {
    const secret = { ...inUse, lease: "" };
    expect(after({ current: secret, retiring: [old] }, { is: "token lost", token: 1 })).toMatchObject({
      current: secret,
      retiring: [],
      wanted: null,
    });
  });
});

describe("W9: a login with a candidate", () => {
  const verified = { is: "verified", id: 2, validFor: null } as const;
  const failed = { is: "verification failed", id: 2, error: "x" } as const;

  it("that works makes it ready to be published", () => {
    expect(after({ candidate: { ...next, failures: 3 } }, verified).candidate).toMatchObject({
      step: "publish",
      failures: 0,
      retryAt: NOW,
      verified: true,
      blind: false,
    });
    expect(after({ candidate: next }, { ...verified, blind: true }).candidate?.blind).toBe(true);
  });

  it("M5: shows until when others like it will work", () => {
    expect(after({ candidate: next }, { ...verified, validFor: MINUTE }).candidate?.validUntil).toBe(NOW + MINUTE);
  });

  it("of one that is none any more changes nothing", () => {
    for (const outcome of [
      verified,
      { ...failed, blames: "server" as const },
      { is: "verification given up", id: 2 } as const,
    ]) {
      expect(after({ candidate: { ...next, id: 5 } }, outcome).candidate).toEqual({ ...next, id: 5 });
      expect(after({ current: inUse }, outcome)).toMatchObject({ candidate: null, current: inUse });
    }
  });

  it("that Postgres cannot answer is tried again, for as long as it takes", () => {
    const tried = { ...next, failures: 2, failingSince: NOW - HOUR };
    expect(after({ candidate: tried }, { ...failed, blames: "server" }).candidate).toEqual({
      ...next,
      failures: 3,
      failingSince: null,
      retryAt: NOW + 2 * SECOND,
    });
  });

  it.each(["credential", "privilege"] as const)("that is refused, for its %s, is tried again for 30 s", (blames) => {
    expect(after({ candidate: next }, { ...failed, blames }).candidate).toMatchObject({
      failures: 1,
      failingSince: NOW,
      retryAt: NOW + SECOND / 2,
    });
    const since = { ...next, failures: 1, failingSince: NOW - 30 * SECOND + 1 };
    expect(after({ candidate: since }, { ...failed, blames }).candidate).toMatchObject({
      failures: 2,
      failingSince: since.failingSince,
    });
  });

  const refused = { ...next, failures: 5, failingSince: NOW - 30 * SECOND };

  it("that is refused for so long is given back and asked for anew", () => {
    expect(
      after({ candidate: refused, current: inUse, retiring: [old] }, { ...failed, blames: "credential" }),
    ).toMatchObject({
      candidate: null,
      retiring: [{ id: 3 }, { id: 2, step: "release", publishedAt: null }],
      rejected: [NOW],
      wanted: "rejected",
    });
    expect(after({ candidate: refused }, { ...failed, blames: "credential" }).wanted).toBeNull();
  });

  it("that is refused for so long is so once an hour", () => {
    const again = after({ candidate: refused, rejected: [NOW - HOUR + 1] }, { ...failed, blames: "credential" });
    expect(again).toMatchObject({
      candidate: { id: 2, failures: 6, retryAt: NOW + 15 * SECOND },
      rejected: [NOW - HOUR + 1],
    });
    expect(
      after({ candidate: refused, rejected: [NOW - HOUR] }, { ...failed, blames: "credential" }).candidate,
    ).toBeNull();
  });

  it("is given up: it is published without", () => {
    expect(after({ candidate: refused }, { is: "verification given up", id: 2 }).candidate).toMatchObject({
      step: "publish",
      verified: false,
    });
  });
});

describe("a candidate that waits for its horizon", () => {
  const printing = { ...policy, printsHorizon: true };
  const waiting = candidate({ id: 2, step: "horizon", probeAt: NOW + HOUR, expiry: NOW + HOUR, readAt: NOW });

  it("is published without when that is given up", () => {
    expect(after({ candidate: waiting }, { is: "horizon given up", id: 2 }, printing).candidate).toMatchObject({
      step: "publish",
      ends: { horizon: null },
    });
  });

  it("is published when it is known", () => {
    const found = { expiry: NOW + 9 * HOUR, horizon: NOW + 9 * HOUR };
    expect(after({ candidate: waiting }, { is: "probed", id: 2, found }, printing).candidate).toMatchObject({
      step: "publish",
      ends: { horizon: NOW + 9 * HOUR },
    });
  });
});

describe("a publish", () => {
  const ready = { ...next, step: "publish" as const, failures: 2 };
  const published = { is: "published", id: 2, tell: true } as const;

  it("makes the candidate the one in use, whom to tell of, and the one before it retiring", () => {
    const state = after(
      {
        candidate: ready,
        current: { ...inUse, sessions: 4 },
        retiring: [old],
        rotations: 7,
        watchAt: NOW + HOUR,
        watchFailures: 3,
        hasty: true,
      },
      published,
    );
    expect(state).toMatchObject({
      candidate: null,
      current: {
        id: 2,
        publishedAt: NOW,
        heardAt: null,
        telling: { failures: 0, retryAt: NOW },
        reminders: 0,
        sessions: null,
      },
      retiring: [
        { id: 3, hasty: false },
        { id: 1, step: "drain", replacedAt: NOW, publishedAt: 0, sessions: 4, hasty: true, heardAt: null, quiet: null },
      ],
      rotations: 8,
      hasty: false,
      watchAt: NOW,
      watchFailures: 0,
    });
    expect(state.current).not.toHaveProperty("step");
    expect(state.retiring[1]).not.toHaveProperty("telling");
  });

  it("of the first, or after a secret without a lease, replaces nothing", () => {
    for (const before of [null, { ...inUse, lease: "" }]) {
      expect(after({ candidate: ready, current: before }, published)).toMatchObject({ retiring: [], rotations: 0 });
    }
  });

  it("tells nobody where there is nothing to tell, or nobody", () => {
    expect(after({ candidate: ready }, { ...published, tell: false }).current?.telling).toBeNull();
    expect(after({ candidate: ready }, published, { ...policy, notifies: false }).current?.telling).toBeNull();
  });

  it("of what is no candidate changes nothing", () => {
    expect(after({ current: inUse, candidate: ready }, { ...published, id: 1 })).toMatchObject({
      current: inUse,
      candidate: ready,
    });
    expect(after({ current: inUse }, published).current).toEqual(inUse);
  });

  it("that fails is tried again later and later", () => {
    const failed = { is: "publish failed", id: 2, error: "x" } as const;
    expect(after({ candidate: ready }, failed).candidate).toMatchObject({ failures: 3, retryAt: NOW + 2 * SECOND });
    expect(after({ candidate: { ...ready, failures: 0 } }, failed).candidate).toMatchObject({
      failures: 1,
      retryAt: NOW + SECOND / 2,
    });
    expect(after({}, failed).candidate).toBeNull();
  });

  it("that waits is tried when it may go on, or looked at again after 15 s", () => {
    const waits = { is: "publish waits", id: 2 } as const;
    expect(after({ candidate: ready }, { ...waits, until: NOW + 5 }).candidate?.retryAt).toBe(NOW + 5);
    expect(after({ candidate: ready }, { ...waits, until: NEVER }).candidate?.retryAt).toBe(NOW + 15 * SECOND);
  });

  it("is tried at once where somebody says that it may work now, and nothing else is", () => {
    const waiting = { ...ready, retryAt: NOW + HOUR };
    expect(after({ candidate: waiting }, { is: "woken" }).candidate?.retryAt).toBe(NOW);
    const verifying = { ...waiting, step: "verify" as const };
    expect(after({ candidate: verifying }, { is: "woken" }).candidate).toEqual(verifying);
    expect(after({ current: inUse }, { is: "woken" })).toEqual(stateOf({ current: inUse }));
  });
});

describe("telling the application", () => {
  const telling = { ...inUse, heardAt: null, telling: { failures: 2, retryAt: 0 } };
  const failed = { is: "notify failed", id: 1, permanent: false, failures: [] } as const;

  it("that answers has taken it, and every older one is let go", () => {
    const state = after(
      { current: telling, retiring: [old, { ...old, id: 4, heardAt: 5 }] },
      { is: "notified", id: 1 },
    );
    expect(state).toMatchObject({
      current: { telling: null, heardAt: NOW },
      retiring: [{ heardAt: NOW }, { id: 4, heardAt: 5 }],
    });
  });

  it("that fails is tried again later and later", () => {
    expect(after({ current: telling }, failed).current?.telling).toEqual({ failures: 3, retryAt: NOW + 2 * SECOND });
    expect(after({ current: { ...telling, telling: { failures: 0, retryAt: 0 } } }, failed).current?.telling).toEqual({
      failures: 1,
      retryAt: NOW + SECOND / 2,
    });
    expect(after({ current: { ...telling, telling: null } }, failed).current?.telling).toMatchObject({ failures: 1 });
  });

  it("M8: that can only fail is tried again after a minute", () => {
    expect(after({ current: telling }, { ...failed, permanent: true }).current?.telling).toEqual({
      failures: 3,
      retryAt: NOW + MINUTE,
    });
  });

  it("is done once more when it is reminded", () => {
    const state = after({ current: { ...inUse, reminders: 2 }, retiring: [old] }, { is: "reminded", id: 3 });
    expect(state).toMatchObject({
      current: { telling: { failures: 0, retryAt: NOW }, reminders: 3 },
      retiring: [{ remindedAt: NOW }],
    });
  });

  it("is known to be in vain, and not to be so", () => {
    expect(after({}, { is: "not listening" }).deafSince).toBe(NOW);
    expect(after({ deafSince: 5 }, { is: "listening" }).deafSince).toBeNull();
  });
});

describe("a look at the sessions", () => {
  const seen: SeenRole = { id: 3, sessions: 0, opened: 0, validFor: null, owned: 0 };
  const watched = (...roles: Partial<SeenRole>[]) =>
    ({ is: "watched", roles: roles.map((one) => ({ ...seen, ...one })) }) as const;

  it("W3: that shows none begins the quiet period, and each that follows counts", () => {
    expect(after({ retiring: [old] }, watched({})).retiring).toMatchObject([
      { sessions: 0, quiet: { since: NOW, looks: 1 }, lateAt: null },
    ]);
    const quiet = { since: 5, looks: 2 };
    expect(after({ retiring: [{ ...old, quiet }] }, watched({})).retiring).toMatchObject([
      { quiet: { since: 5, looks: 3 } },
    ]);
    expect(after({ retiring: [{ ...old, quiet }] }, watched({ sessions: 1 })).retiring).toMatchObject([
      { sessions: 1, quiet: null },
    ]);
  });

  it("W3: that shows one of the one in use has seen the application take it; of an old one it has not", () => {
    const both = { current: { ...inUse, heardAt: null }, retiring: [old] };
    expect(after(both, watched({ id: 1, sessions: 2 }))).toMatchObject({
      current: { sessions: 2, heardAt: NOW },
      retiring: [{ heardAt: NOW }],
    });
    expect(after(both, watched({ id: 1 }))).toMatchObject({ current: { sessions: 0, heardAt: null } });
    expect(after(both, watched({ sessions: 2 }))).toMatchObject({
      current: { heardAt: null },
      retiring: [{ heardAt: null }],
    });
  });

  it("W5: that shows one opened when nobody should have the old password has found a deaf reader", () => {
    const time = policy.hearing + policy.readerGrace;
    const opened = watched({ sessions: 1, opened: 1 });
    expect(after({ retiring: [{ ...old, replacedAt: NOW - time - 1 }] }, opened).retiring).toMatchObject([
      { lateAt: NOW },
    ]);
    expect(after({ retiring: [{ ...old, replacedAt: NOW - time }] }, opened).retiring).toMatchObject([
      { lateAt: null },
    ]);
    expect(
      after({ retiring: [{ ...old, replacedAt: 0, lateAt: 5 }] }, watched({ sessions: 1 })).retiring,
    ).toMatchObject([{ lateAt: 5 }]);
  });

  it("is followed by the next, sooner while something is drained", () => {
    const before = { look: true, watchFailures: 3 };
    expect(after({ ...before, retiring: [old] }, watched())).toMatchObject({
      look: false,
      watchFailures: 0,
      watchAt: NOW + policy.quietPeriod / 3,
    });
    expect(after(before, watched())).toMatchObject({
      look: false,
      watchFailures: 0,
      watchAt: NOW + policy.quietPeriod,
    });
  });

  it("M5, M6: shows until when one may log in, and what it owns", () => {
    const one = after({ current: inUse }, watched({ id: 1, validFor: MINUTE, owned: 2 })).current;
    expect(one).toMatchObject({ validUntil: NOW + MINUTE, owned: 2 });
    const allowed = inUse.expiry - 5_000 - NOW;
    expect(after({ current: inUse }, watched({ id: 1, validFor: allowed })).current?.validUntil).toBe(NEVER);
    expect(after({ current: inUse }, watched({ id: 1, validFor: allowed - 1 })).current?.validUntil).toBe(
      NOW + allowed - 1,
    );
    const endless = watched({ id: 1, validFor: null });
    expect(after({ current: { ...inUse, validUntil: NOW + MINUTE } }, endless).current?.validUntil).toBe(NEVER);
  });

  it("that fails has seen nobody, and is made again later and later", () => {
    const quiet = { since: 5, looks: 2 };
    expect(
      after({ retiring: [{ ...old, quiet, sessions: 0 }], watchFailures: 2 }, { is: "watch failed", error: "x" }),
    ).toMatchObject({
      watchFailures: 3,
      watchAt: NOW + 2 * SECOND,
      retiring: [{ quiet: null, sessions: null }],
    });
    expect(after({}, { is: "watch failed", error: "x" })).toMatchObject({
      watchFailures: 1,
      watchAt: NOW + SECOND / 2,
    });
  });
});

describe("R8: the old user's own connection", () => {
  const others = { ...old, id: 4 };

  it("is open, and no other", () => {
    expect(after({ retiring: [{ ...old, failures: 2 }, others] }, { is: "attached", id: 3 }).retiring).toMatchObject([
      { attached: true, failures: 0 },
      { attached: false },
    ]);
  });

  it("that cannot be opened is tried again later and later", () => {
    const failed = { is: "attach failed", id: 3, error: "x" } as const;
    expect(after({ retiring: [{ ...old, failures: 2 }, others] }, failed).retiring).toMatchObject([
      { failures: 3, retryAt: NOW + 12 * SECOND },
      others,
    ]);
    expect(after({ retiring: [others, old] }, failed).retiring).toMatchObject([
      others,
      { failures: 1, retryAt: NOW + 3 * SECOND },
    ]);
    expect(after({ retiring: [others] }, failed).retiring).toEqual([others]);
  });

  it("is not there any more where the databases are asked through others", () => {
    expect(after({ retiring: [{ ...old, attached: true }] }, { is: "reconnected" }).retiring).toMatchObject([
      { attached: false },
    ]);
  });

  it("has ended sessions, and whether they are gone is looked at soon", () => {
    const watched = { retiring: [old, others], watchAt: NOW + MINUTE };
    expect(after(watched, { is: "terminated", id: 3, which: "idle" })).toMatchObject({
      watchAt: NOW + 200,
      retiring: [
        { ended: "idle", sweptAt: NOW },
        { ended: "none", sweptAt: null },
      ],
    });
    expect(after({ ...watched, watchAt: NOW }, { is: "terminated", id: 3, which: "all" }).watchAt).toBe(NOW + 200);
  });

  it("is looked at in time however often idle ones are looked for", () => {
    const swept = { is: "terminated", id: 3, which: "idle" } as const;
    expect(after({ retiring: [old], watchAt: NOW + 30 }, swept).watchAt).toBe(NOW + 30);
    expect(after({ retiring: [old], watchAt: NOW - 1 }, swept).watchAt).toBe(NOW);
  });
});

describe("W7: a release", () => {
  const others = { ...old, id: 4, failures: 9 };

  it("begins when it is drained, at once unless the server refuses its renewals already", () => {
    expect(
      after({ retiring: [{ ...old, renewFailures: 2 }, others] }, { is: "drained", id: 3 }).retiring,
    ).toMatchObject([
      { step: "release", failures: 2, retryAt: NOW },
      { step: "drain", failures: 9 },
    ]);
  });

  it("that was asked for is looked at again, until it is done", () => {
    const asked = after({ retiring: [{ ...old, step: "release" }, others] }, { is: "release asked", id: 3 });
    expect(asked.retiring).toMatchObject([{ step: "check", retryAt: NOW + 1_500 }, { step: "drain" }]);
    expect(after({ retiring: [old, others], current: inUse }, { is: "released", id: 3 })).toMatchObject({
      retiring: [{ id: 4 }],
      current: inUse,
      wanted: null,
    });
  });

  it("that fails is asked for again later and later, and not before the server says", () => {
    const failed = { is: "release failed", id: 3, error: "x" } as const;
    const checked = { ...old, step: "check" as const };
    expect(after({ retiring: [others, { ...checked, failures: 2 }] }, failed).retiring).toMatchObject([
      others,
      { step: "release", failures: 3, retryAt: NOW + 12 * SECOND },
    ]);
    expect(after({ retiring: [checked] }, { ...failed, retryAfter: MINUTE }).retiring).toMatchObject([
      { failures: 1, retryAt: NOW + MINUTE },
    ]);
    expect(after({ retiring: [others] }, failed).retiring).toEqual([others]);
  });

  it("is made by its own end too; the one in use that ends has to be replaced", () => {
    expect(after({ retiring: [old, others], current: inUse }, { is: "expired", id: 3 })).toMatchObject({
      retiring: [{ id: 4 }],
      wanted: null,
    });
    expect(after({ current: inUse }, { is: "expired", id: 1 })).toMatchObject({ current: null, wanted: "lost" });
    expect(after({ current: inUse, stopping }, { is: "expired", id: 1 }).wanted).toBeNull();
  });

  it("is not made where it is left", () => {
    expect(after({ current: inUse, retiring: [old] }, { is: "left", id: 1 })).toMatchObject({
      current: null,
      retiring: [{ id: 3 }],
      wanted: null,
    });
  });
});

describe("a rotation that is asked for", () => {
  it("is made, whatever the times say", () => {
    expect(after({ current: inUse }, { is: "rotation asked" })).toMatchObject({ wanted: "asked for", hasty: false });
  });

  it("is on its way already with a candidate, or a read", () => {
    expect(after({ candidate: next, wanted: null }, { is: "rotation asked" }).wanted).toBeNull();
    expect(after({ reading: true, wanted: "lost" }, { is: "rotation asked" }).wanted).toBe("lost");
  });

  it("in haste does not wait for last sessions: not those of the next old one, nor of those before", () => {
    expect(after({ current: inUse, retiring: [old] }, { is: "rotation asked", hasty: true })).toMatchObject({
      hasty: true,
      retiring: [{ hasty: true }],
    });
    expect(after({ hasty: true, retiring: [old] }, { is: "rotation asked", hasty: false })).toMatchObject({
      hasty: true,
      retiring: [{ hasty: false }],
    });
    const known = { ...old, hasty: true };
    expect(after({ retiring: [known] }, { is: "rotation asked" }).retiring).toEqual([known]);
  });
});

describe("what nobody asks for any more", () => {
  const all = {
    current: { ...inUse, sessions: 2 },
    candidate: next,
    retiring: [{ ...old, heardAt: 5 }],
    wanted: "lost" as const,
    hasty: true,
    deafSince: 5,
    watchAt: NOW + HOUR,
  };

  it("goes the way of what is replaced: it was heard", () => {
    expect(after(all, { is: "unasked" })).toMatchObject({
      unasked: true,
      current: null,
      candidate: null,
      wanted: null,
      hasty: false,
      deafSince: null,
      watchAt: NOW,
      retiring: [
        { id: 3, heardAt: 5 },
        { id: 1, step: "drain", heardAt: NOW, sessions: 2 },
        { id: 2, step: "release", heardAt: NOW },
      ],
    });
  });

  it("is forgotten where it has no lease", () => {
    const secrets = { current: { ...inUse, lease: "" }, candidate: { ...next, lease: "" } };
    expect(after(secrets, { is: "unasked" })).toMatchObject({ current: null, candidate: null, retiring: [] });
    expect(after({}, { is: "unasked" }).retiring).toEqual([]);
  });

  it("can be asked for again", () => {
    expect(after({ unasked: true }, { is: "asked again" }).unasked).toBe(false);
  });
});

describe("DESIGN §8.4: a stop", () => {
  const all = {
    current: inUse,
    candidate: next,
    retiring: [{ ...old, heardAt: 5 }],
    wanted: "lost" as const,
    watchAt: NOW + HOUR,
  };
  const stop = (release: Stopping["release"]) => ({ is: "stop", stopping: { ...stopping, release } }) as const;

  it("drains what is in use, gives back what is not, and reads nothing more", () => {
    expect(after(all, stop("drained"))).toMatchObject({
      stopping,
      wanted: null,
      watchAt: NOW,
      current: null,
      candidate: null,
      retiring: [
        { id: 3, step: "drain", heardAt: 5 },
        { id: 1, step: "drain", heardAt: NOW, replacedAt: NOW },
        { id: 2, step: "release", heardAt: NOW },
      ],
    });
  });

  it("with 'always' gives all of it back, and goes on with what is asked for already", () => {
    const asked = { ...old, id: 4, step: "check" as const };
    expect(
      after({ ...all, retiring: [old, asked] }, stop("always")).retiring.map(({ id, step }) => [id, step]),
    ).toEqual([
      [3, "release"],
      [4, "check"],
      [1, "release"],
      [2, "release"],
    ]);
  });

  it("with 'never' leaves everything as it is", () => {
    expect(after(all, stop("never"))).toMatchObject({ current: null, candidate: null, retiring: [] });
  });

  it("holds nothing without a lease, and the first one counts", () => {
    const secrets = { current: { ...inUse, lease: "" }, candidate: { ...next, lease: "" } };
    expect(after(secrets, stop("drained")).retiring).toEqual([]);
    expect(after({ stopping: { ...stopping, at: 1 } }, stop("drained")).stopping?.at).toBe(1);
  });
});

describe("other templates", () => {
  it("may print what those before did not", () => {
    const one = { ...inUse, ends: { expiry: 5 }, horizon: NOW + HOUR };
    const state = after({ current: one }, { is: "templates changed" }, { ...policy, printsHorizon: true });
    expect(state.current?.ends).toEqual({ expiry: 5, horizon: NOW + HOUR });
    expect(after({}, { is: "templates changed" })).toEqual(stateOf());
  });
});

describe("what a try may cost", () => {
  it("changes nothing where the server does not refuse", () => {
    expect(after({ current: inUse }, { is: "asking", requests: 2 })).toEqual(stateOf({ current: inUse }));
  });

  it("promise 6: is counted while it does", () => {
    const trouble = { since: NOW - 1, reads: true, leases: false, asked: [NOW - 1] };
    expect(after({ trouble }, { is: "asking", requests: 2 }).trouble?.asked).toEqual([NOW - 1, NOW, NOW]);
  });
});
