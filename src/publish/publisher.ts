/**
 * From secrets to files: evaluates the templates against what is known, and writes those whose data is complete. All
 * files of one credential are evaluated before the first is written, and written before anybody is told.
 */
import { PublishError } from "../errors.ts";
import type { Clock, Emit, Files, Notifier, Random } from "../ports.ts";
import { type Brain, type Dependency, dependencyKey, isSecret } from "../render/template.ts";
import type { VaultSecret } from "../vault/secret.ts";
import { createEvaluations, type Evaluation } from "./evaluations.ts";
import { createFolders } from "./folders.ts";
import { createHistory } from "./history.ts";
import { createProgress, type Progress } from "./progress.ts";
import { type FileTarget, isFile, type PublishedTemplate, type Rendered, requestsOf } from "./published-template.ts";
import { observe, quietAt, type Unrest } from "./quiet.ts";
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
  /** For what is missing, or until then for the changes that may follow. */
  | { readonly is: "waits"; readonly missing: readonly string[]; readonly until?: number }
  | { readonly is: "failed"; readonly error: unknown };

/** A template whose data is all there. */
interface Complete extends Rendered {
  readonly evaluation: Evaluation;
}

export interface Publisher extends Progress {
  /** Everything that the templates ask for at this moment, known or not. */
  dependencies(): readonly Dependency[];
  /** Writes every template that uses `key`; at `by` also those that wait for more changes. */
  publish(key: string, strategy: Strategy, by: number): Promise<PublishAttempt>;
  /** Writes what has changed beside the secrets, of templates that use none or only such as are in use. */
  refresh(strategyOf: (secrets: readonly Dependency[]) => Strategy): Promise<PublishAttempt>;
  /** When `refresh` is wanted next: something is to be made anew, or has waited long enough; Infinity when nothing has. */
  refreshAt(): number;
  /** The files that templates read, and their sources. */
  reads(): readonly string[];
  /** One of these files has changed: `refresh` will see to it. Resolves to what is wrong with a source that is new. */
  reread(): Promise<readonly Mistake[]>;
  /** The files of the templates that ask for `key`. */
  destinationsOf(key: string): readonly string[];
  /** Whether those files would stay as they are with this in the place of what is known under `key`. */
  reproduces(key: string, secret: VaultSecret): Promise<boolean>;
  /** Some template may print what no renewal of a credential can pass; with a path, one that asks for what is there. */
  printsHorizon(path?: string): boolean;
}

/** The template goes on as it was. */
export interface Mistake {
  readonly template: string;
  readonly error: unknown;
}

export function createPublisher(deps: PublisherDeps): Publisher {
  const { brain, templates } = deps;
  const evaluations = createEvaluations({ ...deps, onWork });
  const history = createHistory(deps.clock, deps.inUse);
  const unrest = new Map<PublishedTemplate, Unrest>();
  /** Changed since they were written, by something else than a secret. */
  const stale = new Set(templates);
  /** Written by a publish that failed later: nobody has been told of these files yet. */
  const untold = new Set<string>();
  const turns = createTurns();
  const ports = { ...deps, folders: createFolders(deps.files) };

  function onWork(one: PublishedTemplate): void {
    stale.add(one);
    deps.onProgress();
  }

  /** Evaluates what a publish of `key` concerns. */
  function prepare(key: string, by: number): Prepared<readonly Complete[] | PublishAttempt> {
    const complete: Complete[] = [];
    const missing = new Set<string>();
    let heldUp = false;
    for (const one of templates) {
      // What fails or waits holds up nothing but itself, unless its file still has what this publish replaces.
      if (evaluations.standing(one)?.keys.includes(key) === false) continue;
      const mustChange = history.has(one, key);
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
    const until = Math.min(by, Math.max(...complete.map(quiet)));
    if (until > deps.clock.now()) return { prepared: { is: "waits", missing: [], until }, writes: [] };
    const writes = complete.flatMap(({ one, execution: { files } }) => [
      one.target.destination,
      ...files.map(({ path }) => path),
    ]);
    return { prepared: complete, writes };
  }

  async function publish(key: string, strategy: Strategy, by: number): Promise<PublishAttempt> {
    const work = async (prepared: readonly Complete[] | PublishAttempt) =>
      "is" in prepared ? prepared : attempt(() => write(prepared, strategy, key));
    // What replaces more than the one file that it writes has the folder for itself.
    return strategy === "rename"
      ? turns.beside(() => prepare(key, by), work)
      : turns.alone(() => work(prepare(key, by).prepared));
  }

  async function refresh(strategyOf: (secrets: readonly Dependency[]) => Strategy): Promise<PublishAttempt> {
    const complete: Complete[] = [];
    for (const one of templates) if (one.host.made.next() <= deps.clock.now()) stale.add(one);
    for (const one of stale) {
      try {
        const execution = evaluations.evaluate(one);
        const evaluation = evaluations.last(one)!;
        const settled = evaluation.wishes.every((wish) => !isSecret(wish) || deps.inUse(wish) === brain.recall(wish));
        const ready = { one, execution, evaluation };
        if (execution.missing.length === 0 && settled && quiet(ready) <= deps.clock.now()) complete.push(ready);
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

  /** When it may be written; the first time, and until all others were, at once. */
  function quiet({ one, evaluation }: Complete): number {
    if (one.wait === undefined || !templates.every((other) => history.at(other) !== null)) return 0;
    // Another's publish has written it.
    if (!stale.has(one) && history.isFrom(one, evaluation)) return 0;
    const now = observe(unrest.get(one), evaluation.given, deps.clock.now());
    unrest.set(one, now);
    return quietAt(now, one.wait);
  }

  /** When a template has waited long enough for more changes. */
  function quietNext(): number {
    const waiting = [...unrest].filter(([one]) => stale.has(one));
    return Math.min(...waiting.map(([one, change]) => quietAt(change, one.wait!)));
  }

  async function write(complete: readonly Complete[], strategy: Strategy, key: string | null): Promise<Outcome> {
    const existed = await Promise.all(complete.map(({ one }) => exists(one.target)));
    const requests = requestsOf(complete);
    const results = await publishTogether(requests, strategy, ports).catch((error: unknown) => {
      if (error instanceof PublishError) for (const destination of error.written) untold.add(destination);
      throw error;
    });
    const replaced = new Set<string>();
    for (const [index, { destination }] of requests.entries())
      if (untold.delete(destination) || results[index]?.changed) replaced.add(destination);
    const news = complete.map(({ one, execution, evaluation }, index) => {
      const { target } = one;
      const written = isFile(target) ? replaced.has(target.destination) : target.assign(execution.output);
      const changed = written || execution.files.some(({ path }) => replaced.has(path));
      if (changed) one.command?.owe();
      deps.emit({ is: "rendered", template: one.name, destination: target.destination, changed });
      const tell = changed && (existed[index] === true || one.command !== null);
      // It may have come into the file with another credential, whose publish told of that one only.
      const announced = key === null ? undefined : history.unannounced(one, key);
      history.note(one, evaluation, key, tell);
      stale.delete(one);
      unrest.delete(one);
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
    refreshAt: () => Math.min(quietNext(), ...templates.map(({ host }) => host.made.next())),
    reads: () => templates.flatMap((one) => [...filesReadBy(one), ...(one.source ? [one.source.path] : [])]),
    reread: () => turns.alone(reread),
    destinationsOf: (key) => filesOf(key).map(({ target }) => target.destination),
    reproduces: (key, secret) => reproduces(key, secret).catch(() => false),
    printsHorizon: evaluations.printsHorizon,
    ...createProgress(templates, evaluations, history, stale),
  };
}

async function attempt(write: () => Promise<Outcome>): Promise<PublishAttempt> {
  try {
    return { is: "published", ...(await write()) };
  } catch (error) {
    return { is: "failed", error };
  }
}
