/** `vault`, `cache` and `api_proxy`: the server, and what stands between it and clients. */
import { bool, integer, loose, looseBool, meaningOfBool, nonEmptyString, quote, string } from "../kinds.ts";
import type { Place } from "../place.ts";
import { type BlockReader, describeValue } from "../reader.ts";
import type { ApiProxyConfig, CacheConfig, PersistConfig } from "../server-types.ts";
import { decodeType } from "./auto-auth.ts";

export interface DeclaredVault {
  readonly place: Place;
  readonly address?: string;
  readonly caCert?: string;
  readonly caPath?: string;
  readonly clientCert?: string;
  readonly clientKey?: string;
  readonly tlsServerName?: string;
  readonly tlsSkipVerify: boolean;
  readonly namespace?: string;
  /** 12 unless it says otherwise; -1 has become 0. */
  readonly numRetries: number;
}

/** Whether the key stood there at all decides which of cache and api_proxy is meant. */
interface TokenUse {
  readonly declaresTokenUse: boolean;
}

export type DeclaredCache = CacheConfig & TokenUse & { readonly place: Place };
export type DeclaredApiProxy = ApiProxyConfig & TokenUse & { readonly place: Place };

const DEFAULT_RETRIES = 12;

export function decodeVault(root: BlockReader): DeclaredVault | undefined {
  const block = onlyBlock(root, "vault");
  if (!block) return undefined;
  const retries = block.blocks("retry", { context: "error parsing 'retry': " });
  retries[1]?.fault('one and only one "retry" block is required');
  const written = retries[0] && integer(retries[0], "num_retries");
  retries[0]?.finish("ignored");
  const vault = {
    place: block.place,
    address: nonEmptyString(block, "address"),
    caCert: nonEmptyString(block, "ca_cert"),
    caPath: nonEmptyString(block, "ca_path"),
    clientCert: nonEmptyString(block, "client_cert"),
    clientKey: nonEmptyString(block, "client_key"),
    tlsServerName: nonEmptyString(block, "tls_server_name"),
    tlsSkipVerify: looseBool(block, "tls_skip_verify") ?? false,
    namespace: nonEmptyString(block, "namespace"),
    numRetries: written === -1 ? 0 : written || DEFAULT_RETRIES,
  };
  block.finish("ignored");
  return vault;
}

export function decodeApiProxy(root: BlockReader): DeclaredApiProxy | undefined {
  const block = onlyBlock(root, "api_proxy");
  if (!block) return undefined;
  const proxy = {
    place: block.place,
    ...decodeTokenUse(block),
    enforceConsistency: word(block, "enforce_consistency"),
    whenInconsistent: word(block, "when_inconsistent"),
  };
  block.finish("ignored");
  return proxy;
}

/** Whatever it is, it is judged at the start: OpenBao's agent, which has no such key, takes all for valid. */
function word(block: BlockReader, key: string): string | undefined {
  return (
    loose(block, key, (value) => ({ value: value.kind === "string" ? value.text : describeValue(value) })) || undefined
  );
}

export function decodeCache(root: BlockReader): DeclaredCache | undefined {
  const block = onlyBlock(root, "cache");
  if (!block) return undefined;
  const cache = { place: block.place, ...decodeTokenUse(block), persist: decodePersist(block) };
  withoutEffect(block, KEYS_OF_VAULT_PROXY, "it is a key of Vault Proxy");
  block.finish("ignored");
  return cache;
}

const KEYS_OF_VAULT_PROXY = [
  "cache_static_secrets",
  "disable_caching_dynamic_secrets",
  "static_secret_token_capability_refresh_interval",
  "static_secret_token_capability_refresh_behavior",
];

/** Known, so that nobody looks for a typing error. */
function withoutEffect(block: BlockReader, keys: readonly string[], why: string): void {
  for (const key of keys) {
    const found = block.attribute(key);
    if (found !== undefined) block.warn(`${block.name}.${key} has no effect`, why, found.line);
  }
}

const PERSIST_KEYS = ["type", "path", "keep_after_import", "exit_on_err", "service_account_token_file"];

function decodePersist(cache: BlockReader): PersistConfig | undefined {
  const [block, second] = cache.blocks("persist", {
    context: "error parsing persist: ",
    labelledUnless: PERSIST_KEYS,
  });
  if (!block) return undefined;
  second?.fault('only one "persist" block is required');
  const persist = {
    place: block.place,
    type: decodeType(block, "persist"),
    path: string(block, "path") ?? "",
    keepAfterImport: bool(block, "keep_after_import") ?? false,
    exitOnErr: bool(block, "exit_on_err") ?? false,
    serviceAccountTokenFile: string(block, "service_account_token_file") ?? "",
  };
  block.finish("ignored");
  return persist;
}

/** `use_auto_auth_token = true | false | "force"`. */
function decodeTokenUse(block: BlockReader) {
  const key = "use_auto_auth_token";
  const use = loose<boolean | "force">(block, key, (value) => {
    const outcome = meaningOfBool(value);
    if ("value" in outcome || value.kind !== "string") return outcome;
    if (value.text.toLowerCase() === "force") return { value: "force" };
    return { fault: `value of '${key}' can be either true/false/force, ${quote(value.text)} is an invalid option` };
  });
  return {
    declaresTokenUse: block.attribute(key) !== undefined,
    useAutoAuthToken: use !== undefined && use !== false,
    forceAutoAuthToken: use === "force",
  };
}

function onlyBlock(root: BlockReader, name: string): BlockReader | undefined {
  const [block, second] = root.blocks(name, { context: `error parsing '${name}':` });
  second?.fault(`one and only one "${name}" block is required`);
  return block;
}
