import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Facts, forecast } from "../../src/lease/forecast.ts";
import { trapsOf } from "../../src/lease/traps.ts";
import { anyPolicy, HOUR, MINUTE, SECOND, SEED_POLICY } from "./policies.ts";

const token = {
  type: "service",
  renewable: true,
  orphan: true,
  numUses: 0,
  ttl: HOUR,
  maxTtl: 768 * HOUR,
  period: 0,
} as const;
const lease = { renewable: true, ttl: 12 * HOUR, maxTtl: 24 * HOUR };
const rights = { read: true, renewLease: true, lookupLease: true, revokeLease: false, renewSelf: true };
const seed: Facts = { token, lease, rights, user: null, statements: null };
const user = { validFor: 12 * HOUR, leaseFor: 12 * HOUR, ownsWhatItCreates: false, warnings: [], owners: [] };
const say = (ms: number) => `${ms / SECOND} s`;

const codes = (changes: Partial<Facts>, policy = SEED_POLICY) => {
  const facts = { ...seed, ...changes };
  return trapsOf(facts, forecast(facts, policy, 3), policy, say).map(({ code }) => code);
};

describe("a forecast", () => {
  const ms = (min: number, max: number) => fc.integer({ min, max }).map((seconds) => seconds * SECOND);

  it("lets every connection close before its credential ends, wherever two generations fit", () => {
    fc.assert(
      fc.property(anyPolicy, ms(1, 86_400), ms(1, 864_000), ms(1, 864_000), (policy, ttl, maxTtl, tokenMax) => {
        const facts = { ...seed, lease: { renewable: true, ttl, maxTtl }, token: { ...token, maxTtl: tokenMax } };
        const { fits, rotations } = forecast(facts, policy, 5)!;
        expect(rotations.length).toBeGreaterThan(0);
        rotations.forEach(({ readAt, rotationAt }, i) => {
          expect(rotationAt).toBeGreaterThan(readAt);
          if (i > 0) expect(readAt).toBe(rotations[i - 1]!.rotationAt);
        });
        if (!fits || policy.connectionMaxLifetime === null || maxTtl > tokenMax) return;
        expect(rotations[0]!.closedAt).toBeLessThanOrEqual(rotations[0]!.endsAt);
      }),
    );
  });

  it("logs in anew before the token ends, and not for every credential", () => {
    const { rotations } = forecast({ ...seed, token: { ...token, maxTtl: 50 * HOUR } }, SEED_POLICY, 6)!;
    expect(rotations.map(({ login }) => login)).toEqual([false, false, true, false, true, false].slice(0, 6));
    for (const one of rotations) expect(one.endsAt - one.readAt).toBeGreaterThanOrEqual(24 * HOUR);
  });

  it("has no rotation where no end is known", () => {
    const endless = {
      ...seed,
      lease: { ...lease, maxTtl: null },
      token: { ...token, period: HOUR, maxTtl: Number.POSITIVE_INFINITY },
    };
    expect(forecast(endless, SEED_POLICY, 3)!.rotations).toHaveLength(1);
    expect(forecast({ ...seed, lease: null }, SEED_POLICY, 3)).toBeNull();
  });
});

describe("the traps", () => {
  it("are none with the seed's numbers", () => {
    expect(codes({})).toEqual([]);
  });

  it.each([
    ["max-ttl-below-lifetime", { lease: { ...lease, ttl: 10 * MINUTE, maxTtl: 30 * MINUTE } }],
    ["lead", { lease: { ...lease, maxTtl: 2 * HOUR } }],
    ["token-below-lease", { token: { ...token, maxTtl: 20 * HOUR } }],
    ["renew-forbidden", { rights: { ...rights, renewLease: false } }],
    ["lookup-forbidden", { rights: { ...rights, lookupLease: false } }],
    ["renew-self-forbidden", { rights: { ...rights, renewSelf: false } }],
    ["read-forbidden", { rights: { ...rights, read: false } }],
    ["num-uses", { token: { ...token, numUses: 3 } }],
    ["batch-token", { token: { ...token, type: "batch", renewable: false } as const }],
    ["token-parent", { token: { ...token, orphan: false } }],
    ["period-below-lead", { token: { ...token, period: HOUR, maxTtl: Number.POSITIVE_INFINITY } }],
    ["valid-until", { user: { ...user, validFor: HOUR } }],
    ["owned-objects", { user: { ...user, ownsWhatItCreates: true } }],
    ["owned-objects", { user: { ...user, owners: [{ username: "v-old", owned: 1, ownedNames: ["public.t"] }] } }],
    ["postgres", { user: { ...user, warnings: ["little room for a second user's sessions"] } }],
  ] satisfies [string, Partial<Facts>][])("of %s are said", (code, changes) => {
    expect(codes(changes)).toContain(code);
  });

  it("M6: are none where the revocation statements give away what the user owns", () => {
    const statements = { creation: "", revocation: 'REASSIGN OWNED BY "{{name}}" TO tsb_owner;' };
    expect(codes({ user: { ...user, ownsWhatItCreates: true }, statements })).toEqual([]);
  });

  it("of a budget that the TTLs do not fit into are said with both numbers", () => {
    const short = { lease: { ...lease, ttl: 5 * MINUTE, maxTtl: 8 * MINUTE } };
    const policy = { ...SEED_POLICY, connectionMaxLifetime: MINUTE, longestUse: 0 };
    expect(codes(short, policy)).toEqual(["budget"]);
  });
});
