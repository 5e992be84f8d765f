import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, it } from "vitest";
import { watchMachine } from "../../src/telemetry/machine.ts";

it("collections of garbage are counted and told of, where that is wanted", async () => {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const [watched, unwatched] = [await watchMachine(true), await watchMachine(false)];
  const pauses: number[] = [];
  watched.onCollection((pause) => pauses.push(pause));
  unwatched.onCollection(() => expect.fail("is not watched"));
  collect();
  await expect.poll(() => pauses.length).toBeGreaterThan(0);
  expect(pauses.every((pause) => Number.isInteger(pause) && pause > 0)).toBe(true);
  expect(watched.collections()!.runs).toBeGreaterThanOrEqual(pauses.length);
  expect(unwatched.collections()).toBeNull();
  watched.stop();
  unwatched.stop();
});
