/** lessee's own blocks as JSON, in the form in which its configuration has them. */
import { isObject } from "./loose.ts";

export interface Blocks {
  readonly credential?: Readonly<Record<string, CredentialBlock>>;
  readonly [key: string]: unknown;
}

export interface CredentialBlock {
  readonly postgres?: readonly object[];
  readonly notify?: readonly NotifyBlock[];
  readonly [key: string]: unknown;
}

export type NotifyBlock = Readonly<Record<string, object>>;

/** Lists grow, and what stands in both is the later one's. */
export function mergeBlocks(all: Blocks, { credential, ...rest }: Blocks): Blocks {
  const top = { ...all };
  for (const [name, block] of Object.entries(rest)) {
    const before = top[name];
    top[name] = isObject(before) && isObject(block) ? { ...before, ...block } : block;
  }
  if (credential === undefined) return top;
  // A Map, because a path may be any word, `__proto__` too.
  const credentials = new Map(Object.entries(all.credential ?? {}));
  for (const [path, block] of Object.entries(credential))
    credentials.set(path, mergeCredential(credentials.get(path) ?? {}, block));
  return { ...top, credential: Object.fromEntries(credentials) };
}

// ---- internal ----

function mergeCredential(before: CredentialBlock, block: CredentialBlock): CredentialBlock {
  const { postgres, notify, ...keys } = block;
  return {
    ...before,
    ...keys,
    ...(postgres === undefined ? {} : { postgres: [...(before.postgres ?? []), ...postgres] }),
    ...(notify === undefined ? {} : { notify: [...(before.notify ?? []), ...notify] }),
  };
}
