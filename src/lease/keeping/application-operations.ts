/** What the lifecycle asks of Postgres, of the files and of the application. Every failure becomes an outcome here. */
import { DatabaseError, describe, NotifyError } from "../../errors.ts";
import type { Clock, Databases, DatabaseUser, Emit, Notifier, RoleSessions } from "../../ports.ts";
import type { Outcome } from "../outcomes.ts";
import { ownedText } from "../owned.ts";
import { expiryOf } from "../schedule.ts";
import type { Current, Held, Retiring, State } from "../state.ts";

/** What came of writing the files of a credential. */
export type PublishResult =
  | {
      readonly is: "published";
      readonly files: readonly string[];
      readonly changed: boolean;
      /** Whether there is anything to tell: content changed that somebody may already have read. */
      readonly tell: boolean;
      /** The commands of the templates that changed. */
      readonly commands: readonly Notifier[];
    }
  /** Templates that need it need other secrets too, which are not there yet. */
  | { readonly is: "waits"; readonly missing: readonly string[]; readonly until?: number }
  | { readonly is: "failed"; readonly error: unknown };

export interface ApplicationOperationsDeps {
  readonly path: string;
  readonly clock: Clock;
  readonly emit: Emit;
  databases(): Databases | null;
  notifiers(): readonly Notifier[];
  /** By then at the latest, even if templates would wait for more changes. */
  publish(by: number): Promise<PublishResult>;
  userOf(id: number): DatabaseUser | null;
  /** Aborts when a stop begins: then no candidate is tried and nobody is told any more. */
  readonly stopping: AbortSignal;
  /** Aborts when a stop has taken its time. */
  readonly outOfTime: AbortSignal;
}

export interface ApplicationOperations {
  /** Before another user is made: whether there is room for its sessions. Said, and never in the way (rule M7). */
  lookForRoom(current: Held): Promise<void>;
  verify(held: Held): Promise<Outcome>;
  publish(held: Held, by: number): Promise<Outcome>;
  notify(current: Current, previous: Retiring | undefined): Promise<Outcome>;
  watch(state: State): Promise<Outcome>;
  /** Opens the old user's own connection, by which its sessions can be ended later (rule R8). */
  attach(held: Retiring): Promise<Outcome>;
  /** The sessions that have been idle for so long; with null all. */
  terminate(held: Retiring, idleFor: number | null): Promise<Outcome>;
  /** It is held no longer: what was open as its user is closed. */
  forget(id: number, user: string | null): void;
  /** What Postgres says of the user, asked as another; null where it cannot be asked. */
  roleOf(held: Held, as: Held | null): Promise<RoleSessions | null>;
  knowOids(id: number, oids: readonly number[]): void;
  oidsOf(id: number): readonly number[] | undefined;
}

/** A hook, a look or a login that takes longer is given up; its own timeouts are shorter. */
const PATIENCE = 60_000;
/** Nobody waits longer than this for what is only said. */
const ROOM_PATIENCE = 2_000;

export function createApplicationOperations(deps: ApplicationOperationsDeps): ApplicationOperations {
  const { clock, emit, path } = deps;
  const oids = new Map<number, readonly number[]>();
  /** Of the current notification: who has heard already, so that only the others are told again. */
  let told: { round: string; done: Set<Notifier> } = { round: "", done: new Set() };
  /** Of the last publish: what was written, and what is to be run for it. */
  let files: readonly string[] = [];
  let commands: readonly Notifier[] = [];
  let lastSeen = "";
  /** Why sessions could not be ended, as it was said. */
  let unended = "";
  /** It was looked for before the read, and need not be said again. */
  let roomSeen = false;
  const ownersSaid = new Set<number>();
  const patience = () => AbortSignal.any([AbortSignal.timeout(PATIENCE), deps.outOfTime]);
  const patienceUntilStop = () => AbortSignal.any([AbortSignal.timeout(PATIENCE), deps.stopping]);

  async function lookForRoom(current: Held): Promise<void> {
    const user = deps.userOf(current.id);
    try {
      const signal = AbortSignal.any([AbortSignal.timeout(ROOM_PATIENCE), deps.stopping]);
      const said = user === null ? undefined : await deps.databases()?.room(user, signal);
      for (const message of said ?? []) emit({ is: "warning", code: "postgres", path, message });
      roomSeen = said !== undefined;
    } catch {
      // The login of the new one looks again.
    }
  }

  async function verify(held: Held): Promise<Outcome> {
    const user = deps.userOf(held.id);
    const databases = deps.databases();
    if (user === null || databases === null) return { is: "verification given up", id: held.id };
    const started = clock.now();
    try {
      const seen = await databases.verify(user, patienceUntilStop());
      oids.set(held.id, seen.oids);
      const room = roomSeen ? [] : seen.room;
      roomSeen = false;
      for (const message of [...seen.warnings, ...room]) emit({ is: "warning", code: "postgres", path, message });
      emit({ is: "verified", path, user: user.username, took: clock.now() - started });
      return { is: "verified", id: held.id, validFor: seen.validFor, blind: seen.blind };
    } catch (error) {
      const blames = error instanceof DatabaseError ? error.blames : "server";
      return { is: "verification failed", id: held.id, blames, error: describe(error) };
    }
  }

  async function publish(held: Held, by: number): Promise<Outcome> {
    const started = clock.now();
    const result = await deps.publish(by);
    if (result.is === "waits")
      return { is: "publish waits", id: held.id, until: result.until ?? Number.POSITIVE_INFINITY };
    const user = held.user === null ? {} : { user: held.user };
    if (result.is === "failed") return { is: "publish failed", id: held.id, error: describe(result.error) };
    ({ files, commands } = result);
    // A secret without a lease is read again every few minutes; that nothing has changed is no news.
    if (held.lease !== "" || result.changed) {
      emit({ is: "published", path, ...user, files, verified: held.verified, took: clock.now() - started });
    }
    return { is: "published", id: held.id, tell: result.tell };
  }

  async function notify(current: Current, previous: Retiring | undefined): Promise<Outcome> {
    const round = `${current.id} ${current.reminders}`;
    if (told.round !== round) told = { round, done: new Set() };
    const change = {
      path,
      username: current.user ?? undefined,
      leaseId: current.lease,
      files,
      previousEnds: previous === undefined ? undefined : expiryOf(previous),
      again: current.reminders > 0,
    };
    let permanent = true;
    const failures: { kind: string; target: string; error: string }[] = [];
    for (const notifier of [...commands, ...deps.notifiers()]) {
      if (told.done.has(notifier)) continue;
      const started = clock.now();
      const { kind, target } = notifier;
      try {
        await notifier.notify(change, patienceUntilStop());
        told.done.add(notifier);
        emit({ is: "notified", path, kind, target, took: clock.now() - started });
      } catch (error) {
        permanent &&= error instanceof NotifyError && error.permanent;
        failures.push({ kind, target, error: describe(error) });
      }
    }
    return failures.length > 0
      ? { is: "notify failed", id: current.id, permanent, failures }
      : { is: "notified", id: current.id };
  }

  async function watch(state: State): Promise<Outcome> {
    const databases = deps.databases();
    const held = [state.current, ...state.retiring.filter((one) => one.step === "drain")].filter(
      (one) => one !== null && one.lease !== "",
    );
    const as = held.map((one) => deps.userOf(one!.id)).find((user) => user !== null);
    if (databases === null || as === undefined) return { is: "watch failed", error: "there is no user to ask as" };
    try {
      const roles = [];
      for (const one of held) {
        const user = deps.userOf(one!.id);
        if (user === null) continue;
        roles.push({ id: one!.id, username: user.username, oids: await oidsFor(one!.id, user, databases) });
      }
      const seen = await databases.sessions(as, roles, patience());
      const found = roles.flatMap(({ id, username }) => {
        const role = seen.find((one) => one.username === username);
        return role === undefined ? [] : [{ ...role, id, validFor: role.exists ? role.validFor : null }];
      });
      report(state, found);
      for (const { id, ...role } of found) sayOwned(id, role);
      return { is: "watched", roles: found };
    } catch (error) {
      return { is: "watch failed", error: describe(error) };
    }
  }

  async function oidsFor(id: number, user: DatabaseUser, databases: Databases): Promise<readonly number[]> {
    const known = oids.get(id);
    if (known !== undefined) return known;
    const seen = await databases.verify(user, patience());
    oids.set(id, seen.oids);
    return seen.oids;
  }

  /** Said when it changes, not at every look. */
  function report(state: State, found: readonly { id: number; sessions: number; exists: boolean }[]): void {
    const now = found.map(({ id, sessions, exists }) => `${id}:${sessions}:${exists}`).join(" ");
    if (now === lastSeen) return;
    lastSeen = now;
    const sessionsOf = (id: number | undefined) => found.find((one) => one.id === id)?.sessions ?? 0;
    const oldest = state.retiring.find((one) => one.step === "drain");
    emit({
      is: "sessions",
      path,
      ...(state.current?.user ? { user: state.current.user } : {}),
      newSessions: sessionsOf(state.current?.id),
      ...(oldest?.user ? { oldUser: oldest.user } : {}),
      oldSessions: sessionsOf(oldest?.id),
    });
    for (const one of found) {
      if (one.exists || one.sessions === 0) continue;
      const user = [state.current, ...state.retiring].find((held) => held?.id === one.id)?.user;
      emit({
        is: "warning",
        code: "role-vanished",
        path,
        message: `the role ${user} is gone from Postgres while ${one.sessions} of its sessions are open: they can do nothing any more`,
      });
    }
  }

  /** Once for each user; while it is in use there is time to mend it (rule M6). */
  function sayOwned(id: number, role: Pick<RoleSessions, "owned" | "ownedNames" | "username">): void {
    if (role.owned === 0 || ownersSaid.has(id)) return;
    ownersSaid.add(id);
    emit({ is: "warning", code: "owned-objects", path, message: ownedText(role) });
  }

  async function attach(held: Retiring): Promise<Outcome> {
    const user = deps.userOf(held.id);
    try {
      if (user !== null) await deps.databases()?.attach(user, patienceUntilStop());
      return { is: "attached", id: held.id };
    } catch (error) {
      return { is: "attach failed", id: held.id, error: describe(error) };
    }
  }

  async function terminate(held: Retiring, idleFor: number | null): Promise<Outcome> {
    const user = deps.userOf(held.id);
    const which = idleFor === null ? "all" : "idle";
    try {
      const sessions = user === null ? 0 : ((await deps.databases()?.terminate(user, idleFor, patience())) ?? 0);
      // Idle ones are looked for again and again.
      if (sessions > 0 || which === "all")
        emit({ is: "terminated", path, ...(held.user === null ? {} : { user: held.user }), which, sessions });
    } catch (error) {
      const message = `old sessions could not be ended: ${describe(error)}`;
      if (message !== unended) emit({ is: "warning", code: "postgres-terminate", path, message });
      unended = message;
    }
    return { is: "terminated", id: held.id, which };
  }

  async function roleOf(held: Held, as: Held | null): Promise<RoleSessions | null> {
    const databases = deps.databases();
    const user = as === null ? null : deps.userOf(as.id);
    const role = deps.userOf(held.id);
    if (databases === null || user === null || role === null) return null;
    try {
      const watched = { username: role.username, oids: oids.get(held.id) ?? [] };
      const [seen] = await databases.sessions(user, [watched], patience());
      return seen ?? null;
    } catch {
      return null;
    }
  }

  return {
    lookForRoom,
    verify,
    publish,
    notify,
    watch,
    attach,
    terminate,
    forget(id, user) {
      oids.delete(id);
      ownersSaid.delete(id);
      if (user !== null) void deps.databases()?.forget(user);
    },
    roleOf,
    knowOids: (id, known) => void oids.set(id, known),
    oidsOf: (id) => oids.get(id),
  };
}
