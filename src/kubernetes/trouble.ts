/** What of all that happens is worth an event on the pod: trouble that somebody who looks at the pod should see. Pure. */
import type { LesseeEvent } from "../events.ts";
import { formatDuration } from "../log/duration.ts";
import type { Status } from "../status.ts";

export interface Trouble {
  /** As `kubectl describe pod` shows it. */
  readonly reason: string;
  /** Whose, where it is a credential's: each is told of by itself. */
  readonly path?: string;
  readonly message: string;
}

export function troubleIn(event: LesseeEvent): Trouble | null {
  switch (event.is) {
    case "login failed":
      return { reason: "LoginFailing", message: `the login at ${event.mount} failed: ${event.error}` };
    case "read failed":
      return rotation(event.path, `no new credential could be read: ${event.error}`);
    case "verification failed":
      return rotation(event.path, `the new credential ${event.user ?? ""} was refused: ${event.error}`);
    case "publish failed":
      return rotation(event.path, `the new credential could not be written: ${event.error}`);
    case "notify failed":
      return deafness(event.path, `${event.target} failed: ${event.error}`);
    case "not listening":
      return deafness(event.path, `the application goes on with the old credential ${event.user ?? ""}`);
    case "lost":
      return {
        reason: "CredentialLost",
        path: event.path,
        message: `${event.path}: ${event.user ?? ""} ${event.reason}`,
      };
    default:
      return null;
  }
}

/** Credentials in use that end soon, without a successor in sight. */
export function nearDeadline({ credentials, now }: Pick<Status, "credentials" | "now">): readonly Trouble[] {
  return credentials.flatMap(({ path, current, lead, lastError }) => {
    if (current === null || current.lease === "") return [];
    const life = (current.horizon ?? current.expiry) - current.readAt;
    const left = current.expiry - now;
    // A rotation begins a lead before the end, or at half of a life that is too short for that.
    if (left >= Math.min(lead, life / 2) / 2) return [];
    const because = lastError === null ? "" : `: ${lastError}`;
    const when = left <= 0 ? "has ended" : `ends in ${formatDuration(left)}`;
    return [{ reason: "CredentialNearDeadline", path, message: `${path}: ${current.user ?? "it"} ${when}${because}` }];
  });
}

// ---- internal ----

function rotation(path: string, message: string): Trouble {
  return { reason: "RotationFailing", path, message: `${path}: ${message}` };
}

function deafness(path: string, message: string): Trouble {
  return { reason: "ApplicationNotListening", path, message: `${path}: ${message}` };
}
