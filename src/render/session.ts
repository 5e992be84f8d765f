/** One evaluation of a template: what it asked for, what was not there, and what its functions remember. */
import { describe, TemplateError } from "../errors.ts";
import type { Ends, VaultSecret } from "../vault/secret.ts";
import { type Budget, createBudget } from "./budget.ts";
import { secretValue } from "./functions/secret-value.ts";
import { encodeText, joined } from "./go/text.ts";
import { fail, type Struct, type Value } from "./go/values.ts";
import {
  type Brain,
  type Dependency,
  dependencyKey,
  type Execution,
  type SideFile,
  type TemplateHost,
  type TemplateOptions,
  type Work,
} from "./template.ts";

export interface Session {
  readonly host: TemplateHost;
  readonly options: TemplateOptions;
  readonly budget: Budget;
  /** What `scratch` keeps. */
  readonly scratch: Map<string, Value>;
  /** The secret as templates see it; null, and noted as missing, when it is not there. */
  secret(dependency: Dependency): Struct | null;
  /** When that secret ends; undefined where it has no lease, and where it is not there, which is noted. */
  ends(dependency: Dependency): Ends | undefined;
  /** The keys, sorted; undefined, and noted as missing, when they are not known. */
  keys(path: string): readonly string[] | undefined;
  /** The content of a file; undefined, and noted as missing, when there is no such file. */
  file(path: string): string | undefined;
  /** What `make` gives, which is kept for the evaluations that come: chance would be another one each time. */
  once<T>(call: Call, make: () => T): T;
  /** The same for what takes its time: the evaluation ends here until it is there. */
  later<T>(call: Call, make: () => Promise<T>): T;
  /** Which secrets it has seen so far: another text for others. */
  seen(): string;
  /** Beside the output: `content` in place of what this evaluation wrote there before, or behind it. */
  write(file: SideFile, append: boolean): void;
  readonly used: readonly Dependency[];
  readonly missing: readonly Dependency[];
  readonly files: readonly SideFile[];
  /** The keys of what was asked for by `once` and `later`. */
  readonly made: ReadonlySet<string>;
}

/** Which call it is: the same result goes with the same name and arguments. */
export interface Call {
  readonly name: string;
  readonly args: readonly string[];
  /** Two calls in one evaluation have two results. */
  readonly each?: boolean;
  /** For how long it is good, in milliseconds. */
  readonly life?: number;
}

interface Asking {
  readonly dependency: Dependency;
  /** What templates see of the secret, which they may change. */
  value: Struct | undefined;
}

export function openSession(brain: Brain, host: TemplateHost, options: TemplateOptions): Session {
  const used = new Map<string, Asking>();
  const missing = new Map<string, Dependency>();
  const requests: string[] = [];
  const files = new Map<string, SideFile>();
  const made = new Set<string>();
  const calls = new Map<string, number>();

  /** Under its key, where it was asked for before. */
  function asking(key: string, dependency: Dependency): Asking {
    const known = used.get(key);
    if (known !== undefined) return known;
    const made = { dependency, value: undefined };
    used.set(key, made);
    return made;
  }

  function recall(dependency: Dependency, key: string): VaultSecret | null {
    const secret = brain.recall(dependency) ?? null;
    if (secret === null) missing.set(key, dependency);
    return secret;
  }

  function keyOf({ name, args, each = false }: Call): string {
    const call = `${name} ${JSON.stringify(args)}`;
    const count = calls.get(call) ?? 0;
    calls.set(call, count + 1);
    const key = each ? `${call} ${count}` : call;
    made.add(key);
    return key;
  }

  function until({ life = Number.POSITIVE_INFINITY }: Call): number {
    return host.now() + life;
  }

  return {
    host,
    options,
    budget: createBudget(),
    scratch: new Map(),
    secret(dependency) {
      const key = dependencyKey(dependency);
      const asked = asking(key, dependency);
      if (asked.value !== undefined) return asked.value;
      const secret = recall(dependency, key);
      if (secret === null) return null;
      requests.push(secret.requestId);
      // KV v1 answers a write with nothing, and there is nothing to wait for.
      if (dependency.kind === "write" && isEmpty(secret)) return null;
      asked.value = secretValue(secret);
      return asked.value;
    },
    ends(dependency) {
      const key = dependencyKey(dependency);
      asking(key, dependency);
      return recall(dependency, key)?.ends;
    },
    keys(path) {
      const dependency: Dependency = { kind: "list", path };
      const key = dependencyKey(dependency);
      asking(key, dependency);
      const keys = brain.list(path);
      if (keys === undefined) missing.set(key, dependency);
      return keys === undefined ? undefined : [...(keys ?? [])].sort();
    },
    file(path) {
      const dependency: Dependency = { kind: "file", path };
      const key = dependencyKey(dependency);
      asking(key, dependency);
      const content = readFile(host, path);
      if (content === undefined) missing.set(key, dependency);
      return content;
    },
    once<T>(call: Call, make: () => T): T {
      const key = keyOf(call);
      const known = host.made.recall(key, host.now());
      if (known !== undefined) return known.value as T;
      const value = make();
      host.made.keep(key, { value, until: until(call) });
      return value;
    },
    later<T>(call: Call, make: () => Promise<T>): T {
      const key = keyOf(call);
      const known = host.made.recall(key, host.now());
      if (known?.failure !== undefined) return fail(known.failure);
      if (known !== undefined) return known.value as T;
      const run = async () => {
        try {
          host.made.keep(key, { value: await make(), until: until(call) });
          return true;
        } catch (error) {
          host.made.keep(key, { value: undefined, failure: describe(error), until: host.now() + RETRY });
          return false;
        }
      };
      throw new Unfinished({ name: call.name, run });
    },
    seen: () => requests.join(" "),
    write(file, append) {
      const before = append ? files.get(file.path)?.content : undefined;
      files.set(file.path, { ...file, content: before ? joined(before, file.content) : file.content });
    },
    get used() {
      return [...used.values()].map(({ dependency }) => dependency);
    },
    get missing() {
      return [...missing.values()];
    },
    get files() {
      return [...files.values()];
    },
    made,
  };
}

/** Runs the evaluation, and tells what it has asked for, however it ends. */
export function conclude(session: Session, evaluate: () => string): Execution {
  try {
    const output = encodeText(evaluate());
    const { files, made, missing, used } = session;
    if (missing.length === 0) session.host.made.keepOnly(made);
    return { output, used, missing, files };
  } catch (error) {
    const { missing, used } = session;
    if (error instanceof Unfinished) {
      const { work } = error;
      const waits = [...missing, { kind: "work", path: work.name }] as const;
      return { output: new Uint8Array(), used, missing: waits, files: [], work };
    }
    if (!(error instanceof TemplateError)) throw error;
    throw new TemplateError(error.phase, error.message, {
      hint: error.hint,
      asked: { used, missing },
      excerpt: error.excerpt,
    });
  }
}

/** Ends an evaluation that has to wait for something that is under way. */
export class Unfinished extends Error {
  readonly work: Work;

  constructor(work: Work) {
    super(`${work.name} takes its time`);
    this.work = work;
  }
}

// ---- internal ----

/** What has failed, as a program or a look-up, is tried again after this. */
const RETRY = 15_000;

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
