/** What templates make of what is known: evaluated when that has changed, and remembered until it does. */
import { LesseeError, TemplateError } from "../errors.ts";
import type { Emit } from "../ports.ts";
import {
  type Asked,
  type Brain,
  type Dependency,
  dependencyKey,
  type Execution,
  isSecret,
  type Template,
  type Work,
} from "../render/template.ts";
import type { VaultSecret } from "../vault/secret.ts";
import type { PublishedTemplate } from "./published-template.ts";

export interface EvaluationsDeps {
  readonly templates: readonly PublishedTemplate[];
  readonly brain: Brain;
  readonly emit: Emit;
  /** What an evaluation waited for is there, or has failed: another one will come further. */
  onWork(one: PublishedTemplate): void;
  /** Replaces what is secret in an error's text. */
  redact(text: string): string;
}

/** What the last evaluation of a template asked for, and what it was given. */
export interface Evaluation {
  readonly wishes: readonly Dependency[];
  readonly keys: readonly string[];
  readonly given: readonly (VaultSecret | null | undefined)[];
}

export interface Evaluations {
  /** Evaluates the template anew; throws a LesseeError where it fails. */
  evaluate(one: PublishedTemplate): Execution;
  /** The same with other secrets, which nothing is remembered of. */
  tryOut(one: PublishedTemplate, brain: Brain): Execution;
  /** The last evaluation, whatever has changed since. */
  last(one: PublishedTemplate): Evaluation | undefined;
  /** The last evaluation, if another would ask for the same: of hundreds of templates a change concerns few. */
  standing(one: PublishedTemplate): Evaluation | undefined;
  /** What a template asks for; one that fails, as far as it came. */
  wishes(one: PublishedTemplate): readonly Dependency[];
  /** What holds it up: keys of what is missing, or an error. */
  trouble(one: PublishedTemplate): Trouble;
  /** Some template may print what no renewal of a credential can pass; with a path, one that asks for what is there. */
  printsHorizon(path?: string): boolean;
  /** From now on this stands for the template: its source has changed. */
  replace(one: PublishedTemplate, template: Template): void;
}

export interface Trouble {
  readonly missing: readonly string[];
  readonly error: string | null;
}

const NOTHING: Asked = { used: [], missing: [] };
const NO_TROUBLE: Trouble = { missing: [], error: null };

export function createEvaluations({ templates, brain, emit, onWork, redact }: EvaluationsDeps): Evaluations {
  const compiled = new Map(templates.map((one) => [one, one.template]));
  const evaluations = new Map<PublishedTemplate, Evaluation>();
  const troubles = new Map<PublishedTemplate, Trouble>();
  const working = new Set<PublishedTemplate>();
  let printing = thoseThatPrint();

  function thoseThatPrint(): readonly PublishedTemplate[] {
    return templates.filter((one) => compiled.get(one)!.printsHorizon === true);
  }

  /** What has not been evaluated yet may ask for anything. */
  function asksFor(one: PublishedTemplate, path: string): boolean {
    const wishes = evaluations.get(one)?.wishes;
    return wishes === undefined || wishes.some((wish) => isSecret(wish) && wish.path === path);
  }

  function evaluate(one: PublishedTemplate): Execution {
    evaluations.delete(one);
    try {
      const execution = compiled.get(one)!.execute(brain, one.host);
      note(one, execution);
      if (execution.work !== undefined) begin(one, execution.work);
      troubles.set(one, { missing: execution.missing.map(dependencyKey), error: null });
      return execution;
    } catch (error) {
      const asked = error instanceof TemplateError ? error.asked : NOTHING;
      note(one, asked);
      // What fails while something is missing may fail for that alone: it waits as the others do.
      if (asked.missing.length > 0) {
        troubles.set(one, { missing: asked.missing.map(dependencyKey), error: null });
        return { output: new Uint8Array(), files: [], ...asked };
      }
      throw fails(one, error);
    }
  }

  /** One thing at a time for each template; whatever comes of it, the next evaluation sees it. */
  function begin(one: PublishedTemplate, work: Work): void {
    if (working.has(one)) return;
    working.add(one);
    void work.run().then(() => {
      working.delete(one);
      evaluations.delete(one);
      onWork(one);
    });
  }

  function note(one: PublishedTemplate, { used }: Asked): void {
    const given = used.map((dependency) => brain.recall(dependency));
    evaluations.set(one, { wishes: used, keys: used.map(dependencyKey), given });
  }

  function fails(one: PublishedTemplate, error: unknown): LesseeError {
    const text = redact(error instanceof Error ? error.message : String(error));
    if (trouble(one).error !== text)
      emit({ is: "render failed", template: one.name, destination: one.target.destination, error: text });
    troubles.set(one, { missing: [], error: text });
    return new LesseeError("render", `${one.name}: ${text}`);
  }

  function standing(one: PublishedTemplate): Evaluation | undefined {
    const last = evaluations.get(one);
    if (last === undefined) return undefined;
    // A plain loop, because every publish asks for every template.
    for (let index = 0; index < last.wishes.length; index++) {
      const wish = last.wishes[index]!;
      if (!isSecret(wish) || brain.recall(wish) !== last.given[index]) return undefined;
    }
    return last;
  }

  function trouble(one: PublishedTemplate): Trouble {
    return troubles.get(one) ?? NO_TROUBLE;
  }

  return {
    evaluate,
    tryOut: (one, other) => compiled.get(one)!.execute(other, one.host),
    last: (one) => evaluations.get(one),
    standing,
    wishes(one) {
      try {
        if (standing(one) === undefined) evaluate(one);
      } catch {
        // It is said, and what it has asked for is known even so.
      }
      return evaluations.get(one)!.wishes;
    },
    trouble,
    printsHorizon: (path) => printing.some((one) => path === undefined || asksFor(one, path)),
    replace(one, template) {
      compiled.set(one, template);
      printing = thoseThatPrint();
      evaluations.delete(one);
    },
  };
}
