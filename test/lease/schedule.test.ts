import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  expiryOf,
  finite,
  horizonFrom,
  horizonOf,
  incrementFor,
  leadFits,
  leadFor,
  leadOf,
  probeDue,
  probePutOff,
  publishBy,
  renewalDue,
  rereadDue,
  rotationDue,
  settlingOf,
} from "../../src/lease/schedule.ts";
import { anyPolicy, anySeconds, HOUR, held, MINUTE, SECOND, SEED_POLICY } from "./policies.ts";

const INFINITY = Number.POSITIVE_INFINITY;
const anyLead = fc.integer({ min: 0, max: 48 * HOUR });
const anyJitter = fc.double({ min: 0, max: 1, noNaN: true });
const anyHorizon = fc.oneof(fc.constant(INFINITY), anySeconds);

describe("W1: expiry and horizon", () => {
  it("expiry is the first of lease, token and login; the horizon what no renewal of any can pass", () => {
    const one = held({ expiry: 5, tokenExpiry: 4, validUntil: 6, horizon: 9, tokenHorizon: 8 });
    expect([expiryOf(one), horizonOf(one)]).toEqual([4, 6]);
  });

  it("rotation is not due for ever with the seed's numbers: a token of 1 h that can live 32 days, a lifetime of 1 h", () => {
    const one = held({ horizon: 24 * HOUR, tokenExpiry: HOUR, tokenHorizon: 768 * HOUR });
    expect(leadFor(one, SEED_POLICY)).toBeGreaterThan(HOUR);
    expect(rotationDue(one, SEED_POLICY)).toBe(24 * HOUR - leadFor(one, SEED_POLICY));
  });

  it("what is asked for is at least the grant and 1.5 leads, in whole seconds", () => {
    fc.assert(
      fc.property(anySeconds, anyLead, (duration, lead) => {
        const asked = incrementFor(duration, lead);
        expect(asked).toBeGreaterThanOrEqual(duration);
        expect(asked).toBeGreaterThanOrEqual(1.5 * lead);
        expect(asked % SECOND).toBe(0);
      }),
    );
  });

  it("a lease that is granted what was asked for never comes nearer to its end than the lead", () => {
    fc.assert(
      fc.property(anySeconds, fc.integer({ min: 2 * SECOND, max: 48 * HOUR }), anyJitter, (duration, lead, jitter) => {
        const granted = incrementFor(duration, lead);
        const due = renewalDue(0, granted, INFINITY, lead, jitter);
        expect(granted - due).toBeGreaterThanOrEqual(lead);
      }),
    );
  });
});

describe("a candidate is published", () => {
  it("at once where nothing is in use, and whenever it likes where that has no end", () => {
    expect(publishBy(null, SEED_POLICY)).toBe(-INFINITY);
    expect(publishBy(held({ horizon: INFINITY, tokenHorizon: INFINITY }), SEED_POLICY)).toBe(INFINITY);
  });

  it("so early that all but the preparation of the lead is left, however templates wait", () => {
    fc.assert(
      fc.property(anyPolicy, anySeconds, (policy, horizon) => {
        const one = held({ horizon, tokenHorizon: INFINITY });
        const left = horizonOf(one) - publishBy(one, policy);
        const lead = leadFor(one, policy);
        if (policy.connectionMaxLifetime === null) expect(left).toBeCloseTo(lead / 2);
        else expect(left).toBeCloseTo(policy.hearing + settlingOf(policy) + policy.margin);
      }),
    );
  });
});

describe("R4: a renewal", () => {
  it("is due after the one before and before the end, and never where the horizon is reached", () => {
    fc.assert(
      fc.property(anySeconds, anyHorizon, anyLead, anyJitter, (granted, horizon, lead, jitter) => {
        const due = renewalDue(1_000, granted, horizon, lead, jitter);
        if (1_000 + granted >= horizon - SECOND) {
          expect(due).toBe(INFINITY);
          return;
        }
        expect(due).toBeGreaterThanOrEqual(1_500);
        if (granted >= SECOND) expect(due).toBeLessThan(1_000 + granted);
      }),
    );
  });

  it("that comes back shortened still leaves the lead", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 4, max: 86_400 }),
        fc.integer({ min: 2, max: 86_400 }),
        fc.integer({ min: 2, max: 86_400 }),
        anyJitter,
        (ttl, more, needed, jitter) => {
          const [duration, lead] = [ttl * SECOND, needed * SECOND];
          let sentAt = 0;
          // As the first renewal asks for it, which the max TTL allows still.
          let granted = incrementFor(duration, lead);
          expect(granted).toBeGreaterThanOrEqual(duration);
          const horizon = granted + more * SECOND;
          for (let due = 0; due < INFINITY; ) {
            due = renewalDue(sentAt, granted, INFINITY, lead, jitter);
            const asked = incrementFor(duration, lead);
            sentAt = due;
            granted = Math.min(asked, horizon - due);
            if (horizonFrom(sentAt, asked, granted) < INFINITY) break;
          }
          // A second less is not taken for shortened; the lead's margin has it.
          expect(horizon - sentAt).toBeGreaterThanOrEqual(lead - SECOND);
        },
      ),
    );
  });
});

describe("M1: a max TTL", () => {
  it("shows itself where less than asked for is granted, cut to seconds or not", () => {
    expect(horizonFrom(500, 10_000, 10_000)).toBe(INFINITY);
    expect(horizonFrom(500, 10_000, 9_000)).toBe(INFINITY);
    expect(horizonFrom(500, 10_000, 8_999)).toBe(9_499);
    expect(horizonFrom(500, 10_000, 0)).toBe(500);
  });
});

describe("W5: the lead", () => {
  it("is the time of everything from the first preparation to the last old connection's end", () => {
    const { preparation, hearing, readerGrace, longestUse, margin } = SEED_POLICY;
    expect(leadOf(SEED_POLICY, 0)).toBe(preparation + hearing + readerGrace + HOUR + longestUse + margin);
    expect(settlingOf(SEED_POLICY)).toBe(readerGrace + HOUR + longestUse);
  });

  it("is longer than each of its parts", () => {
    fc.assert(
      fc.property(anyPolicy, anySeconds, (policy, life) => {
        fc.pre(policy.connectionMaxLifetime !== null);
        const lead = leadOf(policy, life);
        expect(lead).toBeGreaterThanOrEqual(settlingOf(policy) + policy.margin);
        expect(settlingOf(policy)).toBeGreaterThanOrEqual(policy.connectionMaxLifetime!);
      }),
    );
  });

  it("R5: is a third of the life where no lifetime is known, and at most 1 h", () => {
    const policy = { ...SEED_POLICY, connectionMaxLifetime: null };
    expect(leadOf(policy, 30 * MINUTE)).toBe(10 * MINUTE);
    expect(leadOf(policy, 12 * HOUR)).toBe(HOUR);
  });
});

describe("W2: a rotation", () => {
  const grants = fc.record({
    duration: anySeconds,
    horizon: anyHorizon,
    tokenHorizon: anyHorizon,
    readAt: fc.nat(1e9),
  });

  it("never begins before half of the life is over, and before the lead where two leads fit", () => {
    fc.assert(
      fc.property(anyPolicy, grants, (policy, { readAt, ...grant }) => {
        const one = held({
          readAt,
          duration: grant.duration,
          expiry: readAt + grant.duration,
          horizon: readAt + grant.horizon,
          tokenHorizon: readAt + grant.tokenHorizon,
        });
        const due = rotationDue(one, policy);
        const life = horizonOf(one) - readAt;
        expect(due).not.toBeNaN();
        expect(due).toBeGreaterThanOrEqual(readAt + life / 2);
        if (leadFits(one, policy) && life < INFINITY) {
          expect(due).toBeLessThanOrEqual(horizonOf(one) - leadFor(one, policy));
          // The jitter only ever makes it earlier.
          expect(due).toBeLessThanOrEqual(rotationDue(one, { ...policy, jitter: 0 }));
        }
      }),
    );
  });

  it("keeps two generations and no more where two leads fit", () => {
    fc.assert(
      fc.property(anyPolicy, anySeconds, (policy, horizon) => {
        const one = held({ horizon, duration: horizon, expiry: horizon });
        fc.pre(horizon > 0 && leadFits(one, { ...policy, jitter: 0 }));
        const interval = rotationDue(one, { ...policy, jitter: 0 });
        expect(1 + Math.ceil(leadFor(one, policy) / interval)).toBeLessThanOrEqual(2);
      }),
    );
  });

  it("is due by the lease's own end where its renewals keep failing, however soon its token is renewed", () => {
    const one = held({ horizon: 24 * HOUR, expiry: 12 * HOUR, tokenExpiry: 8 * HOUR, tokenHorizon: 768 * HOUR });
    expect(rotationDue({ ...one, renewFailures: 1 }, SEED_POLICY)).toBe(24 * HOUR - leadFor(one, SEED_POLICY));
    expect(rotationDue({ ...one, renewFailures: 2 }, SEED_POLICY)).toBe(12 * HOUR - leadFor(one, SEED_POLICY));
  });

  it("has no end of its own where no max TTL is known", () => {
    expect(rotationDue(held(), SEED_POLICY)).toBe(INFINITY);
  });

  it("of a secret without a lease is a new read, from time to time", () => {
    expect(rotationDue(held({ lease: "", rereadAt: 7 }), SEED_POLICY)).toBe(7);
  });

  it("M5: is due by the end of new logins where that is sooner", () => {
    const policy = { ...SEED_POLICY, connectionMaxLifetime: MINUTE, longestUse: 0 };
    const one = held({ horizon: 24 * HOUR, validUntil: HOUR });
    expect(rotationDue(one, policy)).toBe(HOUR - leadFor(one, policy));
    expect([expiryOf(one), horizonOf(one)]).toEqual([HOUR, HOUR]);
  });
});

describe("times, in numbers", () => {
  it("M1: a max TTL is asked for a second after the read, at once where it is waited for, and put off for 15 s", () => {
    expect([probeDue(5, true), probeDue(5, false)]).toEqual([5, 5 + SECOND]);
    expect(probePutOff(5, 4 + 15 * SECOND)).toBe(4 + 16 * SECOND);
    expect(probePutOff(5, 5 + 15 * SECOND)).toBeNull();
  });

  it.each([
    ["at 60 % of what was granted", HOUR, INFINITY, 0, 0, 36 * MINUTE],
    ["up to 10 % later, in a fleet", HOUR, INFINITY, 0, 1, 42 * MINUTE],
    ["a lead before its end, where that is sooner", HOUR, INFINITY, 35 * MINUTE, 0, 25 * MINUTE],
    ["at a third, where the lead does not fit", HOUR, INFINITY, 50 * MINUTE, 0, 20 * MINUTE],
    ["half a second after the last one at the soonest", SECOND, INFINITY, 0, 0, 0.6 * SECOND],
    ["half a second after the last one, whatever was granted", 0, INFINITY, 0, 0, SECOND / 2],
    ["never, where the horizon is reached to the second", HOUR, HOUR + 7 + SECOND, 0, 0, INFINITY],
    ["as long as it is not", HOUR, HOUR + 8 + SECOND, 0, 0, 36 * MINUTE],
  ])("R4: a renewal is due %s", (_what, granted, horizon, lead, jitter, due) => {
    expect(renewalDue(7, granted, horizon, lead, jitter)).toBe(due === INFINITY ? due : 7 + due);
  });

  it.each([
    [HOUR, 0, HOUR],
    [HOUR, HOUR, 1.5 * HOUR],
    [1, 0, SECOND],
    [0, 0, 0],
  ])("W1: for %d ms and a lead of %d ms a renewal asks for %d", (duration, lead, asked) => {
    expect(incrementFor(duration, lead)).toBe(asked);
  });

  const quick = {
    ...SEED_POLICY,
    connectionMaxLifetime: MINUTE,
    longestUse: 0,
    preparation: 10 * SECOND,
    hearing: 0,
    readerGrace: 0,
    margin: 0,
  };

  it.each([
    ["W5: a lead before its horizon", { horizon: HOUR }, 0, HOUR - 70 * SECOND],
    [
      "W2: at half of its life, where two leads do not fit",
      { readAt: HOUR, horizon: HOUR + 2 * MINUTE },
      0,
      HOUR + MINUTE,
    ],
    [
      "earlier by a tenth of what two leads leave, in a fleet",
      { readAt: HOUR, horizon: 2 * HOUR + 140 * SECOND },
      1,
      2 * HOUR + 70 * SECOND - 6 * MINUTE,
    ],
    ["no earlier, where they leave nothing", { readAt: HOUR, horizon: HOUR + 130 * SECOND }, 1, HOUR + 65 * SECOND],
    ["when it says so itself", { horizon: HOUR, rereadAt: 9 }, 1, 9],
    ["never, without an end", {}, 1, INFINITY],
  ])("a rotation is due %s", (_what, changes, jitter, due) => {
    expect(rotationDue(held(changes), { ...quick, jitter })).toBe(due);
  });

  it("W2: two generations fit when the life is two leads long", () => {
    expect(leadFits(held({ readAt: 5, horizon: 5 + 140 * SECOND }), quick)).toBe(true);
    expect(leadFits(held({ readAt: 5, horizon: 4 + 140 * SECOND }), quick)).toBe(false);
    // Without a horizon, as long as it was given for, or longer where it was renewed to that.
    expect(leadFits(held({ readAt: 5, duration: 140 * SECOND }), quick)).toBe(true);
    expect(leadFits(held({ readAt: 5, duration: SECOND, expiry: 5 + 140 * SECOND }), quick)).toBe(true);
    expect(leadFits(held({ readAt: 5, duration: SECOND, expiry: 4 + 140 * SECOND }), quick)).toBe(false);
  });

  it("a candidate is published by then", () => {
    expect(publishBy(held({ horizon: HOUR }), quick)).toBe(HOUR - MINUTE);
    expect(publishBy(held({ horizon: HOUR }), { ...quick, connectionMaxLifetime: null })).toBe(50 * MINUTE);
  });

  it("what has no end is null for JSON", () => {
    expect([finite(INFINITY), finite(0), finite(5)]).toEqual([null, 0, 5]);
  });
});

describe("a secret that nobody renews is read again", () => {
  const policy = { ...SEED_POLICY, staticInterval: 5 * MINUTE, renewalThreshold: 0.9 };

  it.each([
    ["just after its rotation", { until: "rotation", for: MINUTE }, 0.5, 0, MINUTE + SECOND],
    ["some time after it, in a fleet", { until: "rotation", for: 20 * SECOND }, 0.5, 1, 22 * SECOND],
    ["two seconds of that at the most", { until: "rotation", for: HOUR }, 0.5, 1, HOUR + 3 * SECOND],
    ["ten seconds later, where that is late", { until: "rotation", for: 0 }, 0.5, 0, 10 * SECOND],
    ["a second later, where that is late by one", { until: "rotation", for: 0, late: SECOND }, 0.5, 0, SECOND],
    ["ever later, the later that is", { until: "rotation", for: 0, late: 6 * SECOND }, 0.5, 0, 3 * SECOND],
    ["up to those ten seconds", { until: "rotation", for: 0, late: HOUR }, 0.5, 0, 10 * SECOND],
    ["from time to time, where it says nothing", { until: "unsaid" }, 0.5, 0, 4.5 * MINUTE],
    ["from time to time, where its end is over", { until: "its end", for: 0, age: HOUR }, 0.5, 0, 4.5 * MINUTE],
    ["at the threshold of its time", { until: "its end", for: 10 * MINUTE }, 0.5, 0, 9 * MINUTE],
    ["5 % around that by chance", { until: "its end", for: 10 * MINUTE }, 0, 0, 8.5 * MINUTE],
    ["counted from its beginning", { until: "its end", for: 5 * MINUTE, age: 5 * MINUTE }, 0.5, 0, 4 * MINUTE],
    ["after half of what is left at the soonest", { until: "its end", for: MINUTE, age: HOUR }, 0.5, 0, MINUTE / 2],
    ["a second after the read at the soonest", { until: "its end", for: SECOND, age: HOUR }, 0.5, 0, SECOND],
    ["not at once, where it was dated back", { until: "its end", for: 8 * SECOND, age: 30 * SECOND }, 0, 0, 4 * SECOND],
  ] as const)("%s", (_what, good, chance, jitter, due) => {
    expect(rereadDue(7, good, { ...policy, jitter }, chance) - 7).toBeCloseTo(due);
  });

  it("at the threshold itself where chance would bring it to none of its time, or to all of it", () => {
    const good = { until: "its end", for: 10 * MINUTE } as const;
    expect(rereadDue(0, good, { ...policy, renewalThreshold: 0.98 }, 1)).toBeCloseTo(9.8 * MINUTE);
    expect(rereadDue(0, good, { ...policy, renewalThreshold: 0.95 }, 1)).toBeCloseTo(9.5 * MINUTE);
    expect(rereadDue(0, good, { ...policy, renewalThreshold: 0.04 }, 0)).toBeCloseTo(0.4 * MINUTE);
    expect(rereadDue(0, good, { ...policy, renewalThreshold: 0.05 }, 0)).toBeCloseTo(0.5 * MINUTE);
  });
});
