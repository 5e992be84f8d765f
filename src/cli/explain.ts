/** `lessee explain`: when what will be replaced, and what may go wrong with it, before it does. */
import { durationFault, parseDuration, toMilliseconds } from "../config/duration.ts";
import { type Loaded, loadConfig } from "../config/load.ts";
import type { ParsedFlags } from "../config/types.ts";
import { describe, LesseeError } from "../errors.ts";
import { fetchStatus } from "../health/client.ts";
import { type Facts, forecast } from "../lease/forecast.ts";
import { trapsOf, unknowns } from "../lease/traps.ts";
import { escapeInvisible } from "../log/invisible.ts";
import { createScrubber } from "../log/scrub.ts";
import type { World } from "../ports.ts";
import type { Setup } from "../program/setup.ts";
import type { Status } from "../status.ts";
import { AGENT_FLAGS } from "./agent-flags.ts";
import { configPaths } from "./config-paths.ts";
import { type Asked, askServer, NOTHING_KNOWN } from "./explain-ask.ts";
import { type Explanation, explanationJson, explanationText, say } from "./explain-text.ts";
import { type FlagDefinition, helpText, parseFlags } from "./flags.ts";
import { inertSetup } from "./inert-setup.ts";
import type { ProcessSignals } from "./process.ts";

const EXPLAIN = "Explain";

/** What may be assumed. */
const TTLS = {
  ttl: "The default_ttl of the database role.",
  "max-ttl": "Its max_ttl.",
  "token-ttl": "The token_ttl of the auth role.",
  "token-max-ttl": "Its token_max_ttl.",
} as const;

const EXPLAIN_FLAGS: readonly FlagDefinition[] = [
  { name: "offline", kind: "bool", group: EXPLAIN, help: "Ask no server: go by the TTLs that are given." },
  {
    name: "make-user",
    kind: "bool",
    group: EXPLAIN,
    help: "Make a database user, find out all that Vault and Postgres say of it, and give it back.",
  },
  {
    name: "running",
    kind: "bool",
    group: EXPLAIN,
    help: "Go by what the running sidecar knows, and ask no server.",
  },
  {
    name: "health",
    kind: "text",
    group: EXPLAIN,
    placeholder: "HOST:PORT",
    default: "127.0.0.1:9102",
    help: "With -running: the health port of the sidecar.",
  },
  ...Object.entries(TTLS).map(
    ([name, what]): FlagDefinition => ({
      name,
      kind: "text",
      group: EXPLAIN,
      placeholder: "DURATION",
      help: `${what} It is assumed, whatever the server says.`,
    }),
  ),
  { name: "rotations", kind: "integer", group: EXPLAIN, default: "4", help: "So many lines has the timetable." },
  {
    name: "json",
    kind: "bool",
    group: EXPLAIN,
    help: "Print it as JSON, durations in ms, what is without end as null.",
  },
  ...AGENT_FLAGS,
];

const DESCRIPTION =
  "Prints the timetable of the next rotations and every trap in TTLs, policies and roles. It logs in as the sidecar would, asks what may be asked, revokes its token, and makes no database user unless it is told to; what cannot be known it says. Exits 0 when it saw no trap, 2 when it did, 1 when the configuration cannot be used.";

/** Resolves to the exit code. */
export async function runExplain(args: readonly string[], world: World, { stop }: ProcessSignals): Promise<number> {
  const outcome = parseFlags(args, EXPLAIN_FLAGS);
  if (outcome.kind === "help") {
    world.stdout.write(helpText("lessee explain -config=PATH [flags]", DESCRIPTION, EXPLAIN_FLAGS));
    return 0;
  }
  const warn = (message: string) => void world.stderr.write(`${escapeInvisible(message)}\n`);
  if (outcome.kind === "invalid") {
    warn(outcome.message);
    return 1;
  }
  const { flags } = outcome;
  try {
    const assumed = assumptions(flags);
    const loaded = await loadConfig({
      paths: configPaths(flags, world.env),
      files: world.files,
      env: world.env,
      flags,
    });
    const setup = await inertSetup(loaded.config, world);
    try {
      const asked = leasedPaths(loaded, setup);
      if (asked.length === 0)
        throw new LesseeError("explain", "neither a template nor a credential block names a leased secret");
      const { facts, source } = await find(asked, loaded, flags, world, stop, warn);
      const count = Math.min(100, Math.max(1, Number(flags.values.get("rotations")?.at(-1) ?? 4)));
      const explained = asked.map(({ path, policy }) =>
        explain(path, policy, assume(facts.get(path) ?? NOTHING_KNOWN, assumed), source, count),
      );
      const json = flags.values.get("json")?.at(-1) === "true";
      world.stdout.write(
        json ? explanationJson(explained) : explained.map(explanationText).map(escapeLines).join("\n"),
      );
      return explained.some(({ traps }) => traps.length > 0) ? 2 : 0;
    } finally {
      await setup.close();
    }
  } catch (error) {
    warn(describe(error));
    return 1;
  }
}

// ---- internal ----

type Assumed = { readonly [Name in keyof typeof TTLS]?: number };

function assumptions(flags: ParsedFlags): Assumed {
  const entries = Object.keys(TTLS).flatMap((name) => {
    const text = flags.values.get(name)?.at(-1);
    if (text === undefined) return [];
    const duration = parseDuration(text);
    if (duration === undefined || duration <= 0) throw new LesseeError("usage", `-${name}: ${durationFault(text)}`);
    return [[name, toMilliseconds(duration)]];
  });
  return Object.fromEntries(entries);
}

function assume(facts: Facts, assumed: Assumed): Facts {
  const ttl = assumed.ttl ?? facts.lease?.ttl ?? assumed["max-ttl"];
  const tokenTtl = assumed["token-ttl"] ?? facts.token?.ttl ?? assumed["token-max-ttl"];
  const { lease, token } = facts;
  return {
    ...facts,
    lease:
      ttl === undefined
        ? null
        : { renewable: lease?.renewable ?? true, ttl, maxTtl: assumed["max-ttl"] ?? lease?.maxTtl ?? null },
    token:
      tokenTtl === undefined
        ? null
        : {
            ...(token ?? { type: "service", renewable: true, orphan: true, numUses: 0, period: 0 }),
            ttl: tokenTtl,
            maxTtl: assumed["token-max-ttl"] ?? token?.maxTtl ?? null,
          },
  };
}

function explain(path: string, policy: Asked["policy"], facts: Facts, source: string, count: number): Explanation {
  const planned = forecast(facts, policy, count);
  const traps = trapsOf(facts, planned, policy, say);
  return { path, source, facts, forecast: planned, traps, unknown: unknowns(facts, policy) };
}

/** What has a block of its own, and what the templates ask for by the name of a database credential. */
function leasedPaths({ config }: Loaded, setup: Setup): readonly Asked[] {
  const named = config.credentials.map(({ path }) => path);
  const read = setup.publisher
    .dependencies()
    .flatMap((one) => (one.kind === "read" && /\/creds\/[^/]+$/.test(one.path) ? [one.path] : []));
  return [...new Set([...named, ...read])].map((path) => {
    const { databases, policy } = setup.credential({ kind: "read", path });
    return { path, policy, databases };
  });
}

interface Found {
  readonly facts: ReadonlyMap<string, Facts>;
  readonly source: string;
}

async function find(
  asked: readonly Asked[],
  { config }: Loaded,
  flags: ParsedFlags,
  world: World,
  stop: AbortSignal,
  warn: (message: string) => void,
): Promise<Found> {
  const isSet = (name: string) => flags.values.get(name)?.at(-1) === "true";
  const assumed = { facts: new Map(), source: "as assumed" };
  if (isSet("offline")) return assumed;
  if (isSet("running")) {
    const status = await fetchStatus(flags.values.get("health")?.at(-1) ?? "127.0.0.1:9102");
    return { facts: factsOfStatus(status), source: "as the running sidecar knows it" };
  }
  const { autoAuth } = config;
  if (autoAuth === undefined) return assumed;
  const scrubber = createScrubber();
  const note = (text: string) => warn(`note: ${scrubber.scrub(text)}`);
  try {
    const makesUsers = isSet("make-user");
    const facts = await askServer(asked, { config, autoAuth, world, makesUsers, stop, learn: scrubber.learn, note });
    return { facts, source: `as ${config.vault.address} says` };
  } catch (error) {
    note(`the server could not be asked, and only what is given is known: ${describe(error)}`);
    return assumed;
  }
}

function factsOfStatus({ credentials, token }: Status): ReadonlyMap<string, Facts> {
  const never = Number.POSITIVE_INFINITY;
  const known: Facts["token"] = token && {
    type: "service",
    renewable: token.renewable,
    orphan: true,
    numUses: 0,
    period: 0,
    ttl: token.expiry === null ? never : token.expiry - token.loggedInAt,
    maxTtl: token.horizon === null ? null : token.horizon - token.loggedInAt,
  };
  return new Map(
    credentials.map(({ current, path }) => [
      path,
      {
        ...NOTHING_KNOWN,
        token: known,
        lease: current && {
          renewable: current.renewable,
          ttl: current.expiry - current.readAt,
          maxTtl: current.horizon === null ? null : current.horizon - current.readAt,
        },
      },
    ]),
  );
}

function escapeLines(text: string): string {
  return text.split("\n").map(escapeInvisible).join("\n");
}
