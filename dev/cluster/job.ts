/** A job as `spmsync` is: reads its credential once, works for a moment, and ends. `job.ts FILE HOST:PORT/DATABASE SECONDS` */
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { filePerConnection } from "../app/credentials.ts";

const [file = "", place = "", seconds = "1"] = process.argv.slice(2);
const { username, password } = await filePerConnection(file).get();
const url = new URL(`postgresql://${place}`);
url.username = username;
url.password = password;
const client = new pg.Client({ connectionString: url.href });
await client.connect();
for (const end = Date.now() + Number(seconds) * 1_000; Date.now() < end; await sleep(100))
  await client.query("SELECT count(*) FROM association");
await client.end();
console.log(`done as ${username}`);
