/** Everybody who wants to know what happens: log, metrics, timeline, and what the status remembers of it. */
import { type Fault, formatFault } from "../errors.ts";
import type { Log } from "../log/log.ts";
import type { Clock, Emit } from "../ports.ts";
import { createMetrics, type Metrics } from "./metrics.ts";
import { createTimeline, type Timeline } from "./timeline.ts";

export interface Observers {
  readonly emit: Emit;
  readonly timeline: Timeline;
  /** null where nobody can ask for them. */
  readonly metrics: Metrics | null;
  /** Each once, the first fifty. */
  warnings(): readonly string[];
  loginError(): string | null;
}

const MOST_WARNINGS = 50;
const TIMELINE_LENGTH = 200;

export async function createObservers(options: {
  readonly log: Log;
  readonly clock: Clock;
  readonly measured: boolean;
  readonly warnings: readonly Fault[];
}): Promise<Observers> {
  const { log } = options;
  const timeline = createTimeline(TIMELINE_LENGTH, options.clock);
  const metrics = options.measured ? await createMetrics() : null;
  const warnings = options.warnings.map(formatFault);
  let loginError: string | null = null;
  for (const warning of warnings) log.warn(warning);
  return {
    timeline,
    metrics,
    emit(event) {
      log.observe(event);
      timeline.observe(event);
      metrics?.observe(event);
      if (event.is === "warning" && warnings.length < MOST_WARNINGS && !warnings.includes(event.message))
        warnings.push(event.message);
      if (event.is === "login") loginError = null;
      if (event.is === "login failed") loginError = event.error;
    },
    warnings: () => warnings,
    loginError: () => loginError,
  };
}
