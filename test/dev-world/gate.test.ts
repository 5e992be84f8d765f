/** The soak's troubled Postgres: what it makes up has to look as the real one's does to whoever connects. */
import pg from "pg";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type RunningPostgres, startPostgres } from "../../dev/postgres.ts";
import { type Gate, startGate } from "../../dev/soak/gate.ts";

let postgres: RunningPostgres;
let gate: Gate;

beforeAll(async () => {
  postgres = await startPostgres();
  gate = await startGate(postgres);
});
afterAll(async () => {
  await gate?.stop();
  await postgres?.stop();
});

async function connect(): Promise<pg.Client> {
  const client = new pg.Client(gate.postgres);
  await client.connect();
  return client;
}

it.each([
  ["refused", { code: "ECONNRESET" }],
  ["full", { code: "53300", severity: "FATAL", message: "sorry, too many clients already" }],
  ["restarting", { code: "57P03", severity: "FATAL" }],
] as const)("%s, until it is mended", async (fault, error) => {
  gate.fail(fault);
  await expect(connect()).rejects.toMatchObject(error);
  gate.mend();
  const client = await connect();
  expect((await client.query("SELECT 1 AS one")).rows).toEqual([{ one: 1 }]);
  await client.end();
});

it("restarting, ends the sessions that there are, and says so", async () => {
  const client = await connect();
  const said: Error[] = [];
  const over = new Promise<void>((resolve) => client.on("end", resolve).on("error", (error) => said.push(error)));
  gate.fail("restarting");
  await over;
  expect(said[0]).toMatchObject({ code: "57P01", severity: "FATAL" });
  gate.mend();
});

it("slow, answers all the same", async () => {
  const client = await connect();
  gate.fail("slow");
  const from = performance.now();
  expect((await client.query("SELECT 1 AS one")).rows).toEqual([{ one: 1 }]);
  expect(performance.now() - from).toBeGreaterThan(600);
  gate.mend();
  await client.end();
});
