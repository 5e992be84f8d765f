/** What Kubernetes' own library makes of quantities, as the annotations of the injector have them. */
import { describe, expect, it } from "vitest";
import { quantity } from "../../src/inject/quantity.ts";

describe("a quantity", () => {
  it.each([
    ["250m", "250m"],
    ["64Mi", "64Mi"],
    ["1024Mi", "1Gi"],
    ["1.5Gi", "1536Mi"],
    ["0.5Gi", "512Mi"],
    ["0.5", "500m"],
    [".5", "500m"],
    ["1.", "1."],
    ["+1", "+1"],
    ["-5", "-5"],
    ["1000m", "1"],
    ["1500m", "1500m"],
    ["2000000u", "2"],
    ["0.1m", "100u"],
    ["2.0", "2"],
    ["1e3", "1e3"],
    ["1e4", "10e3"],
    ["12E", "12E"],
    ["100000", "100k"],
    ["0.0000000001", "1n"],
    ["0.5Ki", "512"],
    ["0.0001Ki", "102400u"],
    ["9999999999Gi", "9223372036854775807"],
    ["999999999999999999999", "999999999999999999999"],
    ["00", "0"],
    ["0Mi", "0"],
    ["+", "0"],
  ])("%s is written as %s", (text, expected) => {
    expect(quantity(text)).toBe(expected);
  });

  it.each([
    ["abc", "quantities must match the regular expression"],
    ["5 Mi", "quantities must match the regular expression"],
    ["1.5.5", "quantities must match the regular expression"],
    ["1MiB", "quantities must match the regular expression"],
    ["1e3Mi", "quantities must match the regular expression"],
    ["500mm", "unable to parse quantity's suffix"],
    ["1K", "unable to parse quantity's suffix"],
    ["1e", "unable to parse quantity's suffix"],
    ["1e99999", "unable to parse quantity's suffix"],
    ["Pi", "unable to parse numeric part of quantity"],
  ])("%s is none: %s", (text, words) => {
    expect(() => quantity(text)).toThrow(words);
  });
});
