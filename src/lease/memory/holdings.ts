/**
 * What all keepers hold, put together: for the state file, and for the tokens that it depends on. Of hundreds of keepers
 * only the one that has changed is looked at.
 */
import type { Sensitive } from "../../sensitive.ts";
import type { VaultSecret } from "../../vault/secret.ts";
import type { Keeper } from "../keeping/keeper.ts";
import { createSaver, type SavedCredential, type SavedState } from "./state-file.ts";

export interface Holdings {
  /** Looks at this keeper anew: what it holds, and the secret that it has for templates, may be others now. */
  update(keeper: Pick<Keeper, "dependency" | "records" | "parents" | "secret">): Changes;
  /** It holds nothing any more, and is gone. */
  forget(keeper: object): void;
  /** All of it; null where there is nothing to keep. */
  state(tokenOf: (number: number) => Sensitive<string> | undefined): SavedState | null;
  /** Numbers of the tokens that something depends on. */
  parents(): ReadonlySet<number>;
}

export interface Changes {
  readonly held: boolean;
  readonly secret: boolean;
}

interface Part {
  readonly secret: VaultSecret | undefined;
  readonly credentials: readonly SavedCredential[];
  /** Of each credential, in their order. */
  readonly tokens: readonly number[];
  readonly parents: readonly number[];
}

export function createHoldings(): Holdings {
  const parts = new Map<object, Part>();
  const saved = createSaver();
  /** How many hang on each token. */
  const children = new Map<number, number>();

  function count(numbers: readonly number[], by: 1 | -1): void {
    for (const number of numbers) {
      const left = (children.get(number) ?? 0) + by;
      if (left > 0) children.set(number, left);
      else children.delete(number);
    }
  }

  return {
    update(keeper) {
      const before = parts.get(keeper);
      const records = keeper.records();
      const part: Part = {
        secret: keeper.secret(),
        credentials: records.map((record) => saved(keeper.dependency, record)),
        tokens: records.map(({ held }) => held.token),
        parents: keeper.parents(),
      };
      parts.set(keeper, part);
      count(part.parents, 1);
      count(before?.parents ?? [], -1);
      return {
        held: !isSame(part.credentials, before?.credentials ?? []),
        secret: part.secret !== before?.secret,
      };
    },
    forget: (keeper) => void parts.delete(keeper),
    state(tokenOf) {
      const all = [...parts.values()];
      const token = all.flatMap(({ tokens }) => tokens.map(tokenOf)).findLast((one) => one !== undefined);
      return token === undefined ? null : { token, credentials: all.flatMap(({ credentials }) => credentials) };
    },
    parents: () => new Set(children.keys()),
  };
}

function isSame<T>(a: readonly T[], b: readonly T[]): boolean {
  return a.length === b.length && a.every((one, index) => one === b[index]);
}
