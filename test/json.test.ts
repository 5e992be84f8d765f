import fc from "fast-check";
import { expect, it } from "vitest";
import { JsonLimitError, JsonNumber, parseJson } from "../src/json.ts";

/** With numbers as numbers, for comparison with Node's own parser. */
const plain = (text: string) => JSON.parse(JSON.stringify(parseJson(text)));

it("reads what Node's own parser reads, however strings are escaped", () => {
  fc.assert(
    fc.property(fc.json({ noUnicodeString: false }), (text) => {
      expect(plain(text)).toEqual(JSON.parse(text));
    }),
  );
  fc.assert(
    fc.property(fc.array(fc.constantFrom('"', "\\", "\\\\", '\\"', "a", "u0041", "{", ":")), (parts) => {
      const text = `{"k":"${parts.join("")}"}`;
      let expected: unknown = "refused";
      try {
        expected = JSON.parse(text);
      } catch {}
      let found: unknown = "refused";
      try {
        found = plain(text);
      } catch {}
      expect(found).toEqual(expected);
    }),
    { numRuns: 2_000 },
  );
});

it("keeps a number as it is spelled", () => {
  expect(parseJson("[1.50e3]")).toEqual([new JsonNumber("1.50e3")]);
});

it("reads no more than a sidecar can bear", () => {
  expect(() => parseJson(`[${"1,".repeat(300_000)}1]`)).toThrow(JsonLimitError);
  expect(() => parseJson("[".repeat(1_000_000))).toThrow(JsonLimitError);
  expect(parseJson(`[${"1,".repeat(150_000)}1]`)).toHaveLength(150_001);
});

it("finds the end of a long string in time that grows with its length", () => {
  const begun = performance.now();
  for (const part of ["\\\\", '\\"', "x"]) parseJson(`"${part.repeat(2_000_000)}"`);
  expect(performance.now() - begun).toBeLessThan(3_000);
});
