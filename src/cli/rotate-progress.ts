/** How far a rotation has come, read from the status; and its stages as lines. Pure. */
import type { ControlEvents, RotationAnswer } from "../control/words.ts";
import { ahead } from "../health/relative.ts";
import { fieldsOf } from "../log/entry.ts";
import type { HeldStatus, Status } from "../status.ts";

export interface Progress {
  readonly path: string;
  readonly done: boolean;
  readonly text: string;
  /** When the budget lets it begin; null while it need not wait for that. */
  readonly budgetFreeAt: number | null;
}

/** `before` is whose credential was in use when it was asked for. */
export function progress(before: RotationAnswer["rotating"][number], status: Status): Progress {
  const { path } = before;
  const credential = status.credentials.find((one) => one.path === path);
  const stand = (done: boolean, text: string) => ({ path, done, text, budgetFreeAt: null });
  if (credential === undefined) return stand(true, "it is not held any more");
  const { budgetFreeAt, candidate, current, lastError, retiring } = credential;
  const failing = lastError === null ? "" : `; the last error: ${lastError}`;
  if (current === null || current.user === before.user) {
    if (candidate !== null) return stand(false, `${who(candidate)} is at the step ${candidate.step}${failing}`);
    return { ...stand(false, `no new credential yet${failing}`), budgetFreeAt };
  }
  const old = retiring.find((one) => one.user === before.user);
  const replaced = `${who(current)} has taken the place of ${before.user ?? "the old one"}`;
  if (old === undefined) return stand(true, replaced);
  if (current.heard === "not observed") {
    return stand(
      true,
      `${replaced}; nobody sees whether the application uses it, and the old one ends ${ends(old, status.now)}`,
    );
  }
  if (current.heard === "no") return stand(false, `${replaced}; the application has not taken it yet${failing}`);
  const sessions = old.sessions === null ? "" : ` with ${old.sessions} sessions`;
  return stand(false, `${replaced}; the old one is at the step ${old.step}${sessions}${failing}`);
}

/** As `12:00:03 verified user=v-new took=31ms`, with the time of day of the server's clock. */
export function stageLine({ at, event }: ControlEvents["events"][number]): string {
  const fields = Object.entries(fieldsOf(event, (ms) => new Date(ms).toISOString()))
    .filter(([name, value]) => value !== null && value !== undefined && name !== "path")
    .map(([name, value]) => `${name}=${typeof value === "object" ? JSON.stringify(value) : value}`);
  const path = "path" in event && event.path !== undefined ? ` ${event.path}` : "";
  return `${new Date(at).toISOString().slice(11, 19)}${path}: ${[event.is, ...fields].join(" ")}`;
}

function who(held: HeldStatus): string {
  return held.user ?? held.lease;
}

function ends(held: HeldStatus, now: number): string {
  return ahead(held.horizon ?? held.expiry, now);
}
