/** The soak, in the order in which it happens: the world, the pods, the troubles, the measuring, the end. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Habit } from "../app/habits.ts";
import { watchUsers } from "../demo/users.ts";
import { startGuard } from "../guard.ts";
import { startKubernetes } from "../kubernetes/token-review.ts";
import { createTables } from "../postgres/tsb.ts";
import { startPostgres } from "../postgres.ts";
import { createChance } from "./chance.ts";
import { type SoakPod, startSoakPod } from "./pod.ts";
import type { MemorySample, SoakOutcome } from "./table.ts";
import { TROUBLES } from "./trouble.ts";

export interface SoakInputs {
  readonly duration: number;
  readonly pods: number;
  readonly seed: number;
  readonly env: NodeJS.ProcessEnv;
  readonly interrupted: AbortSignal;
  /** A folder for what the pods log, and for what was done to them. */
  readonly logs: string | undefined;
  say(line: string): void;
}

const HABITS: readonly Habit[] = ["per-connection", "sighup", "http", "watch-file"];
const SAMPLE_EVERY = 5_000;
/** Vault tries a failing revocation again after seconds. */
const USERS_PATIENCE = 60_000;

export async function soak({
  duration,
  pods: count,
  seed,
  env,
  interrupted,
  logs,
  say,
}: SoakInputs): Promise<SoakOutcome> {
  await using stack = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), "lessee-soak-"));
  const guard = startGuard(folder);
  stack.defer(guard.dismiss);
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  const postgres = await startPostgres({ maxConnections: 50 + 30 * count });
  stack.defer(postgres.stop);
  await createTables(postgres.url);
  const kubernetes = await startKubernetes();
  stack.defer(kubernetes.stop);
  const users = await watchUsers(postgres.url);
  stack.defer(users.stop);

  const pods: SoakPod[] = [];
  for (let number = 0; number < count; number++) {
    const habit = HABITS[number % HABITS.length]!;
    const chance = createChance(seed + number);
    pods.push(await startSoakPod({ number, habit, chance, folder, postgres, kubernetes, guard, stack, env, logs }));
  }
  say(`${count} pods, seed ${seed}`);

  if (logs !== undefined) say(`logs in ${logs}`);

  const over = AbortSignal.any([interrupted, AbortSignal.timeout(duration)]);
  const troubles = new Map<string, number>();
  const memory: MemorySample[] = [];
  const began = Date.now();
  await Promise.all([
    ...pods.map((pod, number) => disturb(pod, number, seed, troubles, over)),
    measure(pods[0]!, began, memory, over),
    tell(pods, began, say, over),
  ]);

  for (const { vault } of pods) vault.faults.clear();
  // What is under way comes to its end.
  await sleep(5_000);
  const faults = (await Promise.all(pods.map((pod) => pod.stop()))).flat();
  return {
    pods: pods.map(({ name, report, tally, lost, killed }) => ({
      name,
      ...report(),
      ...tally.counts(),
      lost: lost(),
      killed: killed(),
    })),
    troubles: Object.fromEntries([...troubles].sort()),
    mostUsers: users.most(),
    usersLeft: await users.left(USERS_PATIENCE),
    memory,
    faults,
  };
}

/** The first pod is never killed: its memory is what is measured. */
async function disturb(
  pod: SoakPod,
  number: number,
  seed: number,
  counts: Map<string, number>,
  over: AbortSignal,
): Promise<void> {
  const chance = createChance(seed + 1_000 * (number + 1));
  const possible = TROUBLES.filter(
    ({ name, isPossible }) => (number > 0 || name !== "SIGKILL") && (isPossible?.(pod) ?? true),
  );
  for (;;) {
    await sleep(chance.between(4_000, 12_000), undefined, { signal: over }).catch(() => {});
    if (over.aborted) return;
    const trouble = chance.oneOf(possible);
    counts.set(trouble.name, (counts.get(trouble.name) ?? 0) + 1);
    pod.note(`${new Date().toISOString()} ${trouble.name}`);
    await trouble.happen(pod, chance);
  }
}

async function measure(pod: SoakPod, began: number, samples: MemorySample[], over: AbortSignal): Promise<void> {
  while (!over.aborted) {
    samples.push({ at: Date.now() - began, ...(await pod.memory()) });
    await sleep(SAMPLE_EVERY, undefined, { signal: over }).catch(() => {});
  }
}

async function tell(pods: readonly SoakPod[], began: number, say: (line: string) => void, over: AbortSignal) {
  for (;;) {
    await sleep(60_000, undefined, { signal: over }).catch(() => {});
    if (over.aborted) return;
    const sum = (figure: (pod: SoakPod) => number) => pods.reduce((total, pod) => total + figure(pod), 0);
    const rotations = sum(({ tally }) => tally.counts().rotationsCompleted);
    const [ok, failed] = [sum(({ report }) => report().ok), sum(({ report }) => report().failed)];
    say(`${Math.round((Date.now() - began) / 60_000)} min: ${rotations} rotations, ${ok} queries, ${failed} failed`);
  }
}
