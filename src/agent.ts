/**
 * The whole program, in the order of things: connect, prepare what the configuration says, answer for it, take up what
 * was left, log in, fetch what the templates ask for, publish it, keep it alive, and give it back on the way out.
 */
import { parseAuthMethod } from "./auth/methods.ts";
import type { AgentConfig } from "./config/types.ts";
import { type Fault, LesseeError } from "./errors.ts";
import type { LesseeEvent } from "./events.ts";
import { assembleStatus } from "./health/assemble.ts";
import { createObservers } from "./health/observers.ts";
import type { Recorder } from "./kubernetes/recorder.ts";
import type { Log } from "./log/log.ts";
import type { Scrubber } from "./log/scrub.ts";
import type { World } from "./ports.ts";
import { openAnswers } from "./program/answers.ts";
import type { End } from "./program/consequences.ts";
import { followJob, jobLifetime } from "./program/job.ts";
import { followOutside } from "./program/outside.ts";
import { openPodEvents } from "./program/pod-events.ts";
import type { Served } from "./program/serve.ts";
import { createSidecar, type Sidecar } from "./program/sidecar.ts";
import type { Status } from "./status.ts";
import { createSupervisor } from "./supervise/supervisor.ts";
import { createRunCommand } from "./system/command.ts";
import { writePidFile } from "./system/pid-file.ts";
import { createServiceManager } from "./system/systemd.ts";
import { watchMachine } from "./telemetry/machine.ts";
import { createTelemetry } from "./telemetry/telemetry.ts";
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
  /** Calls back at every signal of this name; the answer unsubscribes. */
  onSignal(signal: NodeJS.Signals, listener: () => void): () => void;
  /** Calls back at the very end of the process, however it ends; the answer unsubscribes. */
  onExit(listener: () => void): () => void;
  /** Rejects with a ConfigError. */
  readConfig(): Promise<AgentConfig>;
}

/** What a terminal or its user sends to a program that runs in the foreground, beside the signals to stop. */
const PASSED_ON = ["SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGWINCH"] as const;

/** Whoever can be asked has answered by then. */
const SOON = 1_000;

/** Resolves to the exit code. Rejects with a LesseeError where a start is impossible. */
export async function runAgent(options: AgentOptions): Promise<number> {
  const { config, log, scrubber, version, warnings, world } = options;
  const { clock, files, pid } = world;
  const startedAt = clock.now();
  const { autoAuth } = config;
  if (autoAuth === undefined && (config.exec !== undefined || config.templates.length > 0))
    throw new LesseeError(
      "config",
      "there is no auto_auth block: without a login nothing can be read for the templates",
    );

  const observers = await createObservers({ log, clock, measured: config.health.address !== "", warnings });
  const machine = await watchMachine(config.telemetry !== undefined || config.listeners.length > 0);
  const telemetry = createTelemetry(config.telemetry, {
    ...machine,
    clock,
    complain: (message) => emit({ is: "warning", code: "telemetry", message }),
  });
  let podEvents: Recorder | null = null;
  function emit(event: LesseeEvent): void {
    observers.emit(event);
    telemetry.observe(event);
    podEvents?.observe(event);
  }
  emit({ is: "started", version, pid });
  podEvents = await openPodEvents({ config, world, emit, redact: scrubber.scrub });

  // Connect and prepare.
  const { maxConnectionsPerHost: maxSockets } = config.templateConfig;
  const pool = maxSockets === undefined ? {} : { maxSockets };
  const vault = await openVault(config.vault, autoAuth?.method.namespace, world, emit, pool);
  const method = autoAuth && parseAuthMethod(autoAuth.method.type, autoAuth.method.config);
  const end = Promise.withResolvers<End>();
  const ending = new AbortController();
  const isEnding = () => ending.abort();
  void end.promise.then(isEnding, isEnding);
  const { exec } = config;
  const application =
    exec === undefined || config.exitAfterAuth
      ? null
      : createSupervisor({
          ...world,
          emit,
          config: () => sidecar?.config().exec ?? exec,
          variables: () => sidecar?.variables() ?? null,
          onEnd: end.resolve,
        });
  const sidecar: Sidecar | null =
    autoAuth && method
      ? await createSidecar({
          config,
          autoAuth,
          method,
          vault,
          world,
          emit,
          learn: scrubber.learn,
          redact: scrubber.scrub,
          application,
          onEnd: end.resolve,
        })
      : null;
  const pidFile = await writePidFile(config.pidFile, pid, files);
  let quit = false;
  async function listen(): Promise<Served | null> {
    if (config.listeners.length === 0) return null;
    // Most sidecars have no listener, and need not load what it takes.
    const { serve } = await import("./program/serve.ts");
    const onQuit = () => {
      quit = true;
      end.resolve({ code: 0, reason: "a client asked for it at /agent/v1/quit" });
    };
    return serve({ config, vault, sidecar, world, version, metrics: telemetry, onQuit });
  }
  const server = await listen().catch(async (error) => {
    await pidFile.remove();
    throw error;
  });
  for (const address of server?.addresses ?? []) emit({ is: "listening", address });

  // Answer, from the first moment.
  function status(): Status {
    return assembleStatus({
      version,
      pid,
      startedAt,
      now: clock.now(),
      stopping: options.stop.aborted,
      logsIn: sidecar !== null,
      token: sidecar?.tokens.status() ?? null,
      loginError: observers.loginError(),
      credentials: sidecar?.keepers.all().map((keeper) => keeper.status()) ?? [],
      templates: sidecar?.publisher().status() ?? [],
      warnings: observers.warnings(),
    });
  }
  telemetry.follow(status);
  const systemd = createServiceManager({
    ...world,
    run: createRunCommand(world),
    complain: (message) => emit({ is: "warning", code: "systemd", message }),
  });
  const answers = await openAnswers({ config, sidecar, observers, status, world, emit, scrub: scrubber.scrub });
  systemd.tell("READY=1");

  // Listen.
  const outside = followOutside({
    config,
    method,
    vault,
    server,
    sidecar,
    world,
    emit,
    readConfig: options.readConfig,
    onRead: (next) => log.setLevel(next.log.level),
    systemd,
  });
  const subscriptions = [
    options.onReload(outside.reload),
    options.onSignal("SIGUSR1", () => void world.stderr.write(scrubber.scrub(telemetry.dump(status())))),
  ];
  if (application !== null) {
    // What is sent to us is meant for the application as well, and it must not outlive us.
    for (const signal of PASSED_ON) subscriptions.push(options.onSignal(signal, () => application.signal(signal)));
    const halt = async () => {
      await application.suspend();
      world.kill(pid, "SIGSTOP");
    };
    subscriptions.push(
      options.onSignal("SIGTSTP", () => void halt()),
      options.onSignal("SIGCONT", application.resume),
      options.onExit(application.kill),
    );
  }
  const stopped = () => end.resolve({ code: 0, reason: String(options.stop.reason) });
  options.stop.addEventListener("abort", stopped, { once: true });
  if (options.stop.aborted) stopped();

  // Take up, log in, fetch, publish, keep alive.
  const starting = sidecar?.start(ending.signal).catch(end.reject);
  // Late, because a watcher takes its time to load; but a server that is away is not waited for.
  await Promise.race([starting, clock.sleep(clock.now() + SOON, ending.signal)]);
  await outside.watch();
  const deadlines = podEvents?.follow(status);
  const jobWatch = new AbortController();
  const job = followJob({ config, world, emit, onEnd: end.resolve }, jobWatch.signal);
  const { code, reason, isJobOver } = await end.promise;

  // Leave.
  emit({ is: "stopping", reason });
  systemd.tell("STOPPING=1");
  jobWatch.abort();
  await Promise.all([application?.stop(), job, starting]);
  for (const unsubscribe of subscriptions) unsubscribe();
  await Promise.all([outside.stop(), answers.stop()]);
  const handsOver = config.exitAfterAuth && code === 0 && !options.stop.aborted;
  if (handsOver) await sidecar?.handOver(await jobLifetime({ config, world, emit }));
  // Who asks for the end uses nothing any more; otherwise nobody knows whether what clients were given is in use.
  const cached = (await server?.stop(quit || config.releaseOnExit === "always")) ?? 0;
  const now = clock.now();
  const stopping = {
    at: now,
    until: now + config.shutdownTimeout,
    release: handsOver ? "never" : releaseOf(config, application !== null || isJobOver === true),
  } as const;
  const held = sidecar === null ? cached : await sidecar.stop(stopping, cached);
  if (sidecar === null) vault.transport.close();
  emit({ is: "stopped", held });
  await Promise.all([
    pidFile.remove(),
    outside.close(),
    answers.close(),
    telemetry.stop(),
    machine.stop(),
    systemd.settled(),
    podEvents?.stop(),
    deadlines,
  ]);
  return code;
}

/** With the application ended, nobody uses what is held. */
function releaseOf({ releaseOnExit }: AgentConfig, hasEnded: boolean): AgentConfig["releaseOnExit"] {
  return hasEnded && releaseOnExit === "drained" ? "always" : releaseOnExit;
}
