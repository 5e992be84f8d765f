/** Everything around lessee and the application: Postgres with its tables, the cluster's token reviews, Vault set up. */

import type { Guard } from "../guard.ts";
import { startKubernetes } from "../kubernetes/token-review.ts";
import { createTables } from "../postgres/tsb.ts";
import { type RunningPostgres, startPostgres } from "../postgres.ts";
import { type SeedWorld, setUpSeed } from "../vault/setup.ts";
import type { DemoOptions } from "./options.ts";
import { type DemoVault, startVault } from "./vault.ts";

export interface World {
  readonly postgres: RunningPostgres;
  readonly vault: DemoVault;
  readonly seed: SeedWorld;
  /** A service account token of a pod of the application. */
  signToken(): string;
}

/** Every part that is started is ended by `stack`, the last one first. */
export async function startWorld(
  options: DemoOptions,
  env: NodeJS.ProcessEnv,
  guard: Guard,
  stack: AsyncDisposableStack,
): Promise<World> {
  const postgres = await startPostgres();
  stack.defer(postgres.stop);
  await createTables(postgres.url);
  const kubernetes = await startKubernetes();
  stack.defer(kubernetes.stop);
  const vault = await startVault(env, guard);
  const { child } = vault;
  if (child) stack.defer(async () => void (await child.stop(10_000)));
  const seed = await setUp(options, vault, postgres, kubernetes);
  // A server of our own forgets everything by itself.
  if (!child) stack.defer(seed.remove);
  return {
    postgres,
    vault,
    seed,
    signToken: () =>
      kubernetes.signToken({
        namespace: "tsb",
        name: "tsb",
        pod: { name: "tsb-0", uid: "9f1c2f9e-6d0f-4c55-9f55-0d1f6f4a7d10" },
      }),
  };
}

async function setUp(
  options: DemoOptions,
  vault: DemoVault,
  postgres: RunningPostgres,
  kubernetes: Awaited<ReturnType<typeof startKubernetes>>,
): Promise<SeedWorld> {
  try {
    return await setUpSeed({
      address: vault.address,
      token: vault.token,
      prefix: vault.prefix,
      postgres,
      kubernetes,
      ttl: {
        default: seconds(options.defaultTtl),
        max: seconds(options.maxTtl),
        token: seconds(options.tokenTtl),
        tokenMax: seconds(options.tokenMaxTtl),
      },
    });
  } catch (error) {
    throw new Error(`${vault.name} at ${vault.address} could not be set up: ${reason(error)}${cure(error, vault)}`);
  }
}

/** `fetch` says `fetch failed`, and why in its cause. */
function reason(error: unknown): string {
  const { message, cause } = error as Error;
  return cause instanceof Error ? `${message}: ${cause.message}` : message;
}

function cure(error: unknown, { prefix }: DemoVault): string {
  if (!String(error).includes("already in use")) return "";
  return `
An earlier run was killed, or another one is on. What a killed one left can be removed:
  vault secrets disable ${prefix}database; vault auth disable ${prefix}kubernetes; vault policy delete ${prefix}pg-auth`;
}

function seconds(duration: number): string {
  return `${duration / 1000}s`;
}
