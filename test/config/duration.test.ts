import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  durationFault,
  formatDuration,
  parseDuration,
  parseDurationOrSeconds,
  toMilliseconds,
} from "../../src/config/duration.ts";

describe("Go's durations", () => {
  it.each([
    ["0", 0],
    ["5ns", 5],
    ["1us", 1e3],
    ["1µs", 1e3],
    ["1.5ms", 1.5e6],
    [".5s", 0.5e9],
    ["1.s", 1e9],
    ["-5s", -5e9],
    ["+5s", 5e9],
    ["1h2m3s", 3723e9],
    ["1m1h", 3660e9],
  ])("reads %s", (text, expected) => {
    expect(parseDuration(text)).toBe(expected);
  });

  it.each(["", "5", "s", "1x", "1d", "1h 2m", "1,5s", "soon", "--1s", ".s", "300000h0m0s1", "9999999999h"])(
    "refuses %j",
    (text) => {
      expect(parseDuration(text)).toBeUndefined();
    },
  );

  it.each([
    [0, "0s"],
    [5, "5ns"],
    [1500, "1.5µs"],
    [1_500_000, "1.5ms"],
    [1e9, "1s"],
    [1.5e9, "1.5s"],
    [10e9, "10s"],
    [90e9, "1m30s"],
    [3600e9, "1h0m0s"],
    [-86400e9, "-24h0m0s"],
    [3600e9 + 1, "1h0m0.000000001s"],
  ])("prints %d as %s", (length, expected) => {
    expect(formatDuration(length)).toBe(expected);
  });

  it("reads back what it prints", () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), (length) => {
        expect(parseDuration(formatDuration(length))).toBe(length);
      }),
    );
  });

  it("adds up its parts", () => {
    const part = fc.nat({ max: 1000 });
    fc.assert(
      fc.property(part, part, part, (hours, minutes, seconds) => {
        expect(parseDuration(`${hours}h${minutes}m${seconds}s`)).toBe((hours * 3600 + minutes * 60 + seconds) * 1e9);
      }),
    );
  });

  it("is never surprised by any text", () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const parsed = parseDurationOrSeconds(text);
        if (parsed === undefined) expect(durationFault(text)).toMatch(/^time: /);
        else expect(Number.isFinite(parsed)).toBe(true);
      }),
    );
  });
});

describe("durations that may be seconds", () => {
  it.each([
    ["", 0],
    ["30", 30e9],
    ["-5", -5e9],
    ["1d", 86400e9],
    ["1m30s", 90e9],
  ])("reads %j", (text, expected) => {
    expect(parseDurationOrSeconds(text)).toBe(expected);
  });

  it.each(["1.5", "1d2h", "d", "soon", "99999999999999999999"])("refuses %j", (text) => {
    expect(parseDurationOrSeconds(text)).toBeUndefined();
  });

  it.each([
    ["soon", 'time: invalid duration "soon"'],
    ["5", 'time: missing unit in duration "5"'],
    ["5x", 'time: unknown unit "x" in duration "5x"'],
    ["1h5y", 'time: unknown unit "y" in duration "1h5y"'],
  ])("says of %s what Go says", (text, message) => {
    expect(durationFault(text)).toBe(message);
  });

  it("hands milliseconds to the rest of the program", () => {
    expect(toMilliseconds(1.5e9)).toBe(1500);
  });
});
