/** `lessee validate`: is this configuration one that an agent could run with? */
import { parseAuthMethod } from "../auth/methods.ts";
import { loadConfig } from "../config/load.ts";
import type { AgentConfig } from "../config/types.ts";
import { ConfigError, type Fault, formatFault, LesseeError } from "../errors.ts";
import type { World } from "../ports.ts";
import { AGENT_FLAGS } from "./agent-flags.ts";
import { configPaths } from "./config-paths.ts";
import { type FlagDefinition, helpText, parseFlags } from "./flags.ts";
import { inertSetup } from "./inert-setup.ts";

const VALIDATE_FLAGS: readonly FlagDefinition[] = [
  {
    name: "json",
    kind: "bool",
    group: "Validate",
    help: "Print the configuration as it was understood, merged from all files.",
  },
  ...AGENT_FLAGS,
];

/** Resolves to the exit code: 0 valid, with or without warnings, 1 not. */
export async function runValidate(args: readonly string[], world: World): Promise<number> {
  const outcome = parseFlags(args, VALIDATE_FLAGS);
  if (outcome.kind === "help") {
    world.stdout.write(
      helpText(
        "lessee validate -config=PATH [flags]",
        "Reads the configuration as `lessee agent` would and reports every fault as file:line. Nothing is started.",
        VALIDATE_FLAGS,
      ),
    );
    return 0;
  }
  if (outcome.kind === "invalid") {
    world.stderr.write(`${outcome.message}\n`);
    return 1;
  }
  const { flags } = outcome;
  const say = (kind: string, faults: readonly Fault[]) =>
    faults.forEach((fault) => void world.stderr.write(`${kind}${formatFault(fault)}\n`));
  try {
    const loaded = await loadConfig({
      paths: configPaths(flags, world.env),
      files: world.files,
      env: world.env,
      flags,
    });
    say("warning: ", loaded.warnings);
    const refusals = [...loaded.refusals, ...methodFaults(loaded.config)];
    const isWhole = loaded.refusals.length === 0;
    say(
      "warning: an agent will not start: ",
      isWhole ? [...refusals, ...(await templateFaults(loaded.config, world))] : refusals,
    );
    world.stdout.write(
      flags.values.get("json")?.at(-1) === "true"
        ? `${JSON.stringify(loaded.parsed, null, 2)}\n`
        : "The configuration is valid.\n",
    );
    return 0;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    say("warning: ", error.warnings);
    say("", error.faults);
    return 1;
  }
}

/** Of templates that cannot be read here, or do not parse. */
async function templateFaults(config: AgentConfig, world: World): Promise<readonly Fault[]> {
  try {
    await (await inertSetup(config, world)).close();
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.faults;
    throw error;
  }
}

/** What the auth method says about its own part, which is no part of the verdict. */
function methodFaults({ autoAuth }: AgentConfig): readonly Fault[] {
  if (!autoAuth) return [];
  const { type, config, place } = autoAuth.method;
  try {
    parseAuthMethod(type, config);
    return [];
  } catch (error) {
    if (!(error instanceof LesseeError)) throw error;
    const { message, hint } = error;
    return [{ ...(place ?? { file: "configuration" }), message, ...(hint === undefined ? {} : { hint }) }];
  }
}
