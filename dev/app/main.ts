/**
 * The sample application as a process: `node dev/app/main.ts --config FILE --database HOST:PORT/NAME …`.
 * One JSON line a second on standard output, and a last one with `"final": true`; SIGTERM, SIGINT or the end of its
 * starter (whose pipe its standard input is) end it between two queries.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { startApplication } from "./application.ts";
import { type Credentials, fileOnce, filePerConnection, fromEnvironment } from "./credentials.ts";
import { createTally } from "./tally.ts";

const { values } = parseArgs({
  options: {
    config: { type: "string" },
    host: { type: "string", default: "127.0.0.1" },
    port: { type: "string", default: "5432" },
    database: { type: "string", default: "tsb" },
    connections: { type: "string", default: "8" },
    /** Milliseconds. */
    lifetime: { type: "string", default: "5000" },
    /** `per-connection`, `sighup` or `environment`. */
    reads: { type: "string", default: "per-connection" },
  },
});
const inExecMode = values.reads === "environment";

const stop = new AbortController();
for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => stop.abort());
// In exec mode the standard input is that of the sidecar, which ends its application itself.
if (!inExecMode) {
  process.stdin.on("error", () => stop.abort()).on("close", () => stop.abort());
  process.stdin.resume();
}

const tally = createTally();
const credentials = readCredentials();
process.on("SIGHUP", () => {
  credentials.reload().catch((error) => tally.refused(error));
});

const application = startApplication(
  {
    host: values.host,
    port: Number(values.port),
    database: values.database,
    connections: Number(values.connections),
    lifetime: Number(values.lifetime),
    credentials,
    tally,
  },
  stop.signal,
);
while (!stop.signal.aborted) {
  await sleep(1_000, undefined, { signal: stop.signal }).catch(() => {});
  process.stdout.write(`${JSON.stringify({ ...tally.report(), final: false })}\n`);
}
await application;
process.stdout.write(`${JSON.stringify({ ...tally.report(), final: true })}\n`);
process.exit(0);

function readCredentials(): Credentials {
  if (inExecMode) return fromEnvironment(process.env);
  if (!values.config) throw new Error("--config=FILE is needed: where the credential is published");
  return values.reads === "sighup" ? fileOnce(values.config) : filePerConnection(values.config);
}
