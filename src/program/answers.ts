/** Who may ask the agent how it is, and be answered: over the health port, and over the socket in the folder of its state. */
import type { AgentConfig } from "../config/types.ts";
import { startControl } from "../control/server.ts";
import { describe } from "../errors.ts";
import type { Observers } from "../health/observers.ts";
import { startHealth } from "../health/server.ts";
import type { Emit, World } from "../ports.ts";
import type { Status } from "../status.ts";
import type { Sidecar } from "./sidecar.ts";

export interface AnswersOptions {
  readonly config: Pick<AgentConfig, "exitAfterAuth" | "health">;
  readonly sidecar: Pick<Sidecar, "keepers" | "stateFolder"> | null;
  readonly observers: Pick<Observers, "metrics" | "timeline">;
  readonly world: Pick<World, "files" | "uid">;
  readonly emit: Emit;
  status(): Status;
  scrub(text: string): string;
}

export interface Answers {
  /** No rotation can be asked for any more. */
  stop(): Promise<void>;
  /** Probes are not answered any more either. */
  close(): Promise<void>;
}

/** What cannot be opened is a warning, and no reason not to start. */
export async function openAnswers(options: AnswersOptions): Promise<Answers> {
  const { config, emit, observers, scrub, sidecar, status, world } = options;
  const { metrics, timeline } = observers;
  const { address } = config.health;
  const health =
    metrics &&
    (await startHealth({ address, status, metrics, timeline, scrub }).catch((error) => {
      emit({ is: "warning", code: "health", message: describe(error) });
      return null;
    }));
  const folder = config.exitAfterAuth ? null : (sidecar?.stateFolder ?? null);
  const control =
    sidecar === null || folder === null
      ? null
      : await startControl({
          ...world,
          folder,
          status,
          events: timeline.since,
          rotate: sidecar.keepers.rotate,
          scrub,
        }).catch((error) => {
          emit({ is: "warning", code: "control", message: describe(error) });
          return null;
        });
  return {
    stop: async () => control?.stop(),
    close: async () => health?.stop(),
  };
}
