/** The numbers of docs/operations.md are those of the program's own formulas. */
import { describe, expect, it } from "vitest";
import { defaultCredential } from "../../src/config/defaults.ts";
import { formatDuration, parseDuration } from "../../src/config/duration.ts";
import { policyOf } from "../../src/lease/policy.ts";
import { incrementFor, leadFits, leadOf, rotationDue } from "../../src/lease/schedule.ts";
import { held } from "../lease/policies.ts";
import { page, rows } from "./markdown.ts";

const HOUR = 3_600_000;
const milliseconds = (text: string) => (parseDuration(text) ?? Number.NaN) / 1e6;
const said = (ms: number) => formatDuration(ms * 1e6);

describe("which TTLs go with which connections", () => {
  const [, ...table] = rows(page("docs/operations.md"), /^## Which TTLs$/);

  it("is answered for some", () => expect(table.length).toBeGreaterThan(5));

  it.each(table.map((row) => ({ lifetime: row[0] ?? "", row })))("connections of $lifetime", ({ lifetime, row }) => {
    const [, lead, least, ttls = "", begins, increment] = row;
    const [duration = 0, max = 0] = ttls.split(", ").map(milliseconds);
    const policy = policyOf(
      defaultCredential("database/creds/pg-role", { connectionMaxLifetime: milliseconds(lifetime) }),
      { staticInterval: HOUR, renewalThreshold: 0.9, jitter: 0, hasCommands: false, printsHorizon: false },
    );
    const one = held({ duration, horizon: max, tokenExpiry: HOUR, tokenHorizon: 768 * HOUR });
    const ours = leadOf(policy, max);
    expect([lead, least, begins, increment]).toEqual([
      said(ours),
      said(2 * ours),
      said(rotationDue(one, policy)),
      said(incrementFor(HOUR, ours)),
    ]);
    expect(leadFits(one, policy)).toBe(true);
  });
});
