/** How far the templates have come: written, failing, waiting, or as they would be written now. */
import type { TemplateStatus } from "../status.ts";
import type { Evaluations } from "./evaluations.ts";
import type { History } from "./history.ts";
import type { PublishedTemplate } from "./published-template.ts";

export interface Progress {
  /** Every template was written, or fails without being fatal. */
  isComplete(): boolean;
  /** Some template was written. */
  hasBegun(): boolean;
  /** Every template is written as it would be now. */
  isSettled(): boolean;
  /** What a template says that has never been written, fails and is fatal; null where there is none. */
  fatality(): string | null;
  status(): readonly TemplateStatus[];
}

/** `stale` has changed since it was written, by something else than a secret. */
export function createProgress(
  templates: readonly PublishedTemplate[],
  evaluations: Evaluations,
  history: History,
  stale: ReadonlySet<PublishedTemplate>,
): Progress {
  const fails = (one: PublishedTemplate) => evaluations.trouble(one).error !== null;

  function isSettled(one: PublishedTemplate): boolean {
    const last = evaluations.last(one);
    const isHeldUp = fails(one) || evaluations.trouble(one).missing.length > 0;
    return !stale.has(one) && !isHeldUp && last !== undefined && history.isFrom(one, last);
  }

  return {
    isComplete: () => templates.every((one) => history.at(one) !== null || (fails(one) && !one.fatal)),
    hasBegun: () => templates.some((one) => history.at(one) !== null),
    isSettled: () => templates.every(isSettled),
    fatality() {
      const one = templates.find((one) => one.fatal && fails(one) && history.at(one) === null);
      return one === undefined ? null : `${one.name}: ${evaluations.trouble(one).error}`;
    },
    status: () =>
      templates.map((one) => ({
        name: one.name,
        destination: one.target.destination,
        renderedAt: history.at(one),
        ...evaluations.trouble(one),
      })),
  };
}
