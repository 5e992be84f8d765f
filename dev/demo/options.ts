/** What `npm start -- …` takes. */
import { parseArgs } from "node:util";
import { HABITS, type Habit, isHabit } from "../app/habits.ts";
import { parseDuration } from "../vault/durations.ts";

export interface DemoOptions {
  /** Milliseconds from the first published file; undefined: until Ctrl-C. */
  readonly runFor: number | undefined;
  /** How the sample application learns of a new credential. */
  readonly application: Habit;
  readonly defaultTtl: number;
  readonly maxTtl: number;
  readonly tokenTtl: number;
  /** 0 is none. */
  readonly tokenMaxTtl: number;
  readonly connectionMaxLifetime: number;
  readonly plain: boolean;
  readonly keep: boolean;
}

export const HELP = `npm start [-- OPTIONS]

Starts a Postgres, an emulated Vault, a sample application with eight connections and lessee between them,
and shows what lessee does. Ctrl-C ends it and leaves nothing behind.

  --for DURATION                      end by itself so long after the first published file, with a table;
                                      exit code 1 if a query failed or a database user is left
  --application HABIT                 how it learns of a new credential: a HABIT below (per-connection)
  --default-ttl DURATION              of a database user's lease, until it is renewed (10s)
  --max-ttl DURATION                  of a database user, with all renewals (30s)
  --token-ttl DURATION                of lessee's token, until it is renewed (1h, or the token's max TTL)
  --token-max-ttl DURATION            of lessee's token, with all renewals (none)
  --connection-max-lifetime DURATION  of the application's connections (5s)
  --plain                             lines only, as without a terminal
  --keep                              leave the files: configuration, log, published credential
  --help

A HABIT is one of

${Object.entries(HABITS)
  .map(([name, does]) => `  ${name.padEnd(16)}${does}`)
  .join("\n")}

A DURATION is a number with a unit: 500ms, 90s, 2m, 1h.

LESSEE_DEMO_VAULT_ADDR and LESSEE_DEMO_VAULT_TOKEN name a real server on this machine to use instead of the emulated
one; what is mounted there is named lessee-… and removed at the end. VAULT_BIN=/path/to/vault starts one (dev mode).
`;

export class UsageError extends Error {}

/** Undefined when help is wanted; throws a UsageError. */
export function parseOptions(args: readonly string[]): DemoOptions | undefined {
  const { values } = parse(args);
  if (values.help) return undefined;
  const { application } = values;
  if (!isHabit(application))
    throw new UsageError(
      `--application is one of ${Object.keys(HABITS).join(", ")}, not ${JSON.stringify(application)}`,
    );
  const tokenMaxTtl = values["token-max-ttl"] === "0" ? 0 : duration("token-max-ttl", values["token-max-ttl"]);
  const options = {
    runFor: values.for === undefined ? undefined : duration("for", values.for),
    application,
    defaultTtl: duration("default-ttl", values["default-ttl"]),
    maxTtl: duration("max-ttl", values["max-ttl"]),
    tokenTtl: values["token-ttl"] === undefined ? tokenMaxTtl || HOUR : duration("token-ttl", values["token-ttl"]),
    tokenMaxTtl,
    connectionMaxLifetime: duration("connection-max-lifetime", values["connection-max-lifetime"]),
    plain: values.plain,
    keep: values.keep,
  } as const;
  if (options.defaultTtl > options.maxTtl) throw new UsageError("--default-ttl is longer than --max-ttl");
  if (tokenMaxTtl > 0 && options.tokenTtl > tokenMaxTtl)
    throw new UsageError("--token-ttl is longer than --token-max-ttl");
  return options;
}

const HOUR = 3_600_000;

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        for: { type: "string" },
        application: { type: "string", default: "per-connection" },
        "default-ttl": { type: "string", default: "10s" },
        "max-ttl": { type: "string", default: "30s" },
        "token-ttl": { type: "string" },
        "token-max-ttl": { type: "string", default: "0" },
        "connection-max-lifetime": { type: "string", default: "5s" },
        plain: { type: "boolean", default: false },
        keep: { type: "boolean", default: false },
        help: { type: "boolean", default: false },
      },
    });
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

function duration(name: string, text: string): number {
  if (!/^(\d+(\.\d+)?(ms|s|m|h))+$/.test(text))
    throw new UsageError(`--${name} needs a duration with a unit, as 90s, not ${JSON.stringify(text)}`);
  const parsed = parseDuration(text) ?? 0;
  if (parsed <= 0) throw new UsageError(`--${name} must be longer than nothing`);
  return parsed;
}
