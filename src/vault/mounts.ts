/**
 * Paths as templates write them, whichever version of KV is mounted there: `secret/app` is read at `secret/data/app`
 * and listed at `secret/metadata` where KV v2 is. The server is asked once for each mount.
 */
import { TransportError } from "../errors.ts";
import type { Sensitive } from "../sensitive.ts";
import { secretFrom } from "./answer.ts";
import type { Mount, VaultClient } from "./client.ts";

/** Where there is nothing, a list is known all the same. */
const EMPTY_LIST = secretFrom({ data: { keys: [] } });

/** A client whose `read`, `write` and `list` take the paths of templates. */
export function withMounts(client: VaultClient): VaultClient {
  const known = new Map<string, Mount>();
  const refused = new WeakMap<Sensitive<string>, Set<string>>();
  const asking = new Map<string, Promise<void>>();

  const mountOf = (path: string) => [...known.values()].find((mount) => isBelow(path, mount));

  /** Whoever may not ask gets the path as it is, as with Vault Agent; another token may. */
  async function find(token: Sensitive<string>, path: string): Promise<Mount | undefined> {
    // Of the first questions, which come all at once, one is mostly enough.
    const [first = ""] = path.split("/");
    const underWay = asking.get(first);
    if (underWay !== undefined) await underWay;
    if (mountOf(path) === undefined && !refused.get(token)?.has(path)) {
      const answer = learn(token, path);
      const over = answer.catch(() => {}).finally(() => asking.delete(first));
      asking.set(first, over);
      await answer;
    }
    return mountOf(path);
  }

  async function learn(token: Sensitive<string>, path: string): Promise<void> {
    const mount = await client.mountOf(token, path);
    if (mount !== null) known.set(mount.path, mount);
    else refused.set(token, (refused.get(token) ?? new Set()).add(path));
  }

  async function at<T>(token: Sensitive<string>, path: string, call: (mount?: Mount) => Promise<T>): Promise<T> {
    const mount = await find(token, path).catch(harmless);
    return mount?.type === "kv" ? call(mount).catch(harmless) : call(mount);
  }

  return {
    ...client,
    read: (token, path, version) => at(token, path, (mount) => client.read(token, dataPath(path, mount), version)),
    write: (token, path, data) =>
      at(token, path, async (mount) => {
        const body = isVersioned(mount) ? { data } : data;
        return (await client.write(token, dataPath(path, mount), body)) ?? secretFrom({});
      }),
    list: (token, path) =>
      at(token, path, async (mount) => (await client.list(token, listPath(path, mount))) ?? EMPTY_LIST),
  };
}

function dataPath(path: string, mount: Mount | undefined): string {
  if (!isVersioned(mount)) return path;
  const rest = restOf(path, mount);
  return /^(data|metadata)\//.test(rest) ? path : join(mount, "data", rest);
}

function listPath(path: string, mount: Mount | undefined): string {
  if (!isVersioned(mount)) return path;
  const rest = restOf(path, mount);
  return /^metadata(\/|$)/.test(rest) ? path : join(mount, "metadata", rest);
}

function join({ path }: Mount, kind: string, rest: string): string {
  return rest === "" ? `${path}${kind}` : `${path}${kind}/${rest}`;
}

function isBelow(path: string, mount: Mount): boolean {
  return `${path}/`.startsWith(mount.path) && mount.path !== "";
}

function restOf(path: string, mount: Mount): string {
  return path.slice(mount.path.length);
}

function isVersioned(mount: Mount | undefined): mount is Mount {
  return mount?.version === "2";
}

/** Neither a question for a mount nor KV makes a database user, whatever became of the answer (rule M2). */
function harmless(error: unknown): never {
  if (!(error instanceof TransportError)) throw error;
  const { code, hint, message } = error;
  throw new TransportError(code, message, "never sent", hint === undefined ? {} : { hint });
}
