/** The fault matrix: every fault at every step, once and for ever, and what is left of it. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runCell } from "./cell.ts";
import { type Ground, prepareGround } from "./ground.ts";
import { DURATIONS, FAULTS, OPERATIONS, TABLE } from "./table.ts";

let ground: Ground;
beforeAll(async () => {
  ground = await prepareGround();
});
afterAll(() => ground.stop());

it("knows every fault at every step, or says why there is none", () => {
  const cells = OPERATIONS.flatMap((operation) => FAULTS.map((fault) => TABLE[operation][fault]));
  expect(cells).toHaveLength(OPERATIONS.length * FAULTS.length);
  for (const cell of cells) if ("void" in cell) expect(cell.void).not.toBe("");
  expect(OPERATIONS.map((operation) => Object.keys(TABLE[operation]).sort())).toEqual(
    OPERATIONS.map(() => [...FAULTS].sort()),
  );
});

for (const operation of OPERATIONS) {
  describe.concurrent(operation, { timeout: 60_000 }, () => {
    for (const fault of FAULTS) {
      const cell = TABLE[operation][fault];
      if ("void" in cell) it.skip(`${fault}: there is no such case, because ${cell.void}`);
      else for (const duration of DURATIONS) it(`${fault}, ${duration}`, () => runCell(ground, cell, duration));
    }
  });
}
