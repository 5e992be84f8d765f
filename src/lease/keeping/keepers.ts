/** All keepers of a sidecar: one for each secret that the templates ask for, whichever of them asks. */

import type { RotationAnswer } from "../../control/words.ts";
import { type Brain, type Dependency, dependencyKey, isSecret } from "../../render/template.ts";
import { text } from "../../vault/answer.ts";
import type { VaultSecret } from "../../vault/secret.ts";
import type { Outcome } from "../outcomes.ts";
import type { Stopping } from "../state.ts";
import type { Keeper } from "./keeper.ts";

export interface Keepers {
  /** What templates may ask. */
  readonly brain: Brain;
  /** What the application uses of a secret, or may use: no candidate. */
  inUse(dependency: Dependency): VaultSecret | undefined;
  all(): readonly Keeper[];
  get(key: string): Keeper | undefined;
  /** Makes a keeper for every secret that has none; it begins its work at `start`, or at once after it. */
  ensure(dependencies: readonly Dependency[]): void;
  /** Those of secrets that are not among these. */
  beside(dependencies: readonly Dependency[]): readonly Keeper[];
  start(): void;
  /** First credentials are on their way. */
  isFetching(): boolean;
  /** Replaces what is at this path, or all that is leased, as soon as the budget allows it. */
  rotate(path: string | null, hasty: boolean): RotationAnswer;
  /** Tells every keeper. */
  take(outcome: Outcome): void;
  /** Ends when all of them have come to their end. */
  stop(stopping: Stopping): Promise<void>;
}

interface Entry {
  readonly keeper: Keeper;
  ended: Promise<void> | null;
}

export function createKeepers(create: (dependency: Dependency) => Keeper, forget: (keeper: Keeper) => void): Keepers {
  const keepers = new Map<string, Entry>();
  /** Templates ask for the same again and again. */
  const keys = new WeakMap<Dependency, string>();
  let stage: "preparing" | "running" | "stopping" = "preparing";

  function keyOf(dependency: Dependency): string {
    const key = keys.get(dependency) ?? dependencyKey(dependency);
    keys.set(dependency, key);
    return key;
  }

  function secretOf(dependency: Dependency): VaultSecret | undefined {
    return keepers.get(keyOf(dependency))?.keeper.secret();
  }

  /** One that nobody asks for ends when it holds nothing any more; if it is asked for at that moment, it begins anew. */
  function run(entry: Entry, key: string): void {
    entry.ended = entry.keeper.run().then(() => {
      if (stage === "stopping") return;
      if (!entry.keeper.state().unasked) return run(entry, key);
      keepers.delete(key);
      forget(entry.keeper);
    });
  }

  return {
    brain: {
      recall: secretOf,
      list(path) {
        const keys = secretOf({ kind: "list", path })?.data.reveal()?.keys;
        return Array.isArray(keys) ? keys.map(text) : undefined;
      },
    },
    inUse: (dependency) => keepers.get(dependencyKey(dependency))?.keeper.inUse(),
    all: () => [...keepers.values()].map(({ keeper }) => keeper),
    get: (key) => keepers.get(key)?.keeper,
    ensure(dependencies) {
      for (const dependency of dependencies) {
        const key = dependencyKey(dependency);
        if (stage === "stopping" || !isSecret(dependency)) continue;
        const known = keepers.get(key);
        if (known?.keeper.state().unasked) known.keeper.take({ is: "asked again" });
        if (known !== undefined) continue;
        const entry: Entry = { keeper: create(dependency), ended: null };
        keepers.set(key, entry);
        // Last, because its first step comes back here: it would be made a second time.
        if (stage === "running") run(entry, key);
      }
    },
    beside(dependencies) {
      const asked = new Set(dependencies.map(keyOf));
      return [...keepers].flatMap(([key, { keeper }]) => (asked.has(key) ? [] : [keeper]));
    },
    start() {
      stage = "running";
      for (const [key, entry] of keepers) if (entry.ended === null) run(entry, key);
    },
    isFetching() {
      for (const { keeper } of keepers.values()) if (keeper.isComing()) return true;
      return false;
    },
    rotate(path, hasty) {
      const all = [...keepers.values()].map(({ keeper }) => keeper).filter((keeper) => !keeper.state().unasked);
      const asked = all.filter((keeper) =>
        path === null ? keeper.state().current?.lease !== "" : keeper.path === path.replace(/^\/+|\/+$/g, ""),
      );
      const rotating = asked.map((keeper) => ({ path: keeper.path, user: keeper.state().current?.user ?? null }));
      for (const keeper of asked) keeper.take({ is: "rotation asked", hasty });
      return { rotating, known: all.map((keeper) => keeper.path) };
    },
    take(outcome) {
      for (const { keeper } of keepers.values()) keeper.take(outcome);
    },
    async stop(how) {
      stage = "stopping";
      for (const { keeper } of keepers.values()) keeper.stop(how);
      await Promise.all([...keepers.values()].map(({ ended }) => ended));
    },
  };
}
