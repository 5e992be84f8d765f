/**
 * The parts of the sidecar, put together: keepers, the token under them, templates and hooks, and the memory of what is
 * held. They know each other only through what is handed to them here; each is asked only once all of them stand.
 */
import type { AuthMethod } from "../auth/method.ts";
import type { AgentConfig, AutoAuthConfig } from "../config/types.ts";
import { LesseeError } from "../errors.ts";
import { createKeeper, type Keeper } from "../lease/keeping/keeper.ts";
import { createKeepers, type Keepers } from "../lease/keeping/keepers.ts";
import { createPulse } from "../lease/keeping/lane.ts";
import { createRightsCheck } from "../lease/keeping/rights.ts";
import type { Tokens } from "../lease/keeping/tokens.ts";
import { recall, takeUp } from "../lease/memory/adoption.ts";
import { handOver } from "../lease/memory/hand-over.ts";
import { createHoldings } from "../lease/memory/holdings.ts";
import { createMemory } from "../lease/memory/memory.ts";
import type { Stopping } from "../lease/state.ts";
import type { Alarm, Emit, World } from "../ports.ts";
import type { Publisher } from "../publish/publisher.ts";
import { type Dependency, dependencyKey } from "../render/template.ts";
import type { Sensitive } from "../sensitive.ts";
import type { Supervisor } from "../supervise/supervisor.ts";
import { createRunCommand } from "../system/command.ts";
import { clientFor } from "../vault/certificates.ts";
import type { VaultConnection } from "../vault/connect.ts";
import { withMounts } from "../vault/mounts.ts";
import { vaultVariables } from "../vault/variables.ts";
import { createConsequences, type End } from "./consequences.ts";
import { createLocalChanges } from "./local-changes.ts";
import { createLogin } from "./login.ts";
import { openOwnState } from "./own-state.ts";
import { createSetup } from "./setup.ts";

export interface SidecarOptions {
  readonly config: AgentConfig;
  readonly autoAuth: AutoAuthConfig;
  readonly method: AuthMethod;
  readonly vault: Omit<VaultConnection, "approach">;
  readonly world: World;
  readonly emit: Emit;
  learn(secret: Sensitive<string>): void;
  redact(text: string): string;
  /** The application, where it is ours to run. */
  readonly application: Pick<Supervisor, "refresh" | "notifier"> | null;
  /** The agent has come to an end by itself. */
  onEnd(end: End): void;
}

export interface Sidecar {
  readonly keepers: Keepers;
  readonly tokens: Tokens;
  /** Aborts at the next change of what is held. */
  changed(): Alarm;
  publisher(): Publisher;
  /** Of the application; null while one of them has never been rendered. */
  variables(): Readonly<Record<string, string>> | null;
  /** The configuration as it was read last. */
  config(): AgentConfig;
  /** Takes up what an earlier one held, unless it is to stop first; then everything runs by itself from there. */
  start(stopping: AbortSignal): Promise<void>;
  /** Templates, policies and hooks of another configuration; rejects with a ConfigError, and nothing has changed then. */
  replace(config: AgentConfig): Promise<void>;
  /** Where its state lies; null where it has none. */
  readonly stateFolder: string | null;
  /** Leaves what is held to whoever comes next, for as long as it may take or as the job may run. */
  handOver(jobLifetime: number | null): Promise<void>;
  /**
   * Resolves to the number of leases that are still held, on purpose. So many others, `elsewhere`, were read with the
   * token by the agent's clients: it is left alive for them.
   */
  stop(stopping: Stopping, elsewhere: number): Promise<number>;
}

/** After the time to stop is over, for what was asked by then; whoever has not answered is not waited for. */
const LAST_ANSWERS = 3_000;

export async function createSidecar(options: SidecarOptions): Promise<Sidecar> {
  const { application, config, emit, learn, redact, world } = options;
  const { address, client, transport } = options.vault;
  const { clock, files, kill, pid, random, uid } = world;
  const secrets = withMounts(client);
  const outOfTime = new AbortController();

  const holdings = createHoldings();
  const keepers = createKeepers(keeperOf, holdings.forget);
  function keeperOf(dependency: Dependency): Keeper {
    const own = () => setup.credential(dependency);
    const keeper: Keeper = createKeeper({
      dependency,
      path: dependency.path,
      client: clientFor(dependency, secrets, certificates),
      tokens,
      rights,
      clock,
      random,
      emit,
      learn,
      outOfTime: outOfTime.signal,
      policy: () => own().policy,
      databases: () => own().databases,
      notifiers: () => own().notifiers,
      publish: async (by) => {
        // What is read is kept before it is published: a crash in between must not cost a user (rule W11).
        await memory.settled();
        return setup.publisher.publish(dependencyKey(dependency), own().config.publish, by);
      },
      isAwaited: () => keepers.isFetching(),
      onChange: () => changed(keeper),
    });
    return keeper;
  }
  const threshold = () => setup.config.templateConfig.leaseRenewalThreshold;
  const certificates = { files, clock, threshold, publisher: () => setup.publisher };
  const onOutput = (command: string, output: string) => emit({ is: "command output", command, output });
  const run = createRunCommand({ ...world, given: vaultVariables({ ...config.vault, address }), onOutput });
  const setupPorts = {
    world,
    notify: { clock, files, kill, transport: transport.send, run, pid, uid },
    brain: keepers.brain,
    inUse: keepers.inUse,
    onProgress: () => void local.publish(),
    emit,
    restart: application?.notifier ?? null,
    redact,
  };
  let setup = await createSetup(config, setupPorts);
  const { sinks, tokens } = await createLogin({
    ...options,
    client,
    setup: () => setup,
    onChange: keepers.take,
    onSinkWritten: () => consequences.follow(false),
  });
  const rights = createRightsCheck({ client, clock, emit, tokens, take: keepers.take });
  const place = await openOwnState(options);
  const memory = createMemory(place?.file ?? null, () => holdings.state(tokens.tokenOf), emit);
  const local = createLocalChanges({
    keepers,
    files,
    clock,
    random,
    emit,
    follows: !config.exitAfterAuth,
    setup: () => setup,
    onWritten: () => consequences.follow(true),
    onTold: () => consequences.follow(false),
  });
  const pulse = createPulse();
  const consequences = createConsequences({
    keepers,
    clock,
    exitAfterAuth: config.exitAfterAuth,
    application,
    config: () => setup.config,
    publisher: () => setup.publisher,
    sinksWritten: () => sinks.written,
    telling: () => local.telling(),
    onEnd: options.onEnd,
  });
  const takingUp = {
    client,
    tokens,
    clock,
    random,
    emit,
    keeperFor(dependency: Dependency) {
      keepers.ensure([dependency]);
      return keepers.get(dependencyKey(dependency))!;
    },
    policyFor: (dependency: Dependency) => setup.credential(dependency).policy,
    databasesFor: (dependency: Dependency) => setup.credential(dependency).databases,
  };
  let loggedIn: Promise<void> = Promise.resolve();
  /** All leases of an earlier one, where they could not be taken up before the stop; 1 where nobody knows how many. */
  let untouched = 0;
  /** Until all of what was kept is taken up it stays as it is: who is killed meanwhile is followed by another. */
  let keeps = false;

  /** What it holds is kept at once; what else follows waits for the others that change in the same turn. */
  function changed(keeper: Keeper): void {
    pulse.beat();
    const changes = holdings.update(keeper);
    tokens.setParents(holdings.parents());
    if (!config.exitAfterAuth) rights.check(holdings.parents());
    if (keeps && (changes.held || memory.isBehind())) memory.changed();
    consequences.follow(changes.secret);
  }

  return {
    keepers,
    tokens,
    changed: () => pulse.signal,
    publisher: () => setup.publisher,
    variables: () => setup.variables.complete(),
    config: () => setup.config,
    async start(stopping) {
      if (place !== null) {
        const kept = await recall(place.file, takingUp, stopping);
        untouched = kept === null ? 1 : await takeUp(kept, takingUp, stopping);
      }
      if (untouched > 0) return;
      keeps = true;
      memory.changed();
      keepers.start();
      loggedIn = tokens.run();
      await local.publish();
    },
    async replace(next) {
      if ((next.exec === undefined) !== (setup.config.exec === undefined))
        throw new LesseeError("config", "exec: whether lessee runs the application cannot be changed by a reload");
      const last = setup;
      setup = await createSetup(next, setupPorts);
      await last.close();
      keepers.take({ is: "reconnected" });
      keepers.take({ is: "templates changed" });
      await local.publish();
    },
    stateFolder: place?.folder ?? null,
    handOver: (jobLifetime) =>
      handOver(keepers.all(), {
        client,
        tokens,
        clock,
        emit,
        shared: place?.shared ?? false,
        jobLifetime,
        credential: (keeper) => setup.credential(keeper.dependency).config,
      }),
    async stop(stopping, elsewhere) {
      const inTime = new AbortController();
      void clock.sleep(stopping.until + LAST_ANSWERS, inTime.signal).then(() => {
        if (inTime.signal.aborted) return;
        outOfTime.abort(new Error("out of time"));
        transport.close();
      });
      rights.stop();
      await Promise.all([local.stop(), keepers.stop(stopping)]);
      tokens.stop();
      await loggedIn;
      const left = keepers.all().reduce((sum, keeper) => sum + keeper.left(), 0);
      const held = elsewhere + (untouched || left);
      if (held === 0) await tokens.revokeAll();
      inTime.abort();
      sinks.stop();
      await memory.settled();
      await Promise.all([place?.close(), setup.close()]);
      transport.close();
      return held;
    },
  };
}
