/** The top level of a file, and thereby the whole of it. */

import type { Declared, DeclaredTemplateConfig, Placed } from "../declared.ts";
import { defined } from "../defaults.ts";
import type { ObjectValue } from "../hcl/ast.ts";
import { bool, duration, float, integer, looseBool, nonEmptyString, strings } from "../kinds.ts";
import { type BlockReader, readDocument, type Source } from "../reader.ts";
import type { Subsystems } from "../server-types.ts";
import { type SubsystemSetting, subsystemsOf, variableOf } from "../subsystems.ts";
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

/** Nobody looks at them where the environment has replaced them. */
function decodeSubsystems(root: BlockReader, key: SubsystemSetting, env: Environment): Subsystems {
  const written = strings(root, key) ?? [];
  const names = env[variableOf(key)] ? [] : written;
  const line = root.attribute(key)?.line;
  return subsystemsOf(key, names, (message, hint) => root.fault(message, hint, line));
}

/** Keys of a Vault server, which the agent's parser shares: checked, and without effect here. */
function checkServerKeys(root: BlockReader): void {
  root.attribute("administrative_namespace_path");
  const disabled = looseBool(root, "disable_mlock", "error parsing 'disable_mlock': ");
  if (disabled === false) {
    root.fault(
      "disable_mlock = false asks for memory that is locked, which lessee cannot give (OpenBao has dropped support for mlock too)",
      "remove the line, and turn swap off or encrypt it",
      root.attribute("disable_mlock")?.line,
    );
  }
}
