import { describe, expect, it } from "vitest";
import { defaultCredential } from "../../src/config/defaults.ts";
import type { CredentialConfig, PostgresConfig } from "../../src/config/types.ts";
import { jitterOf, policyOf } from "../../src/lease/policy.ts";

const context = {
  staticInterval: 300_000,
  renewalThreshold: 0.9,
  jitter: 0.5,
  printsHorizon: false,
  hasCommands: false,
};
const server: PostgresConfig = {
  connectionUrl: "postgresql://{{username}}:{{password}}@h/db",
  verifyQuery: "SELECT 1",
  drain: "watch",
  connectTimeout: 10_000,
};
const of = (overrides: Partial<CredentialConfig>) =>
  policyOf(defaultCredential("database/creds/pg", overrides), context);

describe("a policy", () => {
  it("without a block knows no lifetime, verifies nothing, sees nothing, tells nobody", () => {
    expect(of({})).toMatchObject({
      connectionMaxLifetime: null,
      longestUse: 60_000,
      maxNewPerHour: null,
      verifies: false,
      observes: false,
      terminates: false,
      notifies: false,
      staticInterval: 300_000,
      renewalThreshold: 0.9,
      jitter: 0.5,
    });
  });

  it("takes the longest use as a tenth of the lifetime, and a minute at least (rule W5)", () => {
    expect(of({ connectionMaxLifetime: 3_600_000 }).longestUse).toBe(360_000);
    expect(of({ connectionMaxLifetime: 5_000 }).longestUse).toBe(60_000);
    expect(of({ connectionMaxLifetime: 3_600_000, longestUse: 1 }).longestUse).toBe(1);
  });

  it.each([
    ["off", { verifies: true, observes: false, terminates: false }],
    ["watch", { verifies: true, observes: true, terminates: false }],
    ["terminate", { verifies: true, observes: true, terminates: true }],
  ] as const)("with drain = %s", (drain, expected) => {
    expect(of({ postgres: [{ ...server, drain }] })).toMatchObject(expected);
  });

  it("takes a minute as the longest use where no lifetime is known", () => {
    expect(of({}).longestUse).toBe(60_000);
    expect(of({ connectionMaxLifetime: 600_000 }).longestUse).toBe(60_000);
    expect(of({ connectionMaxLifetime: 600_010 }).longestUse).toBe(60_001);
  });

  it("sees, or ends, sessions where one of several servers is asked for that", () => {
    const two = (...drains: PostgresConfig["drain"][]) =>
      of({ postgres: drains.map((drain) => ({ ...server, drain })) });
    expect(two("off", "watch")).toMatchObject({ observes: true, terminates: false });
    expect(two("terminate", "off")).toMatchObject({ observes: true, terminates: true });
    expect(two("off", "off")).toMatchObject({ observes: false, terminates: false });
  });

  it("has somebody to tell with a notify block", () => {
    expect(of({ notify: [{ kind: "http" } as never] }).notifies).toBe(true);
  });

  it("has somebody to tell where a template has a command", () => {
    expect(policyOf(defaultCredential("p"), { ...context, printsHorizon: false, hasCommands: true }).notifies).toBe(
      true,
    );
  });
});

const KNOWN = [0.6689221884589642, 0.6649713024962693, 0.3205588711425662];

describe("a pod's jitter", () => {
  it("is the same for its whole life, from 0 to 1, and spreads a fleet", () => {
    const all = Array.from({ length: 1_000 }, (_, i) => jitterOf(`tsb-7d9f8-${i}`));
    expect(all).toEqual(Array.from({ length: 1_000 }, (_, i) => jitterOf(`tsb-7d9f8-${i}`)));
    // It may not change with a new version either: a fleet that is updated would rotate at once.
    expect(["", "tsb-0", "tsb-1"].map(jitterOf)).toEqual(KNOWN);
    for (let tenth = 0; tenth < 10; tenth++) {
      const inside = all.filter((jitter) => jitter >= tenth / 10 && jitter < (tenth + 1) / 10).length;
      expect(inside).toBeGreaterThan(50);
      expect(inside).toBeLessThan(150);
    }
  });
});
