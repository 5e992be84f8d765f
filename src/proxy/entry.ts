/** What the cache remembers of one answer, and by which of its parts it is found again when something ends. Pure. */
import type { Sensitive } from "../sensitive.ts";
import type { VaultSecret } from "../vault/secret.ts";

/** The request that an answer was given to. */
export interface Origin {
  readonly key: string;
  /** From the header, with a slash at the end; `root/` for none. */
  readonly namespace: string;
  /** As in the URL: `/v1/database/creds/app`. */
  readonly path: string;
  readonly token: Sensitive<string>;
}

export interface StoredAnswer {
  readonly status: number;
  readonly body: Sensitive<Uint8Array>;
  readonly at: number;
}

export interface Entry {
  readonly origin: Origin;
  readonly answer: StoredAnswer;
  /** A lease under the origin's token, or a token that the answer gave. */
  readonly holds:
    | { readonly is: "lease"; readonly id: string }
    | {
        readonly is: "token";
        readonly token: Sensitive<string>;
        readonly accessor: Sensitive<string>;
        /** It ends with the token that made it. */
        readonly child: boolean;
      };
  /** As granted at first, in ms. */
  readonly duration: number;
}

/** Something that ended, by what it is known. */
export type Ended =
  | { readonly by: "path"; readonly namespace: string; readonly prefix: string }
  | { readonly by: "token"; readonly token: string }
  /** The token without its children. */
  | { readonly by: "orphaning"; readonly token: string }
  | { readonly by: "accessor"; readonly accessor: string }
  | { readonly by: "lease"; readonly lease: string }
  | { readonly by: "lease prefix"; readonly prefix: string }
  | { readonly by: "all" };

/** null for an answer that nobody has to look after: no renewable lease and no renewable token. */
export function entryFor(origin: Origin, answer: StoredAnswer, secret: VaultSecret): Entry | null {
  const { auth, lease } = secret;
  if (lease.id !== "" && lease.renewable && lease.durationSeconds > 0) {
    return { origin, answer, holds: { is: "lease", id: lease.id }, duration: lease.durationSeconds * 1_000 };
  }
  if (auth === null || !auth.renewable || auth.durationSeconds === 0 || auth.token.reveal() === "") return null;
  const holds = { is: "token", token: auth.token, accessor: auth.accessor, child: !auth.orphan } as const;
  return { origin, answer, holds, duration: auth.durationSeconds * 1_000 };
}

/** All entries that an end takes with it: what was read with a token ends with the token, and so do its children. */
export function endedWith(ended: Ended, entries: Iterable<Entry>): ReadonlySet<Entry> {
  const all = [...entries];
  const gone = new Set(all.filter((entry) => isMeant(ended, entry)));
  const tokens = new Set(ended.by === "token" ? [ended.token] : []);
  for (const entry of gone) if (entry.holds.is === "token") tokens.add(entry.holds.token.reveal());
  for (const token of tokens) {
    for (const entry of all) {
      if (gone.has(entry) || entry.origin.token.reveal() !== token) continue;
      if (entry.holds.is === "token" && (ended.by === "orphaning" || !entry.holds.child)) continue;
      gone.add(entry);
      // The set is walked while it grows: children of children come in their turn.
      if (entry.holds.is === "token") tokens.add(entry.holds.token.reveal());
    }
  }
  return gone;
}

function isMeant(ended: Ended, { origin, holds }: Entry): boolean {
  switch (ended.by) {
    case "all":
      return true;
    case "path":
      return origin.namespace === ended.namespace && origin.path.startsWith(ended.prefix);
    case "token":
    case "orphaning":
      return holds.is === "token" && holds.token.reveal() === ended.token;
    case "accessor":
      return holds.is === "token" && holds.accessor.reveal() === ended.accessor;
    case "lease":
      return holds.is === "lease" && holds.id === ended.lease;
    case "lease prefix":
      return holds.is === "lease" && holds.id.startsWith(ended.prefix);
  }
}
