/**
 * Keeps one path's credential alive: runs the lifecycle's three lanes, and tells the observers what happened. It
 * decides nothing; lifecycle.ts does.
 */
import type { Clock, DatabaseUser, Emit, Random } from "../../ports.ts";
import type { Dependency } from "../../render/template.ts";
import { Sensitive } from "../../sensitive.ts";
import type { CredentialStatus } from "../../status.ts";
import type { VaultSecret } from "../../vault/secret.ts";
import { advance } from "../advance.ts";
import { statusOf } from "../credential-status.ts";
import { decide, dueBecause } from "../lifecycle.ts";
import type { Action, Lane, Outcome } from "../outcomes.ts";
import { probePutOff, publishBy } from "../schedule.ts";
import { allHeld, type Held, isRetiring, NOTHING_YET, type Retiring, type State, type Stopping } from "../state.ts";
import { REQUESTS } from "../trouble.ts";
import type { ApplicationOperations, ApplicationOperationsDeps } from "./application-operations.ts";
import { createApplicationOperations } from "./application-operations.ts";
import { createPulse, runLane } from "./lane.ts";
import { createNarrator } from "./narrator.ts";
import { createReleaseOperations } from "./release.ts";
import { createVaultOperations, type VaultOperationsDeps } from "./vault-operations.ts";

export interface KeeperDeps
  extends Pick<VaultOperationsDeps, "client" | "tokens" | "rights" | "policy">,
    Pick<ApplicationOperationsDeps, "databases" | "notifiers" | "publish"> {
  readonly dependency: Dependency;
  /** As templates and the configuration name it. */
  readonly path: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly emit: Emit;
  /** Aborts when a stop has taken its time: nobody is waited for any more. */
  readonly outOfTime: AbortSignal;
  /** The application waits for the first of some credential, and for nothing that this one may do beside that. */
  isAwaited(): boolean;
  learn(secret: Sensitive<string>): void;
  /** Something changed that is worth keeping or showing. */
  onChange(): void;
}

/** A held lease with its data, as the state file keeps it. */
export interface HeldRecord {
  readonly held: Held;
  readonly secret: VaultSecret;
  readonly oids: readonly number[] | undefined;
  readonly publishedAt: number | null;
  readonly stage: "current" | "retiring";
}

export interface Keeper {
  readonly path: string;
  readonly dependency: Dependency;
  /** Runs until `stop` has come to its end. */
  run(): Promise<void>;
  take(outcome: Outcome): void;
  /** Takes up what an earlier process held; `oids` and data come with it. */
  adopt(record: HeldRecord, grant: Extract<Outcome, { is: "adopted" }>["grant"]): void;
  /** The secret that templates see: the candidate that may be published, else the current one. */
  secret(): VaultSecret | undefined;
  /** The current one's. */
  inUse(): VaultSecret | undefined;
  /** What is held at this moment, for the state file. */
  records(): readonly HeldRecord[];
  /** Numbers of the tokens that leases depend on. */
  parents(): readonly number[];
  isPublished(): boolean;
  /** Its first credential is on its way, without a failure so far. */
  isComing(): boolean;
  stop(stopping: Stopping): void;
  /** Leases that were left alive at the stop. */
  left(): number;
  status(): CredentialStatus;
  state(): State;
}

/** A clock that has jumped by more than this is not believed before the server is asked (rule M13). */
const JUMP = 30_000;

export function createKeeper(deps: KeeperDeps): Keeper {
  const { clock, path } = deps;
  const pulse = createPulse();
  const secrets = new Map<number, VaultSecret>();
  const stopSignal = new AbortController();
  const narrator = createNarrator({ path, clock, emit: deps.emit });
  let state: State = NOTHING_YET;
  let skippedBefore = clock.skipped?.() ?? 0;
  /** What was left alive on purpose at the stop, for the one that comes after us. */
  const left: HeldRecord[] = [];
  /** The application's at the stop: only drained on the way out, and still its own if there is no time for that. */
  let inUseAtStop: number | null = null;

  const remember = (id: number, secret: VaultSecret): string | null => {
    secrets.set(id, secret);
    for (const value of secretValues(secret)) deps.learn(value);
    return userIn(secret)?.username ?? null;
  };
  const vault = createVaultOperations({ ...deps, remember });
  const releases = createReleaseOperations(deps);
  const application: ApplicationOperations = createApplicationOperations({
    ...deps,
    userOf: (id) => userIn(secrets.get(id)),
    stopping: stopSignal.signal,
  });

  function apply(outcome: Outcome): void {
    const before = state;
    const now = clock.now();
    state = advance(state, outcome, now, deps.policy(), deps.random());
    if (outcome.is === "left") left.push(...recordsOf(before).filter(({ held }) => held.id === outcome.id));
    for (const { id, ends } of allHeld(state)) {
      const secret = secrets.get(id);
      // Another object: templates are evaluated anew with it.
      if (secret !== undefined && ends !== secret.ends)
        secrets.set(id, ends === undefined ? secret : { ...secret, ends });
    }
    // The secret of what is no longer held is forgotten.
    const alive = new Set(allHeld(state).map((held) => held.id));
    for (const [id, secret] of secrets) {
      if (alive.has(id) || id >= state.nextId) continue;
      application.forget(id, userIn(secret)?.username ?? null);
      secrets.delete(id);
    }
    narrator.tell(before, outcome, state, deps.policy());
    pulse.beat();
    deps.onChange();
  }

  function recordsOf(of: State): readonly HeldRecord[] {
    return allHeld(of)
      .filter((held) => held.lease !== "" && secrets.has(held.id) && !(isRetiring(held) && held.step !== "drain"))
      .map((held) => ({
        held,
        secret: secrets.get(held.id)!,
        oids: application.oidsOf(held.id),
        publishedAt: "publishedAt" in held ? (held.publishedAt as number | null) : null,
        stage: isInUse(held, of) ? "current" : "retiring",
      }));
  }

  /** A candidate is for the next sidecar to publish only where there is nothing else; otherwise it is one too many. */
  function isInUse(held: Held, of: State): boolean {
    if (isRetiring(held)) return held.id === inUseAtStop;
    return held === of.current || of.current === null;
  }

  function perform(action: Action): Promise<Outcome> {
    const held = "id" in action ? allHeld(state).find((one) => one.id === action.id) : undefined;
    if (state.trouble !== null && isRequest(action)) apply({ is: "asking", requests: REQUESTS[action.do] });
    switch (action.do) {
      case "read":
        apply({ is: "reading" });
        if (state.current?.lease !== "") narrator.rotation(state, dueBecause(state, clock.now(), deps.policy()));
        return readWithRoom();
      case "probe":
        return probe(held!);
      case "renew":
        return vault.renew(held!);
      case "look up":
        return vault.lookUp(held!);
      case "release":
        return releases.release(held as Retiring, state.stopping !== null);
      case "check release":
        return releases.checkRelease(held as Retiring, () => application.roleOf(held!, state.current));
      case "verify":
        return application.verify(held!);
      case "publish":
        return application.publish(held!, publishBy(state.current, deps.policy()));
      case "notify":
        return application.notify(state.current!, state.retiring.at(-1));
      case "watch":
        return application.watch(state);
      case "attach":
        return application.attach(held as Retiring);
      case "terminate":
        return application.terminate(state.retiring.find((one) => one.id === action.id)!, action.idleFor);
      default:
        throw new Error(`${action.do} is nothing to perform`);
    }
  }

  async function readWithRoom(): Promise<Outcome> {
    if (state.current !== null && state.current.lease !== "") await application.lookForRoom(state.current);
    return vault.read(state, stopSignal.signal);
  }

  async function probe(held: Held): Promise<Outcome> {
    const until = deps.policy().printsHorizon || !deps.isAwaited() ? null : probePutOff(held.readAt, clock.now());
    return until === null ? vault.probe(held) : { is: "probe put off", id: held.id, until };
  }

  function noticeJump(): void {
    clock.now();
    const skipped = clock.skipped?.() ?? 0;
    const ahead = skipped - skippedBefore;
    if (ahead <= JUMP) return;
    skippedBefore = skipped;
    apply({ is: "clock jumped", ahead });
  }

  const run = (lane: Lane) =>
    runLane<Action, Outcome>({
      clock,
      pulse,
      decide: () => {
        noticeJump();
        return decide(state, lane, clock.now(), deps.policy());
      },
      perform,
      apply,
    });

  return {
    path,
    dependency: deps.dependency,
    run: async () => {
      await Promise.all([run("issue"), run("keep"), run("apply")]);
      await deps.databases()?.close();
    },
    take: apply,
    adopt(record, grant) {
      remember(state.nextId, record.secret);
      if (record.oids !== undefined) application.knowOids(state.nextId, record.oids);
      apply({ is: "adopted", grant, stage: record.stage, publishedAt: record.publishedAt });
    },
    secret() {
      const ready = state.candidate?.step === "publish" ? state.candidate : state.current;
      return ready === null ? undefined : secrets.get(ready.id);
    },
    inUse: () => (state.current === null ? undefined : secrets.get(state.current.id)),
    records: () => [...recordsOf(state), ...left],
    parents: () =>
      allHeld(state)
        .filter((held) => held.lease !== "")
        .map((held) => held.token),
    isPublished: () => state.current !== null,
    isComing: () => state.current === null && (state.reading || state.candidate?.failures === 0),
    stop(stopping) {
      stopSignal.abort(new Error("stopping"));
      inUseAtStop = state.current?.id ?? null;
      if (stopping.release === "never") left.push(...recordsOf(state));
      apply({ is: "stop", stopping });
    },
    left: () => left.length,
    status: () => statusOf(path, state, deps.policy(), clock.now(), narrator.lastError()),
    state: () => state,
  };
}

// ---- internal ----

function isRequest(action: Action): action is Action & { do: keyof typeof REQUESTS } {
  return action.do in REQUESTS;
}

function userIn(secret: VaultSecret | undefined): DatabaseUser | null {
  const data = secret?.data.reveal();
  const { username, password } = data ?? {};
  if (typeof username !== "string" || typeof password !== "string") return null;
  return { username, password: new Sensitive(password) };
}

/** Every text of the data but the user's name, which is not secret and has to be seen in logs. */
function secretValues(secret: VaultSecret): readonly Sensitive<string>[] {
  const found: Sensitive<string>[] = [];
  const walk = (value: unknown, key: string) => {
    if (typeof value === "string" && key !== "username") found.push(new Sensitive(value));
    else if (Array.isArray(value)) for (const one of value) walk(one, key);
    else if (typeof value === "object" && value !== null)
      for (const [name, one] of Object.entries(value)) walk(one, name);
  };
  walk(secret.data.reveal(), "");
  return found;
}
