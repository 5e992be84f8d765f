/** Rendering without a server: the secrets come from a file. */
import { LesseeError } from "../errors.ts";
import { JsonNumber, type JsonValue, parseJson } from "../json.ts";
import { isObject, secretFrom } from "../vault/answer.ts";
import type { VaultSecret } from "../vault/secret.ts";
import { compileTemplate } from "./engine.ts";
import {
  type Brain,
  type Dependency,
  dependencyKey,
  type Execution,
  type Template,
  type TemplateHost,
  type TemplateOptions,
} from "./template.ts";

export interface OfflineTemplate {
  readonly engine: "go" | "handlebars";
  readonly source: string;
  readonly options: TemplateOptions;
}

/** The bytes of the template; throws a LesseeError that names every secret that the file lacks. */
export async function renderOffline(template: OfflineTemplate, brain: Brain, host: TemplateHost): Promise<Uint8Array> {
  const compiled = await compileTemplate(template.engine, template.source, template.options);
  const { files, missing, output } = await executeWhole(compiled, brain, host);
  for (const { path, content } of files) host.print(`${path}: not written here (${content.length} bytes)\n`);
  if (missing.length === 0) return output;
  throw new LesseeError("render-missing", `not to be had: ${missing.map(nameOf).join(", ")}`, {
    hint: "add it to the secrets file, under reads, lists or writes",
  });
}

/** Waits for whatever takes its time; what has failed is thrown by the evaluation after it. */
export async function executeWhole(template: Template, brain: Brain, host: TemplateHost): Promise<Execution> {
  for (;;) {
    const execution = template.execute(brain, host);
    if (execution.work === undefined) return execution;
    await execution.work.run();
  }
}

/**
 * The secrets of a file `{"reads": {path: answer}, "lists": {path: answer}, "writes": [{path, data, response}]}`, each
 * answer Vault's own, as an object or as JSON text. A path of `reads` may end in `?version=2`. Every lease was granted `now`.
 * Throws a LesseeError.
 */
export function offlineBrain(text: string, now: number): Brain {
  const file = parseFile(text);
  const secrets = new Map<string, VaultSecret>();
  for (const [key, answer] of entries(file.reads, "reads")) {
    const [path = "", version] = key.split("?version=");
    const dependency: Dependency = version === undefined ? { kind: "read", path } : { kind: "read", path, version };
    const secret = secretFrom(answerOf(answer, `reads[${JSON.stringify(key)}]`));
    secrets.set(dependencyKey(dependency), withEnds(secret, now));
  }
  for (const [i, write] of writesOf(file.writes).entries()) {
    const where = `writes[${i}]`;
    if (!isObject(write) || typeof write.path !== "string" || !isObject(write.data))
      throw fault(`${where} must have path, data and response`);
    const data = Object.fromEntries(Object.entries(write.data).map(([key, value]) => [key, plain(value)]));
    const secret = secretFrom(answerOf(write.response, `${where}.response`));
    for (const kind of ["write", "pki"] as const) secrets.set(dependencyKey({ kind, path: write.path, data }), secret);
  }
  const lists = new Map(
    entries(file.lists, "lists").map(([path, answer]) => [
      path,
      keysOf(answerOf(answer, `lists[${JSON.stringify(path)}]`)),
    ]),
  );
  return {
    recall: (dependency) => secrets.get(dependencyKey(dependency)),
    list: (path) => lists.get(path),
  };
}

/** What the max TTL of a lease is stands in no answer. */
function withEnds(secret: VaultSecret, now: number): VaultSecret {
  const { durationSeconds, id, renewable } = secret.lease;
  if (id === "") return secret;
  const expiry = now + durationSeconds * 1_000;
  return { ...secret, ends: { expiry, horizon: renewable ? null : expiry } };
}

function parseFile(text: string): { readonly [key: string]: JsonValue } {
  let file: JsonValue;
  try {
    file = parseJson(text);
  } catch (error) {
    throw fault((error as SyntaxError).message);
  }
  return isObject(file) ? file : fail("it must be an object");
}

function entries(value: JsonValue | undefined, name: string): [string, JsonValue][] {
  if (value === undefined) return [];
  return isObject(value) ? Object.entries(value) : fail(`${name} must be an object`);
}

function writesOf(value: JsonValue | undefined): JsonValue[] {
  if (value === undefined) return [];
  return Array.isArray(value) ? value : fail("writes must be a list");
}

function answerOf(value: JsonValue | undefined, where: string): { readonly [key: string]: JsonValue } {
  let answer = value;
  if (typeof answer === "string") {
    try {
      answer = parseJson(answer);
    } catch (error) {
      throw fault(`${where}: ${(error as SyntaxError).message}`);
    }
  }
  return isObject(answer) ? answer : fail(`${where} must be an object, or JSON text of one`);
}

function keysOf(answer: { readonly [key: string]: JsonValue }): readonly string[] {
  const data = isObject(answer.data) ? answer.data.keys : undefined;
  return Array.isArray(data) ? data.filter((key) => typeof key === "string") : [];
}

/** Arguments of a write are texts. */
function plain(value: JsonValue): unknown {
  return value instanceof JsonNumber ? value.text : value;
}

/** Without the data of a write, which may be secret. */
function nameOf(dependency: Dependency): string {
  return dependency.kind === "write" || dependency.kind === "pki"
    ? `vault.${dependency.kind}(${dependency.path})`
    : dependencyKey(dependency);
}

function fault(what: string): LesseeError {
  return new LesseeError("render-secrets", `the secrets file cannot be used: ${what}`);
}

function fail(what: string): never {
  throw fault(what);
}
