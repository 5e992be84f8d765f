/** `disable_idle_connections` and `disable_keep_alives`: lists of the agent's parts. */
import type { Fault } from "../errors.ts";
import type { Declared } from "./declared.ts";
import { nearest } from "./nearest.ts";
import type { Subsystems } from "./server-types.ts";

export type SubsystemSetting = "disable_idle_connections" | "disable_keep_alives";

const BY_NAME: ReadonlyMap<string, keyof Subsystems> = new Map([
  ["auto-auth", "autoAuth"],
  ["caching", "apiProxy"],
  ["proxying", "apiProxy"],
  ["templating", "templating"],
] as const);

/** The parts that are named; an unknown name is reported, an empty one is nothing. */
export function subsystemsOf(
  setting: SubsystemSetting,
  names: readonly string[],
  report: (message: string, hint: string) => void,
): Subsystems {
  const named = { autoAuth: false, apiProxy: false, templating: false };
  for (const name of names.filter((candidate) => candidate !== "")) {
    const subsystem = BY_NAME.get(name);
    if (subsystem) {
      named[subsystem] = true;
    } else {
      const likely = nearest(name, BY_NAME.keys());
      const hint = likely ? `did you mean ${likely}?` : `known are ${[...BY_NAME.keys()].join(", ")}`;
      report(`unknown ${setting} value: ${name}`, hint);
    }
  }
  return named;
}

export function variableOf(setting: SubsystemSetting): string {
  return `VAULT_AGENT_${setting.toUpperCase()}`;
}

/** The environment replaces what the files say, and only there capitals are the same as small letters. */
export function withSubsystemsOfEnvironment(
  declared: Declared,
  env: Readonly<Record<string, string | undefined>>,
  errors: Fault[],
): Declared {
  function read(setting: SubsystemSetting): Subsystems | undefined {
    const file = variableOf(setting);
    const names = env[file]
      ?.toLowerCase()
      .split(",")
      .map((name) => name.trim());
    return env[file] && names
      ? subsystemsOf(setting, names, (message, hint) => errors.push({ file, message, hint }))
      : undefined;
  }
  return {
    ...declared,
    disableIdleConnections: read("disable_idle_connections") ?? declared.disableIdleConnections,
    disableKeepAlives: read("disable_keep_alives") ?? declared.disableKeepAlives,
  };
}
