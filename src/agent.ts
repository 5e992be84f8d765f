/**
 * The whole program, in the order of things: connect, prepare what the configuration says, take up what was left, log
 * in, fetch what the templates ask for, publish it, keep it alive, answer for it, and give it back on the way out.
 */
import { parseAuthMethod } from "./auth/methods.ts";
import { createSinks } from "./auth/sinks.ts";
import { watchFiles } from "./auth/watch.ts";
import { createRunCommand } from "./command.ts";
import type { AgentConfig } from "./config/types.ts";
import { describe, type Fault, LesseeError } from "./errors.ts";
import { assembleStatus } from "./health/assemble.ts";
import { createObservers } from "./health/observers.ts";
import { startHealth } from "./health/server.ts";
import { adopt, handOver } from "./lease/adoption.ts";
import { createKeeper } from "./lease/keeper.ts";
import { createKeepers } from "./lease/keepers.ts";
import { createMemory } from "./lease/memory.ts";
import { jitterOf } from "./lease/policy.ts";
import { saved } from "./lease/state-file.ts";
import { openState } from "./lease/state-place.ts";
import { createTokens } from "./lease/tokens.ts";
import type { Log } from "./log/log.ts";
import type { Scrubber } from "./log/scrub.ts";
import type { World } from "./ports.ts";
import { publishFile } from "./publish/file.ts";
import type { Strategy } from "./publish/together.ts";
import { dependencyKey } from "./render/template.ts";
import { createSetup } from "./setup.ts";
import type { Status } from "./status.ts";
import { openVault } from "./vault/connect.ts";

export interface AgentOptions {
  readonly config: AgentConfig;
  readonly warnings: readonly Fault[];
  readonly version: string;
  readonly world: World;
  readonly log: Log;
  readonly scrubber: Scrubber;
  /** Aborts at the first signal to stop; the reason is the signal's name. */
  readonly stop: AbortSignal;
  /** Calls back whenever the configuration is to be read anew; the answer unsubscribes. */
  onReload(reload: () => void): () => void;
  /** Rejects with a ConfigError. */
  readConfig(): Promise<AgentConfig>;
}

/** Why the agent ends, and with which exit code. */
interface End {
  readonly code: number;
  readonly reason: string;
}

/** Tries at the start, with nothing published yet, after which `exit_on_retry_failure` ends the agent. */
const TRIES_AT_START = 12;

/** Resolves to the exit code. Rejects with a LesseeError where a start is impossible. */
export async function runAgent(options: AgentOptions): Promise<number> {
  const { config, log, scrubber, version, world } = options;
  const { clock, env, files, random } = world;
  const startedAt = clock.now();
  const { autoAuth } = config;
  if (autoAuth === undefined)
    throw new LesseeError("config", "there is no auto_auth block: without a login there is nothing to keep");

  const observers = await createObservers({
    log,
    clock,
    measured: config.health.address !== "",
    warnings: options.warnings,
  });
  const { emit } = observers;
  emit({ is: "started", version, pid: world.pid });

  // Connect.
  const { address, client, namespace, transport } = await openVault(
    config.vault,
    autoAuth.method.namespace,
    world,
    emit,
  );
  const method = parseAuthMethod(autoAuth.method.type, autoAuth.method.config);

  // Prepare. Keepers, tokens and setup know each other; each is only asked once all of them stand.
  const run = createRunCommand({ ...world, env: { ...env, VAULT_ADDR: address } });
  const keepers = createKeepers((dependency) =>
    createKeeper({
      dependency,
      path: "path" in dependency ? dependency.path : dependencyKey(dependency),
      client,
      tokens,
      clock,
      random,
      emit,
      policy: () => setup.credential(dependency).policy,
      databases: () => setup.credential(dependency).databases,
      notifiers: () => setup.credential(dependency).notifiers,
      publish: async () => {
        // What is read is kept before it is published: a crash in between must not cost a user (rule W11).
        await memory.settled();
        return setup.publisher.publish(dependencyKey(dependency), setup.credential(dependency).config.publish);
      },
      learn: scrubber.learn,
      onChange: changed,
    }),
  );
  const setupPorts = {
    world,
    notify: { clock, files, kill: world.kill, transport: transport.send, run, pid: world.pid, uid: world.uid },
    brain: keepers.brain,
    emit,
    redact: scrubber.scrub,
  };
  let setup = await createSetup(config, setupPorts);
  const end = Promise.withResolvers<End>();
  const sinks = createSinks({
    sinks: autoAuth.sinks,
    clock,
    random,
    emit,
    write: (request) => publishFile(request, { files, random }),
    onWritten: changed,
  });
  const tokens = createTokens({
    client,
    method,
    methodName: autoAuth.method.type,
    mountPath: autoAuth.method.mountPath,
    givenAway: autoAuth.sinks.some((sink) => sink.config.path !== `${env.HOME}/.vault-token`),
    files,
    clock,
    random,
    emit,
    policy: () => ({
      lead: setup.longestLead(),
      jitter: jitterOf(env.POD_NAME ?? env.HOSTNAME ?? String(world.pid)),
      backoff: { min: autoAuth.method.minBackoff, max: autoAuth.method.maxBackoff },
    }),
    learn: scrubber.learn,
    onLogin: (session) => sinks.put(session.token),
    onChange: (change) => keepers.take(change),
    onFailure: (error) => {
      if (autoAuth.method.exitOnErr)
        end.resolve({ code: 1, reason: `the login failed, and exit_on_err is set: ${describe(error)}` });
    },
  });
  const binding = {
    address,
    namespace,
    mount: autoAuth.method.mountPath,
    role: method.role ?? "",
    pod: await method.pod({ files }),
  };
  const { place, warning } = await openState({
    config: config.state,
    home: env.HOME,
    binding,
    files,
    write: async (destination, content) => {
      await publishFile(
        { destination, content, perms: 0o600, createDestDirs: false, backup: false },
        { files, random },
      );
    },
    kill: world.kill,
    pid: world.pid,
  });
  if (warning !== null) emit({ is: "warning", code: "state", message: warning });
  const memory = createMemory(place?.file ?? null, emit);
  let available = "";

  /** Something is held, ended or written: keep it, fetch what is asked for now, and see whether that was all. */
  function changed(): void {
    const all = keepers.all();
    tokens.setParents(all.flatMap((keeper) => keeper.parents()));
    const held = all.flatMap((keeper) => keeper.records().map((record) => ({ keeper, record })));
    const token = held.map(({ record }) => tokens.tokenOf(record.held.token)).findLast((one) => one !== undefined);
    memory.save(
      token === undefined
        ? null
        : { token, credentials: held.map(({ keeper, record }) => saved(keeper.dependency, record)) },
    );
    const now = all.map((keeper) => keeper.secret()?.requestId ?? "-").join(" ");
    if (now !== available) {
      available = now;
      keepers.ensure(setup.publisher.dependencies());
      keepers.take({ is: "woken" });
    }
    if (config.exitAfterAuth && isComplete())
      end.resolve({ code: 0, reason: "everything is written, and exit_after_auth is set" });
    const hopeless = all.some((keeper) => !keeper.isPublished() && keeper.state().read.failures > TRIES_AT_START);
    if (hopeless && setup.config.templateConfig.exitOnRetryFailure)
      end.resolve({ code: 1, reason: "a secret cannot be read, and exit_on_retry_failure is set" });
  }
  function isComplete(): boolean {
    return (
      sinks.written &&
      setup.publisher.status().every((template) => template.renderedAt !== null) &&
      keepers.all().every((keeper) => keeper.isPublished())
    );
  }
  function status(): Status {
    return assembleStatus({
      version,
      pid: world.pid,
      startedAt,
      now: clock.now(),
      stopping: options.stop.aborted,
      token: tokens.status(),
      loginError: observers.loginError(),
      credentials: keepers.all().map((keeper) => keeper.status()),
      templates: setup.publisher.status(),
      warnings: observers.warnings(),
    });
  }
  function warn(code: string): (error: unknown) => null {
    return (error) => {
      emit({ is: "warning", code, message: describe(error) });
      return null;
    };
  }
  async function reload(): Promise<void> {
    try {
      const next = await createSetup(await options.readConfig(), setupPorts);
      const last = setup;
      setup = next;
      log.setLevel(next.config.log.level);
      await last.close();
      await publishAll();
      emit({ is: "configuration reloaded" });
    } catch (error) {
      emit({ is: "configuration refused", error: describe(error) });
    }
  }
  /** What depends on nothing, and what is known already. */
  async function publishAll(): Promise<void> {
    keepers.ensure(setup.publisher.dependencies());
    await publish(null, "rename");
    for (const { dependency, isPublished } of keepers.all()) {
      if (isPublished()) await publish(dependencyKey(dependency), setup.credential(dependency).config.publish);
    }
    changed();
  }
  async function publish(key: string | null, strategy: Strategy): Promise<void> {
    const attempt = await setup.publisher.publish(key, strategy);
    if (attempt.is === "failed") emit({ is: "warning", code: "publish", message: describe(attempt.error) });
  }

  // Answer, from the first moment.
  const { metrics, timeline } = observers;
  const health =
    metrics &&
    (await startHealth({ address: config.health.address, status, metrics, timeline, scrub: scrubber.scrub }).catch(
      warn("health"),
    ));
  const watch = await watchFiles(method.watches, () => tokens.wake());
  const unsubscribe = options.onReload(() => void reload());

  // Take up, log in, fetch, publish, keep alive: all of it runs by itself from here.
  const left = await place?.file.load();
  if (left?.warning) emit({ is: "warning", code: "state", message: left.warning });
  if (left?.state) {
    keepers.ensure(left.state.credentials.map(({ dependency }) => dependency));
    await adopt(left.state, {
      client,
      tokens,
      clock,
      emit,
      keeperFor: (dependency) => keepers.get(dependencyKey(dependency))!,
      policyFor: (dependency) => setup.credential(dependency).policy,
      databasesFor: (dependency) => setup.credential(dependency).databases,
    });
  }
  keepers.start();
  const loggedIn = tokens.run();
  await publishAll();
  options.stop.addEventListener("abort", () => end.resolve({ code: 0, reason: String(options.stop.reason) }), {
    once: true,
  });
  if (options.stop.aborted) end.resolve({ code: 0, reason: String(options.stop.reason) });
  const { code, reason } = await end.promise;

  // Leave.
  emit({ is: "stopping", reason });
  const handsOver = config.exitAfterAuth && code === 0 && !options.stop.aborted;
  if (handsOver) {
    await handOver(keepers.all(), {
      client,
      tokens,
      clock,
      emit,
      shared: place?.shared ?? false,
      credential: (keeper) => setup.credential(keeper.dependency).config,
    });
  }
  const now = clock.now();
  await keepers.stop({
    at: now,
    until: now + config.shutdownTimeout,
    release: handsOver ? "never" : config.releaseOnExit,
  });
  tokens.stop();
  await loggedIn;
  changed();
  const heldStill = keepers.all().reduce((sum, keeper) => sum + keeper.left(), 0);
  if (heldStill === 0) await tokens.revokeAll();
  await memory.settled();
  emit({ is: "stopped", held: heldStill });
  unsubscribe();
  sinks.stop();
  await Promise.all([watch.close(), health?.stop(), place?.close(), setup.close()]);
  transport.close();
  return code;
}
