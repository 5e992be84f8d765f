/**
 * The sample application as a process: `node dev/app/main.ts --config FILE --database HOST:PORT/NAME …`.
 * One JSON line a second on standard output, and a last one with `"final": true`; SIGTERM, SIGINT or the end of its
 * starter (whose pipe its standard input is) end it between two queries.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { startApplication } from "./application.ts";
import { type Credentials, fileOnce, filePerConnection, fileWatched, fixed, fromEnvironment } from "./credentials.ts";
import { HABITS, isHabit } from "./habits.ts";
import { listenForReloads } from "./reload-endpoint.ts";
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
    /** One of HABITS. */
    habit: { type: "string", default: "per-connection" },
    /** Where it is asked to read its file again, with the habit `http`. */
    "reload-port": { type: "string", default: "8080" },
  },
});
const { habit } = values;
if (!isHabit(habit)) throw new Error(`--habit is one of ${Object.keys(HABITS).join(", ")}`);
const inExecMode = habit === "restart";

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
if (habit === "http") await listenForReloads(Number(values["reload-port"]), credentials.reload);

const application = startApplication(
  {
    host: values.host,
    port: Number(values.port),
    database: values.database,
    connections: Number(values.connections),
    ...(habit === "deaf"
      ? { lifetime: Number.POSITIVE_INFINITY, tries: true, pace: 300 }
      : { lifetime: Number(values.lifetime) }),
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
  if (habit === "pgbouncer") return fixed();
  if (!values.config) throw new Error("--config=FILE is needed: where the credential is published");
  switch (habit) {
    case "sighup":
    case "http":
      return fileOnce(values.config);
    case "watch-file":
      return fileWatched(values.config, "file");
    case "watch-folder":
      return fileWatched(values.config, "folder");
    default:
      return filePerConnection(values.config);
  }
}
