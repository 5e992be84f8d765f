import { expect, it } from "vitest";
import { formatDuration } from "../../src/log/duration.ts";

it.each([
  [0, "0s"],
  [0.2, "200µs"],
  [12.5, "13ms"],
  [999.7, "1s"],
  [1_250, "1.25s"],
  [9_999, "10s"],
  [59_999, "1m"],
  [90_000, "1m30s"],
  [43_200_000, "12h"],
  [2_764_800_000, "768h"],
  [3_661_400, "1h1m1s"],
  [-1_500, "-1.5s"],
  [Number.POSITIVE_INFINITY, "∞"],
])("%d ms is %s", (ms, text) => {
  expect(formatDuration(ms)).toBe(text);
});
