/** Looking for room before another user is made: what is said of it, and how often. */
import { expect, it } from "vitest";
import type { LesseeEvent } from "../../../src/events.ts";
import { createApplicationOperations } from "../../../src/lease/keeping/application-operations.ts";
import type { Databases } from "../../../src/ports.ts";
import { Sensitive } from "../../../src/sensitive.ts";
import { createFakeClock } from "../../support/fake-clock.ts";
import { held } from "../policies.ts";

function operationsOver(databases: Partial<Databases>) {
  const said: LesseeEvent[] = [];
  const never = new AbortController().signal;
  const operations = createApplicationOperations({
    path: "database/creds/pg-role",
    clock: createFakeClock(),
    emit: (event) => void (event.is === "warning" && said.push(event)),
    databases: () => databases as Databases,
    notifiers: () => [],
    publish: () => expect.unreachable(),
    userOf: () => ({ username: "v-pg", password: new Sensitive("p") }),
    stopping: never,
    outOfTime: never,
  });
  return { operations, said };
}

it("M7: a Postgres that answers nothing is waited for 2 s, and no longer", async () => {
  const begun = performance.now();
  const { operations, said } = operationsOver({
    room: (_as, signal) =>
      new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason))),
  });
  await operations.lookForRoom(held());
  expect(performance.now() - begun).toBeLessThan(3_000);
  expect(said).toEqual([]);
});

it("M7: too little room is said once for each user that is made, and for the next one again", async () => {
  const verification = { oids: [1], validFor: null, blind: false, ownsWhatItCreates: false, warnings: [] };
  const { operations, said } = operationsOver({
    room: async () => ["little room"],
    verify: async () => ({ ...verification, room: ["little room"] }),
  });
  await operations.lookForRoom(held());
  await operations.verify(held({ id: 2 }));
  expect(said).toHaveLength(1);
  // Nobody could look before this one.
  await operations.verify(held({ id: 3 }));
  expect(said).toHaveLength(2);
});
