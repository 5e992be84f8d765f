import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { calculateTtl, formatDuration, formatTime, parseDuration, SYSTEM_TTL } from "../../dev/vault/durations.ts";

describe("a duration", () => {
  it.each([
    [90, 90_000],
    ["90", 90_000],
    ["90s", 90_000],
    ["1h30m", 5_400_000],
    ["2d", 172_800_000],
    ["1.5h", 5_400_000],
    [undefined, undefined],
    ["", undefined],
  ])("given as %s is %s ms", (given, expected) => {
    expect(parseDuration(given)).toBe(expected);
  });

  it.each([
    ["1e3", 'time: unknown unit "e" in duration "1e3"'],
    ["ten", 'time: invalid duration "ten"'],
    ["1.5", 'time: missing unit in duration "1.5"'],
    ["-5", "cannot provide negative value '-5'"],
  ])("given as %s is refused", (given, words) => {
    expect(() => parseDuration(given, "of a field: ")).toThrow(`of a field: ${words}`);
  });

  it.each([
    [999_999_000, "277h46m39s"],
    [86_400_000, "24h"],
    [6_000, "6s"],
    [3_660_000, "1h1m"],
    [0, "0s"],
  ])("of %s ms is printed as %s", (duration, expected) => {
    expect(formatDuration(duration)).toBe(expected);
  });
});

describe("a time", () => {
  it.each([
    [0, "1970-01-01T00:00:00Z"],
    [120, "1970-01-01T00:00:00.12Z"],
    [10_000, "1970-01-01T00:00:10Z"],
  ])("of %s is printed as %s", (time, expected) => {
    expect(formatTime(time)).toBe(expected);
  });
});

describe("a TTL", () => {
  const seconds = (max: number) => fc.integer({ min: 1, max }).map((value) => value * 1000);
  const arbitrary = fc.record({
    ttl: seconds(100),
    maxTtl: seconds(1000),
    increment: seconds(2000),
    age: seconds(2000),
  });

  it("never passes the max TTL, and says so whenever it was shortened", () => {
    fc.assert(
      fc.property(arbitrary, ({ ttl, maxTtl, increment, age }) => {
        const now = 1_800_000_000_000;
        const left = maxTtl - age;
        if (left <= 0) {
          expect(() => calculateTtl({ ttl, maxTtl }, increment, now, now - age)).toThrow(/past the max TTL/);
          return;
        }
        const granted = calculateTtl({ ttl, maxTtl }, increment, now, now - age);
        expect(granted.ttl).toBe(Math.min(increment, left));
        expect(granted.warnings.length > 0).toBe(increment > left);
      }),
    );
  });

  it("of a period takes no increment, and ends only with an explicit max TTL", () => {
    const now = 1_800_000_000_000;
    const terms = { ttl: 0, maxTtl: 0, period: 60_000 };
    expect(calculateTtl(terms, 5_000, now, now - 10 * SYSTEM_TTL)).toEqual({ ttl: 60_000, warnings: [] });
    expect(calculateTtl({ ...terms, explicitMaxTtl: 100_000 }, 0, now, now - 70_000).ttl).toBe(30_000);
  });
});
