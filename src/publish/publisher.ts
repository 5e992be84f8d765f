/**
 * From secrets to files: evaluates the templates against what is known, and writes those whose data is complete. All
 * files of one credential are evaluated before the first is written, and written before anybody is told.
 */
import type { Clock, Emit, Files, Notifier, Random } from "../ports.ts";
import { type Brain, type Dependency, dependencyKey, type Execution, isSecret } from "../render/template.ts";
import type { TemplateStatus } from "../status.ts";
import type { VaultSecret } from "../vault/secret.ts";
import { createEvaluations, type Evaluation } from "./evaluations.ts";
import type { PublishRequest } from "./file.ts";
import type { FileTarget, PublishedTemplate } from "./published-template.ts";
import { publishTogether, type Strategy } from "./together.ts";
import { createTurns, type Prepared } from "./turns.ts";

export interface PublisherDeps {
  readonly templates: readonly PublishedTemplate[];
  readonly brain: Brain;
  /** What is in use of a secret: not a candidate, whose publish is its own affair. */
  inUse(dependency: Dependency): VaultSecret | undefined;
  readonly files: Files;
  readonly random: Random;
  readonly clock: Clock;
  readonly emit: Emit;
  /** Replaces what is secret in an error's text. */
  redact(text: string): string;
  /** Something that a template waits for beside secrets is there, or will be out of date: `refresh` is wanted. */
  onProgress(): void;
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
  readonly execution: Execution;
  readonly evaluation: Evaluation;
}

/** What was last written of a template. */
interface Written {
  readonly at: number;
  /** Keys of what it was written from. */
  readonly from: ReadonlySet<string>;
  /** Candidates that were written by the publish of another one, and whether that had anybody to tell. */
  readonly unannounced: ReadonlyMap<string, boolean>;
}

export interface Publisher {
  /** Everything that the templates ask for at this moment, known or not. */
  dependencies(): readonly Dependency[];
  /** Writes every template that uses `key`. */
  publish(key: string, strategy: Strategy): Promise<PublishAttempt>;
  /** Writes what has changed beside the secrets, of templates that use none or only such as are in use. */
  refresh(strategyOf: (secrets: readonly Dependency[]) => Strategy): Promise<PublishAttempt>;
  /** When something that functions have made is to be made anew, by a `refresh`; Infinity when nothing is. */
  outdatedAt(): number;
  /** The files that templates read, and their sources. */
  reads(): readonly string[];
  /** One of these files has changed: `refresh` will see to it. Resolves to what is wrong with a source that is new. */
  reread(): Promise<readonly Mistake[]>;
  /** The files of the templates that ask for `key`. */
  destinationsOf(key: string): readonly string[];
  /** Whether those files would stay as they are with this in the place of what is known under `key`. */
  reproduces(key: string, secret: VaultSecret): Promise<boolean>;
  status(): readonly TemplateStatus[];
}

/** The template goes on as it was. */
export interface Mistake {
  readonly template: string;
  readonly error: unknown;
}

export function createPublisher(deps: PublisherDeps): Publisher {
  const { brain, templates } = deps;
  const evaluations = createEvaluations({ ...deps, onWork });
  const lastWritten = new Map<PublishedTemplate, Written>();
  /** Changed since they were written, by something else than a secret. */
  const stale = new Set(templates);
  const turns = createTurns();

  function onWork(one: PublishedTemplate): void {
    stale.add(one);
    deps.onProgress();
  }

  /** Evaluates what a publish of `key` concerns. */
  function prepare(key: string): Prepared<readonly Complete[] | PublishAttempt> {
    const complete: Complete[] = [];
    const missing = new Set<string>();
    let heldUp = false;
    for (const one of templates) {
      // What fails or waits holds up nothing but itself, unless its file still has what this publish replaces.
      if (evaluations.standing(one)?.keys.includes(key) === false) continue;
      const mustChange = lastWritten.get(one)?.from.has(key) === true;
      try {
        const execution = evaluations.evaluate(one);
        const evaluation = evaluations.last(one)!;
        if (!evaluation.keys.includes(key)) continue;
        if (execution.missing.length === 0) complete.push({ one, execution, evaluation });
        else heldUp ||= mustChange;
        for (const name of execution.missing.map(dependencyKey)) missing.add(name);
      } catch (error) {
        if (mustChange) return { prepared: { is: "failed", error }, writes: [] };
      }
    }
    // A credential is published with the first of its files; the others follow with what they wait for.
    if (heldUp || (missing.size > 0 && complete.length === 0))
      return { prepared: { is: "waits", missing: [...missing] }, writes: [] };
    const writes = complete.flatMap(({ one, execution: { files } }) => [
      one.target.destination,
      ...files.map(({ path }) => path),
    ]);
    return { prepared: complete, writes };
  }

  async function publish(key: string, strategy: Strategy): Promise<PublishAttempt> {
    const work = async (prepared: readonly Complete[] | PublishAttempt) =>
      "is" in prepared ? prepared : attempt(() => write(prepared, strategy, key));
    // What replaces more than the one file that it writes has the folder for itself.
    return strategy === "rename"
      ? turns.beside(() => prepare(key), work)
      : turns.alone(() => work(prepare(key).prepared));
  }

  async function refresh(strategyOf: (secrets: readonly Dependency[]) => Strategy): Promise<PublishAttempt> {
    const complete: Complete[] = [];
    for (const one of templates) if (one.host.made.next() <= deps.clock.now()) stale.add(one);
    for (const one of stale) {
      try {
        const execution = evaluations.evaluate(one);
        const evaluation = evaluations.last(one)!;
        const settled = evaluation.wishes.every((wish) => !isSecret(wish) || deps.inUse(wish) === brain.recall(wish));
        if (execution.missing.length === 0 && settled) complete.push({ one, execution, evaluation });
      } catch {
        // It is said, and tried again when something has changed.
      }
    }
    const groups = Map.groupBy(complete, ({ evaluation }) => strategyOf(evaluation.wishes.filter(isSecret)));
    return attempt(async () => {
      const outcomes: Outcome[] = [];
      for (const [strategy, group] of groups) outcomes.push(await write(group, strategy, null));
      return {
        files: outcomes.flatMap(({ files }) => files),
        commands: outcomes.flatMap(({ commands }) => commands),
        changed: outcomes.some(({ changed }) => changed),
        tell: outcomes.some(({ tell }) => tell),
      };
    });
  }

  async function write(complete: readonly Complete[], strategy: Strategy, key: string | null): Promise<Outcome> {
    const existed = await Promise.all(complete.map(({ one }) => exists(one.target)));
    const requests = requestsOf(complete);
    const results = await publishTogether(requests, strategy, deps);
    const replaced = new Set(
      requests.filter((_, index) => results[index]?.changed).map(({ destination }) => destination),
    );
    const news = complete.map(({ one, execution, evaluation }, index) => {
      const { target } = one;
      const written = isFile(target) ? replaced.has(target.destination) : target.assign(execution.output);
      const changed = written || execution.files.some(({ path }) => replaced.has(path));
      if (changed) one.command?.owe();
      deps.emit({ is: "rendered", template: one.name, destination: target.destination, changed });
      const tell = changed && (existed[index] === true || one.command !== null);
      // It may have come into the file with another credential, whose publish told of that one only.
      const announced = key === null ? undefined : lastWritten.get(one)?.unannounced.get(key);
      note(one, evaluation, key, tell);
      return { one, changed: changed || announced !== undefined, tell: tell || announced === true };
    });
    if (complete.some(({ one }) => Number.isFinite(one.host.made.next()))) deps.onProgress();
    return {
      files: requests.map(({ destination }) => destination),
      changed: news.some(({ changed }) => changed),
      commands: [
        ...new Set(news.flatMap(({ one, changed }) => (changed && one.command !== null ? [one.command] : []))),
      ],
      tell: news.some(({ tell }) => tell),
    };
  }

  function note(one: PublishedTemplate, evaluation: Evaluation, key: string | null, tell: boolean): void {
    const before = lastWritten.get(one);
    const { given, keys, wishes } = evaluation;
    const unannounced = new Map<string, boolean>();
    for (const [index, wish] of wishes.entries()) {
      const name = keys[index]!;
      if (name === key || !isSecret(wish) || deps.inUse(wish) === given[index]) continue;
      unannounced.set(name, before?.unannounced.get(name) === true || tell);
    }
    lastWritten.set(one, { at: deps.clock.now(), from: new Set(keys), unannounced });
    stale.delete(one);
  }

  const exists = async (target: PublishedTemplate["target"]) =>
    isFile(target) && (await deps.files.stat(target.destination).catch(() => null)) !== null;

  function filesOf(key: string): readonly { readonly one: PublishedTemplate; readonly target: FileTarget }[] {
    return templates.flatMap((one) =>
      isFile(one.target) && evaluations.last(one)?.keys.includes(key) ? [{ one, target: one.target }] : [],
    );
  }

  async function reproduces(key: string, secret: VaultSecret): Promise<boolean> {
    const other: Brain = {
      ...brain,
      recall: (dependency) => (dependencyKey(dependency) === key ? secret : brain.recall(dependency)),
    };
    for (const { one, target } of filesOf(key)) {
      const { output, missing } = evaluations.tryOut(one, other);
      if (missing.length > 0 || Buffer.compare(output, await deps.files.readFile(target.destination)) !== 0)
        return false;
    }
    return true;
  }

  function filesReadBy(one: PublishedTemplate): readonly string[] {
    const wishes = evaluations.last(one)?.wishes ?? [];
    // What it writes itself is no news.
    return wishes.flatMap((wish) => (wish.kind === "file" && wish.path !== one.target.destination ? [wish.path] : []));
  }

  async function reread(): Promise<readonly Mistake[]> {
    const mistakes: Mistake[] = [];
    for (const one of templates) {
      if (filesReadBy(one).length > 0) stale.add(one);
      try {
        const template = await one.source?.reread();
        if (!template) continue;
        evaluations.replace(one, template);
        stale.add(one);
      } catch (error) {
        mistakes.push({ template: one.name, error });
      }
    }
    return mistakes;
  }

  return {
    dependencies() {
      const found = templates.flatMap(evaluations.wishes);
      return [...new Map(found.map((dependency) => [dependencyKey(dependency), dependency])).values()];
    },
    publish,
    refresh: (strategyOf) => turns.alone(() => refresh(strategyOf)),
    outdatedAt: () => Math.min(...templates.map(({ host }) => host.made.next())),
    reads: () => templates.flatMap((one) => [...filesReadBy(one), ...(one.source ? [one.source.path] : [])]),
    reread: () => turns.alone(reread),
    destinationsOf: (key) => filesOf(key).map(({ target }) => target.destination),
    reproduces: (key, secret) => reproduces(key, secret).catch(() => false),
    status: () =>
      templates.map((one) => ({
        name: one.name,
        destination: one.target.destination,
        renderedAt: lastWritten.get(one)?.at ?? null,
        ...evaluations.trouble(one),
      })),
  };
}

/** The templates' own files and those beside them; of two with the same destination the last one. */
function requestsOf(complete: readonly Complete[]): readonly PublishRequest[] {
  const requests = complete.flatMap(({ one: { target }, execution: { output, files } }) => [
    ...(isFile(target) ? [{ ...target, content: output }] : []),
    ...files.map(({ path, user, group, perms, content }) => ({
      destination: path,
      content,
      createDestDirs: true,
      perms,
      ...(user !== "" && { user }),
      ...(group !== "" && { group }),
      backup: false,
    })),
  ]);
  return [...new Map(requests.map((request) => [request.destination, request])).values()];
}

async function attempt(write: () => Promise<Outcome>): Promise<PublishAttempt> {
  try {
    return { is: "published", ...(await write()) };
  } catch (error) {
    return { is: "failed", error };
  }
}

function isFile(target: PublishedTemplate["target"]): target is FileTarget {
  return !("assign" in target);
}
