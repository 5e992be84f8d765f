/** What was last written of each template, and which credentials nobody has been told of although they were written. */
import type { Clock } from "../ports.ts";
import { type Dependency, isSecret } from "../render/template.ts";
import type { VaultSecret } from "../vault/secret.ts";
import type { Evaluation } from "./evaluations.ts";
import type { PublishedTemplate } from "./published-template.ts";
import { isSame } from "./quiet.ts";

interface Written {
  readonly at: number;
  /** Keys of what it was written from. */
  readonly from: ReadonlySet<string>;
  readonly given: Evaluation["given"];
  /** Candidates that were written by the publish of another one, and whether that had anybody to tell. */
  readonly unannounced: ReadonlyMap<string, boolean>;
}

export interface History {
  /** When it was written last; null before the first time. */
  at(one: PublishedTemplate): number | null;
  /** Whether its file has something of what `key` names. */
  has(one: PublishedTemplate, key: string): boolean;
  /** Whether it was written with just what it is given now. */
  isFrom(one: PublishedTemplate, evaluation: Evaluation): boolean;
  /** It came into the file with another credential, whose publish told of that one only: whether it told anybody. */
  unannounced(one: PublishedTemplate, key: string): boolean | undefined;
  /** Written by the publish of `key`, or by none. */
  note(one: PublishedTemplate, evaluation: Evaluation, key: string | null, tell: boolean): void;
}

export function createHistory(clock: Clock, inUse: (dependency: Dependency) => VaultSecret | undefined): History {
  const written = new Map<PublishedTemplate, Written>();
  return {
    at: (one) => written.get(one)?.at ?? null,
    has: (one, key) => written.get(one)?.from.has(key) === true,
    isFrom: (one, { given }) => isSame(given, written.get(one)?.given ?? []),
    unannounced: (one, key) => written.get(one)?.unannounced.get(key),
    note(one, { given, keys, wishes }, key, tell) {
      const before = written.get(one)?.unannounced;
      const unannounced = new Map<string, boolean>();
      for (const [index, wish] of wishes.entries()) {
        const name = keys[index]!;
        if (name === key || !isSecret(wish) || inUse(wish) === given[index]) continue;
        unannounced.set(name, before?.get(name) === true || tell);
      }
      written.set(one, { at: clock.now(), from: new Set(keys), given, unannounced });
    },
  };
}
