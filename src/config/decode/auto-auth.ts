/** `auto_auth`: the method and the sinks. */
import type { Nanoseconds } from "../duration.ts";
import { bool, duration, map, nonEmptyString, string } from "../kinds.ts";
import { canonicalNamespace } from "../namespace.ts";
import type { Place } from "../place.ts";
import type { BlockOptions, BlockReader } from "../reader.ts";

export interface DeclaredAutoAuth {
  readonly place: Place;
  readonly method: DeclaredMethod;
  readonly sinks: readonly DeclaredSink[];
  readonly enableReauthOnNewCredentials: boolean;
}

export interface DeclaredMethod {
  readonly place: Place;
  readonly type: string;
  readonly mountPath: string;
  readonly namespace?: string;
  readonly wrapTtl: Nanoseconds;
  readonly minBackoff?: Nanoseconds;
  readonly maxBackoff?: Nanoseconds;
  readonly exitOnErr: boolean;
  readonly config?: Readonly<Record<string, unknown>>;
}

export interface DeclaredSink {
  readonly place: Place;
  readonly type: string;
  readonly wrapTtl: Nanoseconds;
  readonly dhType?: string;
  readonly dhPath?: string;
  readonly deriveKey: boolean;
  readonly aad?: string;
  readonly config?: Readonly<Record<string, unknown>>;
}

type Environment = Readonly<Record<string, string | undefined>>;

export function decodeAutoAuth(root: BlockReader, env: Environment): DeclaredAutoAuth | undefined {
  const [block, second] = root.blocks("auto_auth", {
    context: "error parsing 'auto_auth': ",
    notABlock: "auto_auth: not an object type for struct",
  });
  if (!block) return undefined;
  second?.fault('at most one "auto_auth" block is allowed');
  const methods = block.blocks("method", {
    context: "error parsing 'method': ",
    labelledUnless: METHOD_KEYS,
  });
  if (methods.length !== 1) {
    (methods[1] ?? block).fault(
      `${methods.length === 0 ? "error parsing 'method': " : ""}one and only one "method" block is required`,
    );
  }
  const sinks = decodeSinks(block, env);
  const enableReauthOnNewCredentials = bool(block, "enable_reauth_on_new_credentials") ?? false;
  block.finish("ignored");
  const method = methods[0] && decodeMethod(methods[0]);
  if (!method) return undefined;
  if (method.wrapTtl > 0 && sinks.length !== 1) {
    block.fault("error parsing auto_auth: wrapping enabled on auth method and 0 or many sinks defined");
  } else if (method.wrapTtl > 0 && sinks[0]!.wrapTtl > 0) {
    block.fault("error parsing auto_auth: wrapping enabled both on auth method and sink");
  }
  return { place: block.place, method, sinks, enableReauthOnNewCredentials };
}

const METHOD_KEYS = [
  "type",
  "mount_path",
  "namespace",
  "wrap_ttl",
  "min_backoff",
  "max_backoff",
  "exit_on_err",
  "config",
];

function decodeMethod(block: BlockReader): DeclaredMethod {
  const type = decodeType(block, "method");
  const method = {
    place: block.place,
    type,
    mountPath: (nonEmptyString(block, "mount_path") ?? `auth/${type}`).replace(/\/$/, ""),
    namespace: canonicalNamespace(string(block, "namespace")),
    wrapTtl: duration(block, "wrap_ttl") ?? 0,
    minBackoff: duration(block, "min_backoff"),
    maxBackoff: duration(block, "max_backoff"),
    exitOnErr: bool(block, "exit_on_err") ?? false,
    config: map(block, "config"),
  };
  block.finish("ignored");
  return method;
}

const SINK_KEYS = ["type", "wrap_ttl", "dh_type", "dh_path", "derive_key", "aad", "aad_env_var", "config"];

/** `sink`, or `sinks`, which Vault Agent reads as well, and forgets when there is a `sink`. */
function decodeSinks(autoAuth: BlockReader, env: Environment): readonly DeclaredSink[] {
  const read = (key: string, options: BlockOptions) =>
    autoAuth.blocks(key, { context: "error parsing 'sink' stanzas: ", labelledUnless: SINK_KEYS, ...options });
  const plural = read("sinks", { notABlock: "auto_auth.sinks: unknown slice type", listed: true });
  const blocks = read("sink", {});
  if (blocks.length > 0) return blocks.map((block) => decodeSink(block, decodeType(block, "sink"), env));
  return plural
    .filter(({ labels, items }) => labels.length + items.length > 0)
    .map((block) => decodeSink(block, nonEmptyString(block, "type") ?? "", env));
}

function decodeSink(block: BlockReader, type: string, env: Environment): DeclaredSink {
  const literal = nonEmptyString(block, "aad");
  const variable = nonEmptyString(block, "aad_env_var");
  const sink = {
    place: block.place,
    type,
    wrapTtl: duration(block, "wrap_ttl") ?? 0,
    dhType: nonEmptyString(block, "dh_type"),
    dhPath: nonEmptyString(block, "dh_path"),
    deriveKey: bool(block, "derive_key") ?? false,
    aad: (variable === undefined ? literal : env[variable]) || undefined,
    config: map(block, "config"),
  };
  block.finish("ignored");
  const fault = encryptionFault(sink);
  if (fault) block.fault(`sink.${type} ${fault}`);
  return sink;
}

function encryptionFault(sink: DeclaredSink): string | undefined {
  if (sink.dhType !== undefined && sink.dhType !== "curve25519") return "invalid value for 'dh_type'";
  if ((sink.dhType === undefined) !== (sink.dhPath === undefined)) {
    return "'dh_type' and 'dh_path' must be specified together";
  }
  if (sink.dhType !== undefined) return undefined;
  if (sink.aad !== undefined) return "specifying AAD data without 'dh_type' does not make sense";
  return sink.deriveKey ? "specifying 'derive_key' data without 'dh_type' does not make sense" : undefined;
}

/** The `type` as it is written, or the label in lower case. */
export function decodeType(block: BlockReader, what: string): string {
  const written = nonEmptyString(block, "type");
  const label = block.labels.length === 1 ? block.labels[0]!.toLowerCase() : "";
  const type = written ?? label;
  if (type === "") block.fault(`${what} type must be specified`, `as ${what} "NAME" { … } or type = "NAME"`);
  return type;
}
