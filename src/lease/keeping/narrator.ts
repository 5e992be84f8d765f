/** Says what has happened to a credential, by looking at its state before and after; and keeps the time of each stage. */
import { ROTATION_STAGES, type RotationReason, type RotationStage } from "../../events.ts";
import type { Clock, Emit } from "../../ports.ts";
import { stillUsed } from "../escalation.ts";
import { sayMisfits } from "../misfits.ts";
import type { Outcome } from "../outcomes.ts";
import { endOf, expiryOf, finite, horizonOf } from "../schedule.ts";
import { allHeld, type Current, type Held, isRetiring, isSeen, type Policy, type State } from "../state.ts";
import { freeToAsk, REQUESTS } from "../trouble.ts";

export interface Narrator {
  tell(before: State, outcome: Outcome, after: State, policy: Policy): void;
  /** A read is about to be made, for this reason. */
  rotation(state: State, reason: RotationReason | "first" | null): void;
  lastError(): string | null;
}

type Times = Partial<Record<RotationStage | "begun", number>>;

export function createNarrator(deps: { path: string; clock: Clock; emit: Emit }): Narrator {
  const { path, clock, emit } = deps;
  /** When each stage of a rotation ended, by the number of the credential that it brought. */
  const times = new Map<number, Times>();
  let rotationSaid = 0;
  /** What the TTLs do not allow is said once. */
  const said = new Set<string>();
  let lastError: string | null = null;

  const by = (held: Held) => (held.user === null ? {} : { user: held.user });
  const mark = (id: number, stage: RotationStage | "begun") =>
    times.set(id, { ...times.get(id), [stage]: clock.now() });
  const warn = (code: string, message: string) => emit({ is: "warning", code, path, message });
  const warnOnce = (code: string, message: string) => {
    if (!said.has(code)) warn(code, message);
    said.add(code);
  };
  const failed = (error: string) => {
    lastError = error;
  };

  function tell(before: State, outcome: Outcome, after: State, policy: Policy): void {
    const now = clock.now();
    const held = "id" in outcome ? allHeld(before).find((one) => one.id === outcome.id) : undefined;
    // What was under way when it was lost, or left at the stop, comes back to nobody.
    if ("id" in outcome && held === undefined) return;
    switch (outcome.is) {
      case "read":
        lastError = null;
        mark(before.nextId, "read");
        break;
      case "verified":
        mark(outcome.id, "verify");
        break;
      case "published":
        mark(outcome.id, "publish");
        lastError = null;
        break;
      case "notified":
        mark(outcome.id, "notify");
        break;
      case "read failed":
        failed(outcome.error);
        if (after.stopping === null)
          emit({ is: "read failed", path, error: outcome.error, retryIn: after.read.retryAt - now });
        break;
      case "verification failed":
        failed(outcome.error);
        emit({
          is: "verification failed",
          path,
          ...by(held!),
          error: outcome.error,
          retryIn: after.candidate === null ? null : after.candidate.retryAt - now,
        });
        break;
      case "verification given up":
        warn(
          "unverified",
          "the candidate is published unverified: Postgres cannot be asked, and the time is running out",
        );
        break;
      case "horizon given up":
        warn("horizon", "it is published without its horizon: how long it can live at most is not known in time");
        break;
      case "publish failed":
        failed(outcome.error);
        emit({
          is: "publish failed",
          path,
          ...by(held!),
          error: outcome.error,
          retryIn: (after.candidate?.retryAt ?? now) - now,
        });
        break;
      case "notify failed":
        for (const failure of outcome.failures) {
          failed(failure.error);
          emit({
            is: "notify failed",
            path,
            ...failure,
            retryIn: after.current?.telling ? after.current.telling.retryAt - now : null,
          });
        }
        break;
      case "watch failed":
        failed(outcome.error);
        warn("postgres-watch", `the sessions cannot be seen: ${outcome.error}`);
        break;
      case "renewal failed": {
        if (outcome.verdict === "lost" && held!.expiry <= now) {
          sayExpired(held!, before, policy);
          break;
        }
        failed(outcome.error);
        const kept = allHeld(after).find((one) => one.id === outcome.id);
        const renewAt = Math.max(kept?.renewAt ?? now, freeToAsk(after.trouble, REQUESTS.renew, now));
        const retryIn = kept === undefined || !Number.isFinite(renewAt) ? null : renewAt - now;
        emit({
          is: "renewal failed",
          path,
          lease: held!.lease,
          ...by(held!),
          error: outcome.error,
          verdict: outcome.verdict,
          retryIn,
        });
        if (kept === undefined) emit({ is: "lost", path, lease: held!.lease, ...by(held!), reason: outcome.error });
        break;
      }
      case "release failed": {
        const kept = after.retiring.find((one) => one.id === outcome.id);
        emit({
          is: "release failed",
          path,
          lease: held!.lease,
          ...by(held!),
          error: outcome.error,
          retryIn: kept === undefined ? null : kept.retryAt - now,
        });
        break;
      }
      case "expired":
        if (held !== undefined) sayExpired(held, before, policy);
        break;
      case "token lost":
        for (const one of allHeld(before)) {
          if (one.token !== outcome.token || one.lease === "") continue;
          if (endsAsMeant(one, policy)) emit({ is: "released", path, lease: one.lease, ...by(one), by: "token" });
          else emit({ is: "lost", path, lease: one.lease, ...by(one), reason: "its token has ended" });
        }
        break;
      case "adopted":
        emit({
          is: "adopted",
          path,
          lease: outcome.grant.lease,
          ...(outcome.grant.user === null ? {} : { user: outcome.grant.user }),
          stage: outcome.stage,
        });
        break;
      case "clock jumped":
        if (after.jumpedAt !== before.jumpedAt)
          emit({ is: "clock jumped", path, ...by(before.current!), ahead: outcome.ahead });
        break;
      case "looked up": {
        const ahead = (allHeld(after).find((one) => one.id === outcome.id) ?? held!).expiry - held!.expiry;
        if (ahead > 0) emit({ is: "clock jump undone", path, ...by(held!), ahead });
        break;
      }
      case "not listening": {
        const [old] = stillUsed(before, now, policy);
        const { sessions = null } = old ?? {};
        emit({ is: "not listening", path, ...(old ? by(old) : {}), sessions, ends: old ? finite(endOf(old)) : null });
        break;
      }
      case "listening":
        emit({
          is: "listening again",
          path,
          ...(after.current ? by(after.current) : {}),
          took: now - (before.deafSince ?? now),
        });
        break;
      case "reminded":
        emit({ is: "reminded", path, ...by(held!), ends: finite(endOf(held!)) });
        break;
      case "attach failed":
        warn("postgres-attach", `${held!.user} cannot log in any more to end its own sessions later: ${outcome.error}`);
        break;
      case "released":
        finish(outcome.id, before);
        break;
      default:
        break;
    }
    sayMisfits({ path, state: after, policy, outcome, now }, warnOnce);
    sayHeard(before.current, after.current, outcome);
    sayDrained(before, after);
    forget(after);
  }

  /** What is read again and again without a lease is never released: its times go with it. */
  function forget(after: State): void {
    const alive = new Set(allHeld(after).map(({ id }) => id));
    for (const id of times.keys()) if (id < after.nextId && !alive.has(id)) times.delete(id);
  }

  function sayExpired(held: Held, before: State, policy: Policy): void {
    if (endsAsMeant(held, policy)) emit({ is: "released", path, lease: held.lease, ...by(held), by: "expiry" });
    else if (isRetiring(held))
      emit({
        is: "lost",
        path,
        lease: held.lease,
        ...by(held),
        reason: `it ended before it was drained, with ${held.sessions ?? "unknown"} sessions open`,
      });
    else emit({ is: "lost", path, lease: held.lease, ...by(held), reason: "it has expired" });
    finish(held.id, isRetiring(held) ? before : null);
  }

  function sayHeard(before: Current | null, after: Current | null, outcome: Outcome): void {
    if (after === null || after.heardAt === null || (before?.id === after.id && before.heardAt !== null)) return;
    mark(after.id, "confirm");
    emit({
      is: "confirmed",
      path,
      ...by(after),
      by: outcome.is === "notified" ? "notify" : "sessions",
      took: after.heardAt - after.publishedAt,
    });
  }

  function sayDrained(before: State, after: State): void {
    for (const one of after.retiring) {
      const was = before.retiring.find((other) => other.id === one.id);
      if (was?.step !== "drain" || one.step === "drain" || after.stopping?.release === "always") continue;
      if (after.current !== null) mark(after.current.id, "drain");
      emit({ is: "drained", path, ...by(one), took: clock.now() - one.replacedAt });
    }
  }

  /** A rotation is over when the one that it replaced is released. */
  function finish(id: number, before: State | null): void {
    times.delete(id);
    const current = before?.current;
    const stages = current && times.get(current.id);
    if (!current || !stages?.begun) return;
    mark(current.id, "release");
    const took: Partial<Record<RotationStage, number>> = {};
    let last = stages.begun;
    for (const stage of ROTATION_STAGES) {
      const at = times.get(current.id)?.[stage];
      if (at === undefined) continue;
      took[stage] = Math.max(0, at - last);
      last = Math.max(last, at);
    }
    times.set(current.id, {});
    emit({ is: "rotated", path, ...by(current), stages: took as Record<RotationStage, number> });
  }

  function rotation(state: State, reason: RotationReason | "first" | null): void {
    if (reason === "first" || reason === null || state.nextId === rotationSaid) return;
    rotationSaid = state.nextId;
    mark(state.nextId, "begun");
    const { current } = state;
    const times =
      current === null
        ? { expiry: clock.now(), horizon: null }
        : { expiry: expiryOf(current), horizon: finite(horizonOf(current)) };
    if (current !== null && reason === "valid until") {
      const early = Math.round((current.expiry - current.validUntil) / 1_000);
      warnOnce(
        "valid-until",
        `Postgres lets ${current.user} log in for ${early} s less than its lease lives, and it is replaced in time for that: ` +
          "let the role's renew_statements move VALID UNTIL (the default does), and compare the clocks of Vault and Postgres",
      );
    }
    emit({ is: "rotation due", path, ...(current === null ? {} : by(current)), reason, ...times });
  }

  return { tell, rotation, lastError: () => lastError };
}

// ---- internal ----

/** Where nobody can see its sessions, the replaced one is left to its end on purpose. */
function endsAsMeant(held: Held, policy: Policy): boolean {
  if (!isRetiring(held)) return false;
  return held.step !== "drain" || held.sessions === 0 || (held.sessions === null && !isSeen(held, policy));
}
