/** The demo, in the order in which it happens: the world, the application, lessee, the watching, the end. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Guard } from "../guard.ts";
import { startGuard } from "../guard.ts";
import { type DemoApplication, startDemoApplication } from "./application.ts";
import type { Child, ChildDeath } from "./child.ts";
import type { DemoOptions } from "./options.ts";
import type { Screen } from "./screen.ts";
import { type Sidecar, startSidecar } from "./sidecar.ts";
import { createLogTally, faultsOf, formatTable, type LogTally, type Outcome } from "./tally.ts";
import { createTimeline } from "./timeline.ts";
import { type UserWatch, watchUsers } from "./users.ts";
import { startWorld, type World } from "./world.ts";

export interface DemoInputs {
  readonly options: DemoOptions;
  readonly env: NodeJS.ProcessEnv;
  readonly screen: Screen;
  /** Ends the demo in order. */
  readonly interrupted: AbortSignal;
  /** Is given the means to end at once, as soon as there is something to end. */
  onGuard(guard: Guard): void;
}

/** How long to wait for the first published file before something is surely wrong. */
const FIRST_PUBLISH = 60_000;
/** lessee waits up to 20 s for sessions to end; there are none by then. */
const LESSEE_PATIENCE = 30_000;
const APPLICATION_PATIENCE = 10_000;
const USERS_PATIENCE = 5_000;

/** Returns the exit code: 0 when no query failed, no user is left and no part ended by itself. */
export async function runDemo({ options, env, screen, interrupted, onGuard }: DemoInputs): Promise<number> {
  await using stack = new AsyncDisposableStack();
  const start = Date.now();
  const folder = await mkdtemp(join(tmpdir(), "lessee-demo-"));
  const guard = startGuard(folder);
  onGuard(guard);
  stack.defer(guard.dismiss);
  stack.defer(async () => {
    if (options.keep) screen.line(`the files are in ${folder}`);
    else await rm(folder, { recursive: true, force: true });
  });

  const world = await startWorld(options, env, guard, stack);
  const users = await watchUsers(world.postgres.url);
  stack.defer(users.stop);
  screen.line(
    `Postgres at ${world.postgres.host}:${world.postgres.port}, ${world.vault.name} at ${world.vault.address}`,
  );

  const destination = join(folder, "config.yaml");
  const application = await startDemoApplication({ options, world, folder, destination, env, guard });
  stack.defer(async () => void (await application.stop(APPLICATION_PATIENCE)));

  const tally = createLogTally();
  const timeline = createTimeline(start);
  const published = Promise.withResolvers<void>();
  const sidecar = await startSidecar({
    options,
    world,
    env,
    guard,
    stack,
    folder,
    destination,
    application: application.configuration,
    onEntry(entry) {
      tally.observe(entry);
      if (entry.msg === "published") published.resolve();
      const line = timeline.tell(entry);
      if (line) screen.line(line.text, line.style);
    },
    onOtherLine(line) {
      if (!application.hear(line)) screen.line(`          ${line}`, "yellow");
    },
  });
  // What uses a thing ends before it: lessee after the application, so that it can release what nobody uses any more.
  stack.defer(async () => {
    await application.stop(APPLICATION_PATIENCE);
    await sidecar.child.stop(LESSEE_PATIENCE);
  });
  screen.line(`status page: ${sidecar.url}`);

  const running = new AbortController();
  void keepStatusLine(screen, sidecar, application, users, running.signal);
  const end = await Promise.race([
    runTime(options.runFor, published.promise),
    aborted(interrupted),
    someDeath(world, application, sidecar),
  ]);
  running.abort();
  screen.close();
  // Awaited here: what the stack disposes of is needed until then.
  return await conclude(end, { screen, application, sidecar, users, tally });
}

/** Why the demo ends; undefined is in due time, or as somebody wanted. */
type End = { readonly fault: string; readonly lastLines: readonly string[] } | undefined;

interface Parts {
  readonly screen: Screen;
  readonly application: DemoApplication;
  readonly sidecar: Sidecar;
  readonly users: UserWatch;
  readonly tally: LogTally;
}

async function conclude(end: End, { screen, application, sidecar, users, tally }: Parts): Promise<number> {
  const faults: string[] = [];
  if (end) {
    screen.line(`${end.fault}${end.lastLines.length > 0 ? "; it said last:" : ""}`, "red");
    for (const line of end.lastLines) screen.line(`  ${line}`);
  }
  await endOf(application, APPLICATION_PATIENCE, faults);
  await endOf(sidecar.child, LESSEE_PATIENCE, faults);

  const report = application.report();
  const outcome: Outcome = {
    ...tally.counts(),
    queries: report?.ok ?? 0,
    failed: report?.failed ?? 0,
    lastFailure: report?.lastFailure ?? null,
    // Where Postgres itself is gone, nobody can be asked, and nobody is left.
    usersLeft: await users.left(USERS_PATIENCE).catch(() => []),
    mostUsers: users.most(),
  };
  screen.line(`\n${formatTable(outcome)}\n`);
  faults.push(...faultsOf(outcome));
  for (const fault of faults) screen.line(fault, "red");
  return end || faults.length > 0 ? 1 : 0;
}

async function endOf(child: Pick<Child, "name" | "stop">, patience: number, faults: string[]): Promise<void> {
  const how = await child.stop(patience);
  if (how) faults.push(`${child.name}, told to end, ${how}`);
}

async function runTime(duration: number | undefined, published: Promise<void>): Promise<End> {
  const first = await Promise.race([published.then(() => true), sleep(FIRST_PUBLISH, false, { ref: false })]);
  if (!first) return { fault: `lessee published no credential within ${FIRST_PUBLISH / 1000} s`, lastLines: [] };
  if (duration === undefined) return new Promise(() => {});
  await sleep(duration);
  return undefined;
}

function aborted(signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(undefined);
    else signal.addEventListener("abort", () => resolve(undefined), { once: true });
  });
}

async function someDeath(world: World, application: DemoApplication, sidecar: Sidecar): Promise<End> {
  const postgres = world.postgres.ended.then(
    (lastLines): ChildDeath => ({ name: "Postgres", how: "ended by itself", lastLines }),
  );
  const deaths = [postgres, world.vault.child?.died, application.died, sidecar.child.died];
  const { name, how, lastLines } = await Promise.race(deaths.filter((death) => death !== undefined));
  return { fault: `${name} ${how}`, lastLines };
}

async function keepStatusLine(
  screen: Screen,
  sidecar: Sidecar,
  application: DemoApplication,
  users: UserWatch,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    const due = (await sidecar.status())?.credentials[0]?.rotationDue;
    if (signal.aborted) return;
    const report = application.report();
    const parts = [
      `queries ${(report?.ok ?? 0).toLocaleString("en")} ok, ${report?.failed ?? 0} failed`,
      `users ${users.now()}`,
      due ? `next rotation in ${Math.max(0, Math.ceil((due - Date.now()) / 1000))}s` : "no rotation planned",
      sidecar.url,
    ];
    screen.status(parts.join("  ·  "));
    await sleep(500, undefined, { signal }).catch(() => {});
  }
}
