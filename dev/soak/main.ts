/** `npm run soak`: options, signals, exit code. */
import { mkdirSync } from "node:fs";
import { parseArgs } from "node:util";
import { parseDuration } from "../vault/durations.ts";
import { soak } from "./soak.ts";
import { faultsOf, formatTable } from "./table.ts";

const HELP = `npm run soak [-- OPTIONS]

Several pods at once, each with an application of another habit, a lessee, and an emulated Vault with TTLs by chance and
faults by chance: errors, cuts, silence, refused connections, garbage; a Postgres that restarts, refuses, is slow or full
for Vault and lessee; a disk that is full or read-only; SIGKILL, SIGHUP. It ends with a table, and with exit code 1 unless no query failed, no database user is left and the memory is flat.

  --for DURATION   how long (10m)
  --pods N         how many pods (4)
  --logs FOLDER    keeps what the pods log, and what was done to them
  --seed N         the same chances as another run; what it was stands at the end
`;

const { values } = parseArgs({
  options: {
    for: { type: "string", default: "10m" },
    pods: { type: "string", default: "4" },
    logs: { type: "string" },
    seed: { type: "string", default: String(Math.floor(Math.random() * 1e9)) },
    help: { type: "boolean", default: false },
  },
});
const duration = parseDuration(values.for) ?? 0;
const [pods, seed] = [Number(values.pods), Number(values.seed)];
if (values.help) {
  process.stdout.write(HELP);
} else if (!(duration > 0 && Number.isInteger(pods) && pods > 0 && Number.isInteger(seed))) {
  process.stderr.write("--for needs a duration as 10m, --pods and --seed whole numbers; see npm run soak -- --help\n");
  process.exitCode = 2;
} else {
  if (values.logs !== undefined) mkdirSync(values.logs, { recursive: true });
  const interrupted = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => interrupted.abort());
  const say = (line: string) => void process.stderr.write(`${line}\n`);
  const outcome = await soak({
    duration,
    pods,
    seed,
    env: process.env,
    interrupted: interrupted.signal,
    logs: values.logs,
    say,
  });
  const faults = faultsOf(outcome);
  console.log(`\n${formatTable(outcome)}\n`);
  for (const fault of faults) console.log(fault);
  console.log(`Again: npm run soak -- --for ${values.for} --pods ${pods} --seed ${seed}`);
  process.exitCode = faults.length === 0 ? 0 : 1;
}
