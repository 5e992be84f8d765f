/** The top level of a file, and thereby the whole of it. */

import type { Declared, DeclaredTemplateConfig, Placed } from "../declared.ts";
import { defined } from "../defaults.ts";
import type { ObjectValue } from "../hcl/ast.ts";
import { bool, duration, float, integer, looseBool, nonEmptyString, string, strings } from "../kinds.ts";
import { nearest } from "../nearest.ts";
import { type BlockReader, readDocument, type Source } from "../reader.ts";
import type { Subsystems } from "../types.ts";
import { decodeAutoAuth } from "./auto-auth.ts";
import { decodeLessee } from "./lessee.ts";
import { decodeListeners } from "./listener.ts";
import { decodeApiProxy, decodeCache, decodeVault } from "./server.ts";
import { decodeTelemetry } from "./telemetry.ts";
import { decodeEnvTemplates, decodeExec, decodeTemplates } from "./template.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** Reads a file's tree; what is wrong with it is added to the source's faults. */
export function decodeDocument(source: Source, document: ObjectValue, env: Environment): Declared {
  const root = readDocument(source, document);
  const cache = decodeCache(root);
  const declared = {
    pidFile: nonEmptyString(root, "pid_file"),
    exitAfterAuth: bool(root, "exit_after_auth") ?? false,
    vault: decodeVault(root),
    autoAuth: decodeAutoAuth(root, env),
    cache,
    apiProxy: decodeApiProxy(root) ?? impliedApiProxy(cache),
    templates: decodeTemplates(root),
    templateConfig: decodeTemplateConfig(root),
    exec: decodeExec(root),
    envTemplates: decodeEnvTemplates(root),
    listeners: decodeListeners(root),
    telemetry: decodeTelemetry(root),
    disableIdleConnections: decodeSubsystems(root, "disable_idle_connections", env),
    disableKeepAlives: decodeSubsystems(root, "disable_keep_alives", env),
    log: {
      level: placedString(root, "log_level"),
      format: placedString(root, "log_format"),
      file: nonEmptyString(root, "log_file"),
      rotateBytes: integer(root, "log_rotate_bytes"),
      rotateDuration: placedString(root, "log_rotate_duration"),
      rotateMaxFiles: integer(root, "log_rotate_max_files"),
    },
    clusterName: nonEmptyString(root, "cluster_name"),
    defaultMaxRequestDuration: duration(root, "default_max_request_duration"),
    ...decodeLessee(root),
  };
  checkServerKeys(root);
  root.finish("ignored");
  return defined(declared);
}

function placedString(root: BlockReader, key: string): Placed<string> | undefined {
  const value = nonEmptyString(root, key);
  const line = root.attribute(key)?.line ?? root.place.line;
  return value === undefined ? undefined : { value, place: { file: root.place.file, line } };
}

/** A cache that uses the auto-auth token stands for a proxy that does. */
function impliedApiProxy(cache: Declared["cache"]): Declared["apiProxy"] {
  if (!cache?.useAutoAuthToken) return undefined;
  const { useAutoAuthToken, forceAutoAuthToken, place } = cache;
  return { useAutoAuthToken, forceAutoAuthToken, place, declaresTokenUse: false };
}

function decodeTemplateConfig(root: BlockReader): DeclaredTemplateConfig | undefined {
  const [block, second] = root.blocks("template_config", { context: "error parsing 'template_config': " });
  if (!block) return undefined;
  second?.fault('at most one "template_config" block is allowed');
  const config = {
    place: block.place,
    exitOnRetryFailure: bool(block, "exit_on_retry_failure") ?? false,
    staticSecretRenderInterval: duration(block, "static_secret_render_interval") ?? 0,
    maxConnectionsPerHost: integer(block, "max_connections_per_host"),
    leaseRenewalThreshold: float(block, "lease_renewal_threshold"),
  };
  block.finish("ignored");
  return config;
}

const SUBSYSTEMS: Readonly<Record<string, keyof Subsystems>> = {
  "auto-auth": "autoAuth",
  caching: "apiProxy",
  proxying: "apiProxy",
  templating: "templating",
};

/** The environment replaces what the file says, and only it may be written in capitals. */
function decodeSubsystems(root: BlockReader, key: string, env: Environment): Subsystems {
  const variable = `VAULT_AGENT_${key.toUpperCase()}`;
  const written = strings(root, key) ?? [];
  const names = env[variable]
    ? env[variable]
        .toLowerCase()
        .split(",")
        .map((name) => name.trim())
    : written;
  const subsystems = { autoAuth: false, apiProxy: false, templating: false };
  for (const name of names.filter((candidate) => candidate !== "")) {
    const subsystem = Object.hasOwn(SUBSYSTEMS, name) ? SUBSYSTEMS[name] : undefined;
    if (subsystem) {
      subsystems[subsystem] = true;
      continue;
    }
    const likely = nearest(name, Object.keys(SUBSYSTEMS));
    const hint = likely ? `did you mean ${likely}?` : `known are ${Object.keys(SUBSYSTEMS).join(", ")}`;
    const line = env[variable] ? undefined : root.attribute(key)?.line;
    root.fault(`unknown ${key} value: ${name}`, env[variable] ? `from ${variable}; ${hint}` : hint, line);
  }
  return subsystems;
}

/** Keys of a Vault server, which the agent's parser shares: checked, and without effect here. */
function checkServerKeys(root: BlockReader): void {
  string(root, "administrative_namespace_path");
  const disabled = looseBool(root, "disable_mlock");
  if (disabled === false) {
    root.fault(
      "disable_mlock = false asks for memory that is locked, which lessee cannot give",
      "remove the line, and turn swap off or encrypt it",
      root.attribute("disable_mlock")?.line,
    );
  }
}
