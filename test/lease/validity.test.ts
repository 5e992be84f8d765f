/** Secrets that nobody renews: what they say of their own end, and when they are read again. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseJson } from "../../src/json.ts";
import { rereadDue } from "../../src/lease/schedule.ts";
import { type Validity, validityOf } from "../../src/lease/validity.ts";
import { secretFrom } from "../../src/vault/answer.ts";
import type { VaultSecret } from "../../src/vault/secret.ts";
import { anyPolicy, MINUTE, SECOND, SEED_POLICY } from "./policies.ts";

const NOW = 1_800_000_000_000;
const anyChance = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
const anyLength = fc.integer({ min: 0, max: 400 * 24 * 60 * MINUTE });
const anyValidity: fc.Arbitrary<Validity> = fc.oneof(
  fc.constant({ until: "unsaid" } as const),
  fc.record({ until: fc.constant("its end" as const), for: anyLength }),
  fc.record({ until: fc.constant("its end" as const), for: anyLength, age: anyLength }),
  fc.record({ until: fc.constant("rotation" as const), for: anyLength }),
);

function answer(body: object): VaultSecret {
  return secretFrom(parseJson(JSON.stringify(body)) as Parameters<typeof secretFrom>[0]);
}

describe("how long a secret is good for", () => {
  const cases: Readonly<Record<string, readonly [body: object, good: Validity]>> = {
    "KV v2 does not say": [{ lease_duration: 0, data: { data: { ttl: "90s" } } }, { until: "unsaid" }],
    "KV v1 with a ttl": [
      { lease_duration: 90, data: { ttl: "90s" } },
      { until: "its end", for: 90 * SECOND },
    ],
    "a static role, until Vault rotates it": [
      { lease_duration: 0, data: { username: "u", password: "p", ttl: 30, rotation_period: 60 } },
      { until: "rotation", for: 30 * SECOND },
    ],
    "a certificate, until its date": [
      { lease_duration: 0, data: { certificate: "PEM", expiration: NOW / 1_000 + 3_600 } },
      { until: "its end", for: 60 * MINUTE },
    ],
    "a certificate that says from when on": [
      { data: { certificate: "PEM", not_before: NOW / 1_000 - 600, expiration: NOW / 1_000 + 3_600 } },
      { until: "its end", for: 60 * MINUTE, age: 10 * MINUTE },
    ],
    "a date that is over": [
      { lease_duration: 0, data: { certificate: "PEM", expiration: 1 } },
      { until: "its end", for: 1_000 - NOW },
    ],
    "a secret id": [{ data: { secret_id: "s", secret_id_ttl: 600 } }, { until: "its end", for: 10 * MINUTE }],
    "a secret id without an end": [{ data: { secret_id: "s", secret_id_ttl: 0 } }, { until: "unsaid" }],
    "a lease, whatever its data say": [
      { lease_id: "aws/creds/x/1", lease_duration: 60, data: { ttl: 5, rotation_period: 9, certificate: "" } },
      { until: "its end", for: MINUTE },
    ],
    "texts in place of numbers say nothing": [
      { data: { ttl: "30", rotation_period: 60, certificate: "PEM", expiration: "soon" } },
      { until: "unsaid" },
    ],
    "a ttl of what is not rotated": [{ data: { ttl: 30 } }, { until: "unsaid" }],
    "an end of what is no certificate": [{ data: { expiration: NOW / 1_000 + 60 } }, { until: "unsaid" }],
    "a secret id's time without the secret id": [{ data: { secret_id_ttl: 600 } }, { until: "unsaid" }],
    "a certificate from now on": [
      { data: { certificate: "PEM", not_before: NOW / 1_000, expiration: NOW / 1_000 + 60 } },
      { until: "its end", for: MINUTE, age: 0 },
    ],
    "a certificate from tomorrow on": [
      { data: { certificate: "PEM", not_before: NOW / 1_000 + 9, expiration: NOW / 1_000 + 60 } },
      { until: "its end", for: MINUTE, age: 0 },
    ],
    "a rotation that is late, since when": [
      {
        data: {
          ttl: 0,
          rotation_period: 60,
          last_vault_rotation: new Date(NOW - 64 * SECOND).toISOString(),
        },
      },
      { until: "rotation", for: 0, late: 4 * SECOND },
    ],
    "a rotation that is late by a clock that is not ours": [
      { data: { ttl: 0, rotation_period: 60, last_vault_rotation: new Date(NOW).toISOString() } },
      { until: "rotation", for: 0 },
    ],
    "a rotation that is due": [{ data: { ttl: 0, rotation_period: 60 } }, { until: "rotation", for: 0 }],
    "a rotation that is late": [{ data: { ttl: -5, rotation_period: 60 } }, { until: "rotation", for: 0 }],
    "no data": [{ lease_duration: 0, data: null }, { until: "unsaid" }],
  };
  it.for(Object.entries(cases))("%s", ([, [body, good]]) => {
    expect(validityOf(answer(body), NOW)).toEqual(good);
  });
});

describe("a secret that nobody renews is read again", () => {
  it("never at once, and never after its end", () => {
    fc.assert(
      fc.property(anyValidity, anyPolicy, anyChance, (good, policy, chance) => {
        const after = rereadDue(NOW, good, policy, chance) - NOW;
        expect(after).toBeGreaterThanOrEqual(SECOND);
        if (good.until === "its end" && good.for > SECOND) expect(after).toBeLessThanOrEqual(good.for);
        if (good.until === "unsaid") expect(after).toBeLessThanOrEqual(Math.max(policy.staticInterval, SECOND));
      }),
    );
  });

  it("at 85 to 95 % of its time or of the interval, all over that range", () => {
    const at = (good: Validity, chance: number) => rereadDue(0, good, SEED_POLICY, chance) / MINUTE;
    expect([0, 0.5, 1].map((chance) => at({ until: "unsaid" }, chance))).toEqual([4.25, 4.5, 4.75]);
    expect(at({ until: "its end", for: 100 * MINUTE }, 0.5)).toBe(90);
    expect(at({ until: "its end", for: 60 * MINUTE, age: 40 * MINUTE }, 0.5)).toBe(50);
    expect(at({ until: "its end", for: -5 }, 0.5)).toBe(4.5);
  });

  it("at the threshold itself where the range would pass the end", () => {
    const policy = { ...SEED_POLICY, renewalThreshold: 0.98 };
    expect(rereadDue(0, { until: "its end", for: 100 * SECOND }, policy, 0.9)).toBe(98 * SECOND);
  });

  it("after its rotation by Vault, at most three seconds later, and not all pods at once", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 86_400 }), anyPolicy, anyChance, (seconds, policy, chance) => {
        const after = rereadDue(0, { until: "rotation", for: seconds * SECOND }, policy, chance) - seconds * SECOND;
        expect(after).toBeGreaterThanOrEqual(SECOND);
        expect(after).toBeLessThanOrEqual(3 * SECOND);
      }),
    );
    const pod = (jitter: number) =>
      rereadDue(0, { until: "rotation", for: 30 * SECOND }, { ...SEED_POLICY, jitter }, 0.5);
    expect([pod(0), pod(0.5), pod(1)]).toEqual([31_000, 31_750, 32_500]);
  });

  it("every ten seconds at most while a rotation is overdue", () => {
    expect(rereadDue(0, { until: "rotation", for: 0 }, SEED_POLICY, 0)).toBe(10 * SECOND);
  });
});
