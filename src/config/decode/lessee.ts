/** lessee's own blocks: `credential`, `health`, `state`, `job` and `kubernetes`. An unknown word in them is a fault. */

import { LesseeError } from "../../errors.ts";
import { parseConnectionUrl } from "../../postgres/connection-url.ts";
import { Sensitive } from "../../sensitive.ts";
import { defaultCredential } from "../defaults.ts";
import { toMilliseconds } from "../duration.ts";
import {
  bool,
  choice,
  integer,
  nonEmptyString,
  positiveDuration,
  quote,
  string,
  stringMap,
  strings,
} from "../kinds.ts";
import { nearest } from "../nearest.ts";
import type { BlockReader } from "../reader.ts";
import type {
  CredentialConfig,
  HealthConfig,
  JobConfig,
  KubernetesConfig,
  NotifyConfig,
  PostgresConfig,
  StateConfig,
} from "../types.ts";
import { strictSignal } from "./strict.ts";

export interface DeclaredLessee {
  readonly credentials: readonly CredentialConfig[];
  readonly health?: HealthConfig;
  readonly state?: StateConfig;
  readonly job?: JobConfig;
  readonly kubernetes?: KubernetesConfig;
  readonly shutdownTimeout?: number;
  readonly releaseOnExit?: "drained" | "always" | "never";
}

export function decodeLessee(root: BlockReader): DeclaredLessee {
  return {
    credentials: decodeCredentials(root),
    health: decodeHealth(root),
    state: decodeState(root),
    job: decodeJob(root),
    kubernetes: decodeKubernetes(root),
    shutdownTimeout: milliseconds(root, "shutdown_timeout"),
    releaseOnExit: choice(root, "release_on_exit", ["drained", "always", "never"]),
  };
}

const CREDENTIAL_KEYS = ["postgres", "notify"];

function decodeCredentials(root: BlockReader): readonly CredentialConfig[] {
  const seen = new Map<string, number>();
  return root.blocks("credential", { labelledUnless: CREDENTIAL_KEYS }).flatMap((block) => {
    const path = block.labels.length === 1 ? block.labels[0]!.replace(/^\/+|\/+$/g, "") : "";
    if (path === "") {
      block.fault("a credential block needs the path of its secret", 'as credential "database/creds/my-role" { … }');
    }
    const before = seen.get(path);
    if (before !== undefined) block.fault(`credential ${quote(path)} stands twice`, `the first is in line ${before}`);
    seen.set(path, block.place.line);
    return path === "" ? [] : [decodeCredential(block, path)];
  });
}

function decodeCredential(block: BlockReader, path: string): CredentialConfig {
  const written = {
    connectionMaxLifetime: milliseconds(block, "connection_max_lifetime"),
    lifetime: milliseconds(block, "lifetime"),
    readerGrace: milliseconds(block, "reader_grace"),
    longestUse: milliseconds(block, "longest_use"),
    preparation: milliseconds(block, "preparation"),
    hearing: milliseconds(block, "hearing"),
    margin: milliseconds(block, "margin"),
    quietPeriod: milliseconds(block, "quiet_period"),
    maxNewPerHour: positiveInteger(block, "max_new_per_hour"),
    probe: bool(block, "probe"),
    publish: choice(block, "publish", ["rename", "symlink", "in-place"]),
    escalate: decodeEscalation(block),
    postgres: block.blocks("postgres").flatMap(decodePostgres),
    notify: block.blocks("notify", { labelledUnless: NOTIFY_KEYS }).flatMap(decodeNotify),
  };
  block.finish("refused");
  if (written.postgres.length === 0 && written.escalate?.some((step) => step !== "notify")) {
    const line = block.attribute("escalate")?.line;
    block.fault(
      "escalate: sessions can be ended only where there is a postgres block",
      'add one, or leave "idle" and "all" out',
      line,
    );
  }
  return defaultCredential(path, written);
}

const ESCALATIONS = ["notify", "idle", "all"] as const;

function decodeEscalation(block: BlockReader): CredentialConfig["escalate"] | undefined {
  const words = strings(block, "escalate");
  return words?.flatMap((word) => {
    const step = ESCALATIONS.find((known) => known === word);
    if (step) return [step];
    const likely = nearest(word, ESCALATIONS);
    block.fault(
      `escalate knows no ${quote(word)}`,
      likely ? `did you mean ${quote(likely)}?` : `the steps are ${ESCALATIONS.join(", ")}`,
      block.attribute("escalate")?.line,
    );
    return [];
  });
}

function decodePostgres(block: BlockReader): readonly PostgresConfig[] {
  const connectionUrl = nonEmptyString(block, "connection_url");
  if (connectionUrl === undefined) {
    block.fault(
      "postgres needs a connection_url",
      'as "postgresql://{{username}}:{{password}}@host:5432/database?sslmode=verify-full"',
    );
  } else checkConnectionUrl(block, connectionUrl);
  const postgres = {
    verifyQuery: nonEmptyString(block, "verify_query") ?? "SELECT 1",
    drain: choice(block, "drain", ["watch", "terminate", "off"]) ?? "watch",
    connectTimeout: milliseconds(block, "connect_timeout") ?? 5_000,
  };
  block.finish("refused");
  return connectionUrl === undefined ? [] : [{ connectionUrl, ...postgres }];
}

/** With the places of the credential standing for themselves. */
function checkConnectionUrl(block: BlockReader, url: string): void {
  try {
    parseConnectionUrl(url, { username: "{{username}}", password: new Sensitive("{{password}}") });
  } catch (error) {
    if (!(error instanceof LesseeError)) throw error;
    block.fault(error.message, error.hint, block.attribute("connection_url")?.line);
  }
}

const NOTIFY_KINDS = ["signal", "http", "exec", "file"] as const;
const NOTIFY_KEYS = ["headers", "env"];

function decodeNotify(block: BlockReader): readonly NotifyConfig[] {
  const label = block.labels[0] ?? "";
  const kind = NOTIFY_KINDS.find((known) => known === label);
  if (!kind) {
    const likely = nearest(label, NOTIFY_KINDS);
    block.fault(
      label ? `unknown kind of notify ${quote(label)}` : "notify needs a kind",
      likely ? `did you mean ${quote(likely)}?` : `as notify "signal" { … }; the kinds are ${NOTIFY_KINDS.join(", ")}`,
    );
    return [];
  }
  const timeout = milliseconds(block, "timeout") ?? 10_000;
  const target = decodeTarget(block, kind);
  block.finish("refused");
  return target ? [{ timeout, ...target }] : [];
}

type NotifyTarget = NotifyConfig extends infer T ? (T extends unknown ? Omit<T, "timeout"> : never) : never;

function decodeTarget(block: BlockReader, kind: (typeof NOTIFY_KINDS)[number]): NotifyTarget | undefined {
  switch (kind) {
    case "signal": {
      const target = {
        kind,
        signal: strictSignal(block, "signal") ?? "SIGHUP",
        process: nonEmptyString(block, "process"),
        pidFile: nonEmptyString(block, "pid_file"),
        pid: positiveInteger(block, "pid"),
      } as const;
      const named = [target.process, target.pidFile, target.pid].filter((way) => way !== undefined);
      if (named.length === 1) return target;
      block.fault('notify "signal" needs one of process, pid_file and pid', `it has ${named.length}`);
      return undefined;
    }
    case "http": {
      const url = required(block, "url", EXAMPLE_URL);
      if (url !== undefined && !isAddress(url)) {
        block.fault(`notify "http": ${quote(url)} is not an address`, EXAMPLE_URL, block.attribute("url")?.line);
      }
      const rest = {
        method: (nonEmptyString(block, "method") ?? "POST").toUpperCase(),
        headers: stringMap(block, "headers") ?? {},
        body: string(block, "body"),
      };
      return url === undefined ? undefined : { kind, url, ...rest };
    }
    case "exec": {
      const command = strings(block, "command");
      const env = stringMap(block, "env") ?? {};
      if (command?.length) return { kind, command, env };
      if (command || !block.attribute("command")) {
        block.fault('notify "exec" needs a command', 'as command = ["app", "reload"]');
      }
      return undefined;
    }
    case "file": {
      const path = required(block, "path", 'as "/run/app/reload"');
      return path === undefined ? undefined : { kind, path };
    }
  }
}

const EXAMPLE_URL = 'as "http://127.0.0.1:8080/-/reload", or "unix:/run/app.sock:/-/reload"';

function isAddress(text: string): boolean {
  return /^unix:(\/\/)?\//.test(text) || /^https?:$/.test(URL.parse(text)?.protocol ?? "");
}

function decodeHealth(root: BlockReader): HealthConfig | undefined {
  const block = onlyBlock(root, "health");
  if (!block) return undefined;
  const address = string(block, "address");
  const port = Number(/^(?:\[[^\]]*\]|[^:]*):(\d{1,5})$/.exec(address ?? "")?.[1]);
  if (address && !(port < 65_536)) {
    block.fault(
      `health.address must be host:port, got ${quote(address)}`,
      'as "0.0.0.0:9102", or "" for none',
      block.attribute("address")?.line,
    );
  }
  block.finish("refused");
  return address === undefined ? undefined : { address };
}

function decodeState(root: BlockReader): StateConfig | undefined {
  const block = onlyBlock(root, "state");
  if (!block) return undefined;
  const state = { path: nonEmptyString(block, "path"), keyFile: nonEmptyString(block, "key_file") };
  block.finish("refused");
  return state;
}

function decodeJob(root: BlockReader): JobConfig | undefined {
  const block = onlyBlock(root, "job");
  if (!block) return undefined;
  const container = nonEmptyString(block, "container");
  const job = {
    until: choice(block, "until", ["containers", "process"]) ?? "containers",
    sidecars: strings(block, "sidecars") ?? [],
    ...(container === undefined ? {} : { container }),
    quietPeriod: milliseconds(block, "quiet_period") ?? 30_000,
  } as const;
  block.finish("refused");
  return job;
}

function decodeKubernetes(root: BlockReader): KubernetesConfig | undefined {
  const block = onlyBlock(root, "kubernetes");
  if (!block) return undefined;
  const serviceAccountPath = nonEmptyString(block, "service_account_path");
  const events = bool(block, "events") ?? false;
  block.finish("refused");
  return serviceAccountPath === undefined ? { events } : { events, serviceAccountPath };
}

function onlyBlock(root: BlockReader, name: string): BlockReader | undefined {
  const [block, second] = root.blocks(name);
  second?.fault(`at most one "${name}" block is allowed`);
  return block;
}

function milliseconds(block: BlockReader, key: string): number | undefined {
  const length = positiveDuration(block, key);
  return length === undefined ? undefined : toMilliseconds(length);
}

function positiveInteger(block: BlockReader, key: string): number | undefined {
  const number = integer(block, key);
  if (number === undefined || number > 0) return number;
  block.fault(`${key} must be greater than 0, got ${number}`, undefined, block.attribute(key)?.line);
  return undefined;
}

function required(block: BlockReader, key: string, example: string): string | undefined {
  const value = nonEmptyString(block, key);
  if (value === undefined) block.fault(`${block.name} ${quote(block.labels[0] ?? "")} needs a ${key}`, example);
  return value;
}
