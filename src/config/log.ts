/** The log settings, judged once it is known which of flag, environment and file holds. */
import type { Fault } from "../errors.ts";
import type { DeclaredLog, Placed } from "./declared.ts";
import { readDurationOrSeconds, toMilliseconds } from "./duration.ts";
import { oneOf } from "./kinds.ts";
import { nearest } from "./nearest.ts";
import type { Place } from "./place.ts";
import type { LogConfig, ParsedFlags } from "./types.ts";

const LEVELS: Readonly<Record<string, LogConfig["level"]>> = {
  trace: "trace",
  debug: "debug",
  info: "info",
  notice: "info",
  warn: "warn",
  warning: "warn",
  err: "error",
  error: "error",
};

const ONE_DAY = 24 * 3600 * 1000;

/** Adds a fault for each setting that is not understood. */
export function resolveLog(
  declared: DeclaredLog,
  env: Readonly<Record<string, string | undefined>>,
  flags: ParsedFlags,
  faults: Fault[],
): LogConfig {
  const flag = (name: string) => flags.values.get(name)?.at(-1);

  function setting(name: string, variable: string | undefined, written: Placed<string> | undefined): Origin {
    const given = flag(name);
    if (given) return { value: given, file: `-${name}` };
    const inherited = variable ? env[variable] : undefined;
    if (inherited) return { value: inherited, file: variable as string };
    return { value: written?.value ?? "", ...(written?.place ?? { file: "" }) };
  }

  function word<T>(kind: string, origin: Origin, words: Readonly<Record<string, T>>, fallback: T): T {
    const name = origin.value.trim().toLowerCase();
    if (name === "") return fallback;
    const known = Object.hasOwn(words, name) ? words[name] : undefined;
    if (known !== undefined) return known;
    const likely = nearest(name, Object.keys(words));
    faults.push({
      ...where(origin),
      message: `unknown log ${kind}: ${origin.value}`,
      hint: likely ? `did you mean ${likely}?` : `it is ${oneOf(Object.keys(words))}`,
    });
    return fallback;
  }

  function count(name: string, written: number | undefined): number {
    const given = flag(name);
    return (given === undefined ? written : Number(given)) ?? 0;
  }

  function rotateDuration(): number {
    const origin = setting("log-rotate-duration", undefined, declared.rotateDuration);
    if (origin.value === "") return ONE_DAY;
    const outcome = readDurationOrSeconds(origin.value);
    if ("value" in outcome) return toMilliseconds(outcome.value) || ONE_DAY;
    faults.push({ ...where(origin), message: outcome.fault });
    return ONE_DAY;
  }

  const file = logFile(flag("log-file") || declared.file);
  return {
    level: word("level", setting("log-level", "VAULT_LOG_LEVEL", declared.level), LEVELS, "info"),
    format: word(
      "format",
      setting("log-format", "VAULT_LOG_FORMAT", declared.format),
      { standard: "standard", json: "json" } as const,
      "standard",
    ),
    ...(file === undefined ? {} : { file }),
    rotateBytes: count("log-rotate-bytes", declared.rotateBytes),
    rotateDuration: rotateDuration(),
    rotateMaxFiles: count("log-rotate-max-files", declared.rotateMaxFiles),
  };
}

type Origin = { readonly value: string; readonly file: string; readonly line?: number };

function where({ file, line }: Origin): Place | { readonly file: string } {
  return line === undefined ? { file } : { file, line };
}

/** A folder gets a file called agent.log, a name without an ending gets .log. */
function logFile(path: string | undefined): string | undefined {
  if (!path) return undefined;
  if (path.endsWith("/")) return `${path}agent.log`;
  return /\.[^/]*$/.test(path) ? path : `${path}.log`;
}
