/** `lessee rotate`: a new credential now, because somebody knows the present one; and what becomes of that. */
import { durationFault, parseDuration, toMilliseconds } from "../config/duration.ts";
import { loadConfig } from "../config/load.ts";
import { stateFolders } from "../config/state-folders.ts";
import type { ParsedFlags } from "../config/types.ts";
import { type ControlClient, controlClient } from "../control/client.ts";
import { type ControlEvents, type RotationAnswer, socketIn } from "../control/words.ts";
import { describe } from "../errors.ts";
import { rounded } from "../health/relative.ts";
import { escapeInvisible } from "../log/invisible.ts";
import type { World } from "../ports.ts";
import { configPaths } from "./config-paths.ts";
import { type FlagDefinition, helpText, parseFlags } from "./flags.ts";
import type { ProcessSignals } from "./process.ts";
import { progress, stageLine } from "./rotate-progress.ts";

const ROTATE = "Rotate";

const ROTATE_FLAGS: readonly FlagDefinition[] = [
  {
    name: "path",
    kind: "list",
    group: ROTATE,
    placeholder: "PATH",
    help: "The credential to replace, as the templates name it. Default: all that have a lease.",
  },
  {
    name: "revoke",
    kind: "bool",
    group: ROTATE,
    help: "Do not wait for the old user's last sessions: end them, and give it back, as soon as the application has been told.",
  },
  {
    name: "timeout",
    kind: "text",
    group: ROTATE,
    placeholder: "DURATION",
    default: "10m",
    help: "How long to wait for the end of it. The rotation goes on afterwards.",
  },
  {
    name: "state",
    kind: "text",
    group: ROTATE,
    placeholder: "FOLDER",
    help: "Where the sidecar keeps its state. Default: state.path of the configuration, else where it is without one.",
  },
  {
    name: "config",
    kind: "list",
    group: ROTATE,
    placeholder: "PATH",
    env: "VAULT_AGENT_CONFIG_PATH",
    help: "The sidecar's configuration.",
  },
];

const DESCRIPTION =
  "Asks the sidecar that runs in this container for new credentials and waits until the old ones are given back. It is asked over a socket in the folder of its state, which only its own user may open. Exits 0 when that is done, 1 when nobody could be asked, 2 when it is not over in time, 3 when the budget (max_new_per_hour) puts it off for longer than that.";

const POLL = 250;

/** Resolves to the exit code. */
export async function runRotate(args: readonly string[], world: World, { stop }: ProcessSignals): Promise<number> {
  const outcome = parseFlags(args, ROTATE_FLAGS);
  if (outcome.kind === "help") {
    world.stdout.write(helpText("lessee rotate [flags]", DESCRIPTION, ROTATE_FLAGS));
    return 0;
  }
  const fail = (message: string, code = 1) => {
    world.stderr.write(`${escapeInvisible(message)}\n`);
    return code;
  };
  if (outcome.kind === "invalid") return fail(outcome.message);
  const { flags } = outcome;
  if (flags.positional.length > 0) return fail(`rotate takes no arguments: ${flags.positional.join(" ")}`);
  const patience = flags.values.get("timeout")?.at(-1) ?? "10m";
  const timeout = parseDuration(patience);
  if (timeout === undefined || timeout <= 0) return fail(`-timeout: ${durationFault(patience)}`);

  try {
    const client = await findSidecar(flags, world);
    const paths = flags.values.get("path") ?? [undefined];
    const hasty = flags.values.get("revoke")?.at(-1) === "true";
    const since = world.clock.now();
    const asked: RotationAnswer["rotating"][number][] = [];
    for (const path of paths) {
      const { known, rotating } = await client.rotate(path, hasty);
      if (rotating.length === 0) return fail(refusal(path, known));
      asked.push(...rotating);
    }
    return await follow(client, asked, { since, until: since + toMilliseconds(timeout) }, world, stop);
  } catch (error) {
    return fail(describe(error));
  }
}

// ---- internal ----

function refusal(path: string | undefined, known: readonly string[]): string {
  const there = known.length === 0 ? "it holds none" : `there ${known.length === 1 ? "is" : "are"} ${known.join(", ")}`;
  return path === undefined
    ? `the sidecar holds no credential with a lease: ${there}`
    : `no credential ${path}: ${there}`;
}

async function findSidecar(flags: ParsedFlags, world: World): Promise<ControlClient> {
  const named = flags.values.get("state")?.at(-1);
  const folders = named === undefined ? await configuredFolders(flags, world) : [named];
  const isThere = (path: string) =>
    world.files.stat(path).then(
      () => true,
      () => false,
    );
  for (const folder of folders) if (await isThere(socketIn(folder))) return controlClient(folder);
  // Nobody runs; what is said of the last of them names the place and what can be done.
  return controlClient(folders.at(-1)!);
}

async function configuredFolders(flags: ParsedFlags, { env, files }: World): Promise<readonly string[]> {
  const paths = configPaths(flags, env);
  const none = { values: new Map(), positional: [] };
  const path =
    paths.length === 0 ? undefined : (await loadConfig({ paths, files, env, flags: none })).config.state.path;
  return path === undefined ? stateFolders(env.HOME) : [path];
}

/** Prints each stage as it comes, until all of it is over. */
async function follow(
  client: ControlClient,
  asked: RotationAnswer["rotating"],
  { since, until }: { since: number; until: number },
  { clock, stderr, stdout }: Pick<World, "clock" | "stderr" | "stdout">,
  stop: AbortSignal,
): Promise<number> {
  const paths = new Set(asked.map(({ path }) => path));
  const budgetSaid = new Set<string>();
  let next = since;
  let printed: ControlEvents["events"] = [];
  for (;;) {
    const { events, status } = await client.events(next);
    // The moment of the last one is asked for again: more may have happened in it.
    const isPrinted = (event: unknown) => printed.some((one) => JSON.stringify(one) === JSON.stringify(event));
    for (const entry of events) {
      if (isPrinted(entry) || !("path" in entry.event) || !paths.has(entry.event.path ?? "")) continue;
      stdout.write(`${escapeInvisible(stageLine(entry))}\n`);
    }
    next = events.at(-1)?.at ?? next;
    printed = events;
    const stands = asked.map((one) => progress(one, status));
    if (stands.every(({ done }) => done)) {
      for (const { path, text } of stands) stdout.write(`${escapeInvisible(`${path}: ${text}`)}\n`);
      return 0;
    }
    for (const { path, budgetFreeAt } of stands) {
      if (budgetFreeAt === null) continue;
      if (!budgetSaid.has(path)) {
        budgetSaid.add(path);
        stderr.write(
          `${escapeInvisible(`${path}: the budget of new users (max_new_per_hour) is used up: the next may be made in ${rounded(budgetFreeAt - status.now)}, and will be made then`)}\n`,
        );
      }
      if (budgetFreeAt >= until) return 3;
    }
    if (stop.aborted || clock.now() >= until) {
      for (const { done, path, text } of stands)
        if (!done) stderr.write(`${escapeInvisible(`${path}: ${text}; the rotation goes on`)}\n`);
      return 2;
    }
    await clock.sleep(Math.min(clock.now() + POLL, until), stop);
  }
}
