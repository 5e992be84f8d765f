/**
 * From secrets to files: evaluates the templates against what is known, and writes those whose data is complete. All
 * files of one credential are evaluated before the first is written, and written before anybody is told.
 */
import { LesseeError } from "../errors.ts";
import type { Clock, Emit, Files, Notifier, Random } from "../ports.ts";
import {
  type Brain,
  type Dependency,
  dependencyKey,
  type Execution,
  type Template,
  type TemplateHost,
} from "../render/template.ts";
import type { TemplateStatus } from "../status.ts";
import type { VaultSecret } from "../vault/secret.ts";
import type { PublishRequest } from "./file.ts";
import { publishTogether, type Strategy } from "./together.ts";

export interface PublishedTemplate {
  /** For messages: the source's name, or the destination's. */
  readonly name: string;
  readonly template: Template;
  readonly target: FileTarget | VariableTarget;
  /** What is run once the file or variable has changed. */
  readonly command: Notifier | null;
  readonly host: TemplateHost;
}

export type FileTarget = Omit<PublishRequest, "content">;

/** A variable of the supervised application's environment. */
export interface VariableTarget {
  /** For messages: `$NAME`. */
  readonly destination: string;
  /** Tells whether it has changed. */
  assign(content: Uint8Array): boolean;
}

export interface PublisherDeps {
  readonly templates: readonly PublishedTemplate[];
  readonly brain: Brain;
  readonly files: Files;
  readonly random: Random;
  readonly clock: Clock;
  readonly emit: Emit;
  /** Replaces what is secret in an error's text. */
  redact(text: string): string;
}

export interface Outcome {
  readonly files: readonly string[];
  readonly commands: readonly Notifier[];
  readonly changed: boolean;
  /** A file changed that somebody may have read before. */
  readonly tell: boolean;
}

export type PublishAttempt =
  | ({ readonly is: "published" } & Outcome)
  | { readonly is: "waits"; readonly missing: readonly string[] }
  | { readonly is: "failed"; readonly error: unknown };

/** A template whose data is all there. */
interface Complete {
  readonly one: PublishedTemplate;
  readonly content: Uint8Array;
  readonly uses: readonly string[];
}

interface TemplateState {
  readonly renderedAt: number | null;
  readonly missing: readonly string[];
  readonly error: string | null;
  /** What its file was last written from. */
  readonly writtenFrom: readonly string[];
}

/** What the last evaluation of a template asked for, and what it was given. */
interface Evaluation {
  readonly wishes: readonly Dependency[];
  readonly keys: readonly string[];
  readonly given: readonly (VaultSecret | null | undefined)[];
}

const NEVER_RENDERED: TemplateState = { renderedAt: null, missing: [], error: null, writtenFrom: [] };

export interface Publisher {
  /** Everything that the templates ask for at this moment, known or not. */
  dependencies(): readonly Dependency[];
  /** Writes every template that uses `key`; with null, those that use no secret at all. */
  publish(key: string | null, strategy: Strategy): Promise<PublishAttempt>;
  /** The files of the templates that ask for `key`. */
  destinationsOf(key: string): readonly string[];
  /** Whether those files would stay as they are with this in the place of what is known under `key`. */
  reproduces(key: string, secret: VaultSecret): Promise<boolean>;
  status(): readonly TemplateStatus[];
}

export function createPublisher(deps: PublisherDeps): Publisher {
  const states = new Map<PublishedTemplate, TemplateState>(deps.templates.map((one) => [one, NEVER_RENDERED]));
  const evaluations = new Map<PublishedTemplate, Evaluation>();
  let queue: Promise<unknown> = Promise.resolve();

  function evaluate(one: PublishedTemplate): Execution {
    const state = states.get(one)!;
    evaluations.delete(one);
    try {
      const execution = one.template.execute(deps.brain, one.host);
      const wishes = [...execution.used, ...execution.missing];
      const given = wishes.map((dependency) => deps.brain.recall(dependency));
      evaluations.set(one, { wishes, keys: wishes.map(dependencyKey), given });
      states.set(one, { ...state, missing: execution.missing.map(dependencyKey), error: null });
      return execution;
    } catch (error) {
      const text = deps.redact(error instanceof Error ? error.message : String(error));
      if (state.error !== text)
        deps.emit({ is: "render failed", template: one.name, destination: one.target.destination, error: text });
      states.set(one, { ...state, error: text });
      throw new LesseeError("render", `${one.name}: ${text}`);
    }
  }

  /** The last evaluation, if another would ask for the same: of hundreds of templates a change concerns few. */
  function lastOf(one: PublishedTemplate): Evaluation | undefined {
    const last = evaluations.get(one);
    const holds = last?.wishes.every((wish, index) => isSecret(wish) && deps.brain.recall(wish) === last.given[index]);
    return holds ? last : undefined;
  }

  /** What a template asks for; one that fails asks for nothing that could help. */
  function wishes(one: PublishedTemplate): readonly Dependency[] {
    try {
      if (lastOf(one) === undefined) evaluate(one);
      return evaluations.get(one)!.wishes;
    } catch {
      return [];
    }
  }

  async function publish(key: string | null, strategy: Strategy): Promise<PublishAttempt> {
    const complete: Complete[] = [];
    const missing = new Set<string>();
    let heldUp = false;
    for (const one of deps.templates) {
      // What fails or waits holds up nothing but itself, unless its file still has what this publish replaces.
      const last = lastOf(one);
      if (last !== undefined && !concerns(key, last)) continue;
      const mustChange = key !== null && states.get(one)!.writtenFrom.includes(key);
      try {
        const execution = evaluate(one);
        const evaluation = evaluations.get(one)!;
        if (!concerns(key, evaluation)) continue;
        if (execution.missing.length === 0) complete.push({ one, content: execution.output, uses: evaluation.keys });
        else heldUp ||= mustChange;
        for (const name of execution.missing.map(dependencyKey)) missing.add(name);
      } catch (error) {
        if (mustChange) return { is: "failed", error };
      }
    }
    const waits: PublishAttempt = { is: "waits", missing: [...missing] };
    if (heldUp || (missing.size > 0 && complete.length === 0)) return waits;
    try {
      const outcome = await write(complete, strategy);
      // A credential is published with the first of its files; the others follow with what they wait for.
      return key === null && missing.size > 0 ? waits : { is: "published", ...outcome };
    } catch (error) {
      return { is: "failed", error };
    }
  }

  async function write(complete: readonly Complete[], strategy: Strategy): Promise<Outcome> {
    const existed = await Promise.all(complete.map(({ one }) => exists(one.target)));
    const requests = complete.flatMap(({ one, content }) => (isFile(one.target) ? [{ ...one.target, content }] : []));
    const results = await publishTogether(requests, strategy, deps);
    const written = new Map(requests.map(({ destination }, index) => [destination, results[index]?.changed === true]));
    const changed = complete.map(({ one, content }, index) => {
      const { target } = one;
      const changed = isFile(target) ? written.get(target.destination) === true : target.assign(content);
      states.set(one, { renderedAt: deps.clock.now(), missing: [], error: null, writtenFrom: complete[index]!.uses });
      deps.emit({ is: "rendered", template: one.name, destination: one.target.destination, changed });
      return changed;
    });
    return {
      files: requests.map(({ destination }) => destination),
      changed: changed.includes(true),
      commands: complete.flatMap(({ one }, index) => (changed[index] && one.command !== null ? [one.command] : [])),
      tell: complete.some(({ one }, index) => changed[index] && (existed[index] || one.command !== null)),
    };
  }

  async function exists(target: PublishedTemplate["target"]): Promise<boolean> {
    if (!isFile(target)) return false;
    return deps.files.stat(target.destination).then(
      () => true,
      () => false,
    );
  }

  function filesOf(key: string): readonly { readonly one: PublishedTemplate; readonly target: FileTarget }[] {
    return deps.templates.flatMap((one) =>
      isFile(one.target) && evaluations.get(one)?.keys.includes(key) ? [{ one, target: one.target }] : [],
    );
  }

  async function reproduces(key: string, secret: VaultSecret): Promise<boolean> {
    const brain: Brain = {
      ...deps.brain,
      recall: (dependency) => (dependencyKey(dependency) === key ? secret : deps.brain.recall(dependency)),
    };
    for (const { one, target } of filesOf(key)) {
      const { output, missing } = one.template.execute(brain, one.host);
      const written = await deps.files.readFile(target.destination);
      if (missing.length > 0 || Buffer.compare(output, written) !== 0) return false;
    }
    return true;
  }

  return {
    destinationsOf: (key) => filesOf(key).map(({ target }) => target.destination),
    reproduces: (key, secret) => reproduces(key, secret).catch(() => false),
    dependencies() {
      const found = new Map(
        deps.templates.flatMap(wishes).map((dependency) => [dependencyKey(dependency), dependency]),
      );
      return [...found.values()];
    },
    publish(key, strategy) {
      // One at a time: two credentials of one template must not write it at once.
      const turn = queue.then(() => publish(key, strategy));
      queue = turn;
      return turn;
    },
    status: () =>
      deps.templates.map((one) => {
        const { renderedAt, missing, error } = states.get(one)!;
        return { name: one.name, destination: one.target.destination, renderedAt, missing, error };
      }),
  };
}

/** A template that asks for this secret; with null, for none. */
function concerns(key: string | null, { keys, wishes }: Evaluation): boolean {
  return key === null ? !wishes.some(isSecret) : keys.includes(key);
}

function isFile(target: PublishedTemplate["target"]): target is FileTarget {
  return !("assign" in target);
}

/** Fetched from the server; a file is not, and its template waits for nobody else. */
function isSecret(dependency: Dependency): boolean {
  return dependency.kind !== "file";
}
