import { expect, it } from "vitest";
import { createVariables } from "../../src/supervise/variables.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

it("variables are complete once each has been rendered", () => {
  const variables = createVariables(["A", "B"]);
  expect(variables.complete()).toBeNull();
  expect(variables.assign("A", bytes("ä"))).toBe(true);
  expect(variables.complete()).toBeNull();
  expect(variables.assign("B", bytes(""))).toBe(true);
  expect(variables.complete()).toEqual({ A: "ä", B: "" });
  expect(variables.assign("A", bytes("ä"))).toBe(false);
  expect(variables.assign("A", bytes("o"))).toBe(true);
});

it("a null byte is refused without saying what stands around it", () => {
  const variables = createVariables(["A"]);
  expect(() => variables.assign("A", bytes("hunter2\0"))).toThrow(/^A: a null byte cannot stand in a variable$/);
  expect(variables.complete()).toBeNull();
});
