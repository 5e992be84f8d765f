/** One evaluation of a template: what it asked for, what was not there, and what its functions remember. */
import { describe, TemplateError } from "../errors.ts";
import type { VaultSecret } from "../vault/secret.ts";
import { secretValue } from "./functions/secret-value.ts";
import { encodeText } from "./go/text.ts";
import { fail, type Struct, type Value } from "./go/values.ts";
import {
  type Brain,
  type Dependency,
  dependencyKey,
  type Execution,
  type TemplateHost,
  type TemplateOptions,
} from "./template.ts";

export interface Session {
  readonly host: TemplateHost;
  readonly options: TemplateOptions;
  /** What `scratch` keeps. */
  readonly scratch: Map<string, Value>;
  /** The secret as templates see it; null, and noted as missing, when it is not there. */
  secret(dependency: Dependency): Struct | null;
  /** The keys, sorted; undefined, and noted as missing, when they are not known. */
  keys(path: string): readonly string[] | undefined;
  /** The content of a file; undefined, and noted as missing, when there is no such file. */
  file(path: string): string | undefined;
  readonly used: readonly Dependency[];
  readonly missing: readonly Dependency[];
}

export function openSession(brain: Brain, host: TemplateHost, options: TemplateOptions): Session {
  const used = new Map<string, Dependency>();
  const missing = new Map<string, Dependency>();
  const secrets = new Map<string, Struct>();

  function note(dependency: Dependency): string {
    const key = dependencyKey(dependency);
    used.set(key, dependency);
    return key;
  }
  return {
    host,
    options,
    scratch: new Map(),
    secret(dependency) {
      const key = note(dependency);
      const known = secrets.get(key);
      if (known !== undefined) return known;
      const secret = brain.recall(dependency);
      if (secret === undefined || secret === null) {
        missing.set(key, dependency);
        return null;
      }
      // KV v1 answers a write with nothing, and there is nothing to wait for.
      if (dependency.kind === "write" && isEmpty(secret)) return null;
      const value = secretValue(secret);
      secrets.set(key, value);
      return value;
    },
    keys(path) {
      const dependency: Dependency = { kind: "list", path };
      const key = note(dependency);
      const keys = brain.list(path);
      if (keys === undefined) missing.set(key, dependency);
      return keys === undefined ? undefined : [...(keys ?? [])].sort();
    },
    file(path) {
      const dependency: Dependency = { kind: "file", path };
      const key = note(dependency);
      const content = readFile(host, path);
      if (content === undefined) missing.set(key, dependency);
      return content;
    },
    get used() {
      return [...used.values()];
    },
    get missing() {
      return [...missing.values()];
    },
  };
}

/** Runs the evaluation, and tells what it has asked for, however it ends. */
export function conclude(session: Session, evaluate: () => string): Execution {
  try {
    const output = encodeText(evaluate());
    return { output, used: session.used, missing: session.missing };
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    const { hint, message, phase } = error;
    throw new TemplateError(phase, message, { hint, asked: { used: session.used, missing: session.missing } });
  }
}

function isEmpty({ data, auth, wrapInfo }: VaultSecret): boolean {
  return data.reveal() === null && auth === null && wrapInfo === null;
}

/** What the host says against a file, as a folder or one outside of the sandbox, is the function's own failure. */
function readFile(host: TemplateHost, path: string): string | undefined {
  try {
    return host.readFile(path);
  } catch (error) {
    return fail(describe(error));
  }
}
