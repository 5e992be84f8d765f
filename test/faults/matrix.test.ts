/** The fault matrix: every fault at every step, once and for ever, and what is left of it. */
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runCell } from "./cell.ts";
import { type Ground, prepareGround } from "./ground.ts";
import { startPod } from "./pod.ts";
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

it("W11: what was read is kept before it is published, however long that takes", async () => {
  const pod = await startPod(ground);
  try {
    const before = await readFile(pod.destination, "utf8");
    const users = pod.events.filter(({ is }) => is === "read").length;
    const goOn = pod.disk.hold(pod.stateFolder);
    pod.sidecar().keepers.take({ is: "rotation asked" });
    await pod.pass(60_000);
    expect(pod.events.filter(({ is }) => is === "verified")).toHaveLength(users + 1);
    expect(await readFile(pod.destination, "utf8")).toBe(before);
    goOn();
    const { user } = await pod.until("published", 60_000, ({ user }) => !before.includes(String(user)));
    const path = join(pod.stateFolder, "lessee-state.json");
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    const { binding, credentials } = JSON.parse(await readFile(path, "utf8"));
    expect(credentials).toContainEqual(expect.objectContaining({ user, stage: "current" }));
    const { address } = pod.vault;
    // Its JWT has no uid of a pod in it, as there is none for the methods that log in without one.
    expect(binding).toEqual({ address, namespace: "", mount: "auth/kubernetes", role: "pg", pod: "tsb-0" });
    await pod.stop();
  } finally {
    await pod.dispose();
  }
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
