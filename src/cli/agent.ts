/** `lessee agent`: reads command line and configuration, opens the log, and runs the agent. */
import { runAgent } from "../agent.ts";
import { type Loaded, loadConfig } from "../config/load.ts";
import type { ParsedFlags } from "../config/types.ts";
import { ConfigError, describe, type Fault, formatFault, LesseeError } from "../errors.ts";
import { openLogFile } from "../log/file.ts";
import { createLog } from "../log/log.ts";
import { createScrubber } from "../log/scrub.ts";
import type { World } from "../ports.ts";
import { AGENT_FLAGS } from "./agent-flags.ts";
import { configPaths } from "./config-paths.ts";
import { helpText, parseFlags } from "./flags.ts";
import type { ProcessSignals } from "./process.ts";

/** Resolves to the exit code. */
export async function runAgentCommand(
  args: readonly string[],
  world: World,
  signals: ProcessSignals,
  version: string,
): Promise<number> {
  const outcome = parseFlags(args, AGENT_FLAGS);
  if (outcome.kind === "help") {
    world.stdout.write(
      helpText(
        "lessee agent -config=PATH [flags]",
        "Keeps an application's credentials alive: logs in to Vault, renders what the templates ask for, renews, and rotates before anything ends.",
        AGENT_FLAGS,
      ),
    );
    return 0;
  }
  if (outcome.kind === "invalid") return refuse(world, [outcome.message]);
  const { flags } = outcome;
  const onReload = kept(signals);
  try {
    if (flags.values.get("test-verify-only")?.at(-1) === "true") return await verifyOnly(flags, world);
    const loaded = await load(flags, world);
    const { config } = loaded;
    const scrubber = createScrubber();
    const output = flags.values.get("combine-logs")?.at(-1) === "true" ? world.stdout : world.stderr;
    const say = (text: string) => void output.write(text);
    const { file: path } = config.log;
    const file =
      path === undefined
        ? null
        : openLogFile({ ...config.log, path }, { clock: world.clock, complain: (text) => say(`${text}\n`) });
    const log = createLog({
      level: config.log.level,
      format: config.log.format,
      clock: world.clock,
      write: (line) => {
        file?.write(line);
        say(line);
      },
      scrub: scrubber.scrub,
      fields: podFields(world.env),
    });
    return await runAgent({
      config,
      warnings: loaded.warnings,
      version,
      world,
      log,
      scrubber,
      ...signals,
      onReload,
      readConfig: async () => (await load(flags, world)).config,
    });
  } catch (error) {
    if (error instanceof ConfigError)
      return refuse(world, [...error.warnings.map(warningLine), ...error.faults.map(formatFault)]);
    if (error instanceof LesseeError) return refuse(world, [describe(error)]);
    throw error;
  }
}

// ---- internal ----

/** A SIGHUP that nobody listens for would end the process: at the start it is kept for whoever will, at the end ignored. */
function kept({ onReload }: ProcessSignals): ProcessSignals["onReload"] {
  let waiting = false;
  let listener = () => {
    waiting = true;
  };
  onReload(() => listener());
  return (reload) => {
    listener = reload;
    if (waiting) reload();
    return () => {
      listener = () => {};
    };
  };
}

/** Says nothing of what is found only by a start; `lessee validate` does. */
async function verifyOnly(flags: ParsedFlags, world: World): Promise<number> {
  const { env, files, stdout } = world;
  const { parsed } = await loadConfig({ paths: configPaths(flags, env), files, env, flags });
  if (env.VAULT_TEST_VERIFY_ONLY_DUMP_CONFIG) stdout.write(`${JSON.stringify(parsed, null, 2)}\n`);
  return 0;
}

/** What is valid and cannot be run is refused as well: nobody is served by an agent that leaves out what it was asked for. */
async function load(flags: ParsedFlags, world: World): Promise<Loaded> {
  const loaded = await loadConfig({ paths: configPaths(flags, world.env), files: world.files, env: world.env, flags });
  if (loaded.refusals.length > 0) throw new ConfigError(loaded.refusals, loaded.warnings);
  return loaded;
}

function refuse(world: World, lines: readonly string[]): number {
  for (const line of lines) world.stderr.write(`${line}\n`);
  return 1;
}

function warningLine(warning: Fault): string {
  return `warning: ${formatFault(warning)}`;
}

/** The pod's own name in every line, where the downward API gives it. */
function podFields(env: World["env"]): Record<string, string> {
  return { ...(env.NAMESPACE ? { namespace: env.NAMESPACE } : {}), ...(env.POD_NAME ? { pod: env.POD_NAME } : {}) };
}
