/** Programs that a template runs by `plugin`: what they write is the answer, and they have as long as with Vault Agent. */
import { LesseeError } from "../errors.ts";
import type { Clock, Spawn } from "../ports.ts";

export interface PluginPorts {
  readonly spawn: Spawn;
  readonly clock: Clock;
  readonly env: Readonly<Record<string, string | undefined>>;
  onStart?(program: string, args: readonly string[]): void;
}

const PATIENCE = 30_000;
/** No answer that fits into a configuration is longer. */
const MAX_OUTPUT = 16 * 1024 * 1024;
/** The end of what it says of a failure is what tells the reason. */
const MAX_ERROR = 4_096;

/** Arguments stand in the list of processes: who hands a secret over in them is told so, once for each program. */
export function warnOfSecrets(
  redact: (text: string) => string,
  warn: (message: string) => void,
): NonNullable<PluginPorts["onStart"]> {
  const warned = new Set<string>();
  return (program, args) => {
    if (warned.has(program) || args.every((arg) => redact(arg) === arg)) return;
    warned.add(program);
    warn(`plugin ${JSON.stringify(program)} gets a secret as an argument, which any process beside it can read`);
  };
}

/** Resolves to its standard output when it ends with 0; rejects with a LesseeError. */
export async function runPlugin(
  program: string,
  args: readonly string[],
  { spawn, clock, env, onStart }: PluginPorts,
): Promise<string> {
  onStart?.(program, args);
  const child = spawn(program, args, { env, stdio: ["ignore", "pipe", "pipe"] });
  const over = new AbortController();
  const chunks: Buffer[] = [];
  let size = 0;
  let said = "";
  child.stdout.on("data", (chunk: Buffer) => {
    size += chunk.length;
    if (size > MAX_OUTPUT) child.kill("SIGKILL");
    else chunks.push(chunk);
  });
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => {
    said = (said + chunk).slice(-MAX_ERROR);
  });
  const ended = new Promise<string>((resolve) => {
    child.once("error", (error) => resolve(error.message));
    child.once("close", (code, signal) =>
      resolve(code === 0 ? "" : signal ? `signal: ${signal}` : `exit status ${code}`),
    );
  });
  const late = clock.sleep(clock.now() + PATIENCE, over.signal).then(() => `did not finish in ${PATIENCE / 1_000}s`);
  const failure = await Promise.race([ended, late]);
  over.abort();
  child.kill("SIGKILL");
  const problem = size > MAX_OUTPUT ? "writes too much" : failure;
  if (problem === "") return Buffer.concat(chunks).toString("utf8");
  const reason = said.trim();
  throw new LesseeError("plugin", `exec ${JSON.stringify(program)}: ${problem}${reason === "" ? "" : `: ${reason}`}`);
}
