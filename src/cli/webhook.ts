/** `lessee webhook`: injects the sidecar into the pods of a cluster, as its API server asks. */
import { durationFault, parseDuration, toMilliseconds } from "../config/duration.ts";
import { describe, LesseeError } from "../errors.ts";
import type { LesseeEvent } from "../events.ts";
import { createRegistry } from "../health/metrics.ts";
import { WEBHOOK_EVENT_METRICS, WEBHOOK_STATUS_METRICS, type WebhookStatus } from "../health/webhook-metrics.ts";
import { readCertificate, type ServingCertificate } from "../inject/certificate.ts";
import { review } from "../inject/review.ts";
import { startWebhook } from "../inject/webhook.ts";
import { LOG_LEVELS, type LogLevel } from "../log/entry.ts";
import { createLog } from "../log/log.ts";
import type { World } from "../ports.ts";
import { createWatch } from "../system/watch.ts";
import { type FlagDefinition, helpText, parseFlags } from "./flags.ts";
import { loadSettings, SETTING_FLAGS } from "./inject-settings.ts";
import type { ProcessSignals } from "./process.ts";

const GROUP = "Webhook";

export const WEBHOOK_FLAGS: readonly FlagDefinition[] = [
  {
    name: "listen",
    kind: "text",
    group: GROUP,
    placeholder: "ADDRESS",
    default: ":8443",
    env: "AGENT_INJECT_LISTEN",
    help: "Where the API server asks, by HTTPS.",
  },
  {
    name: "tls-cert-file",
    kind: "text",
    group: GROUP,
    placeholder: "FILE",
    env: "AGENT_INJECT_TLS_CERT_FILE",
    help: "PEM file of the certificate; read again when it is replaced.",
  },
  {
    name: "tls-key-file",
    kind: "text",
    group: GROUP,
    placeholder: "FILE",
    env: "AGENT_INJECT_TLS_KEY_FILE",
    help: "PEM file of its private key.",
  },
  {
    name: "tls-min-version",
    kind: "text",
    group: GROUP,
    placeholder: "VERSION",
    default: "tls12",
    env: "AGENT_INJECT_TLS_MIN_VERSION",
    help: "tls12 or tls13.",
  },
  {
    name: "health-address",
    kind: "text",
    group: GROUP,
    placeholder: "ADDRESS",
    default: ":9102",
    help: "Where probes and Prometheus ask, by HTTP; empty for nowhere.",
  },
  {
    name: "fail-open",
    kind: "bool",
    group: GROUP,
    default: "false",
    help: "After a fault of lessee's the pod is let through as it is, instead of refused.",
  },
  {
    name: "shutdown-delay",
    kind: "text",
    group: GROUP,
    placeholder: "DURATION",
    default: "5s",
    help: "So long after SIGTERM reviews are answered still, until nobody sends any.",
  },
  {
    name: "log-level",
    kind: "text",
    group: GROUP,
    placeholder: "LEVEL",
    default: "info",
    env: "AGENT_INJECT_LOG_LEVEL",
    help: "trace, debug, info, warn or error.",
  },
  {
    name: "log-format",
    kind: "text",
    group: GROUP,
    placeholder: "FORMAT",
    default: "standard",
    env: "AGENT_INJECT_LOG_FORMAT",
    help: "standard or json.",
  },
  ...SETTING_FLAGS,
];

/** Resolves to the exit code. */
export async function runWebhook(
  args: readonly string[],
  world: World,
  signals: ProcessSignals,
  version: string,
): Promise<number> {
  const outcome = parseFlags(args, WEBHOOK_FLAGS);
  if (outcome.kind === "help") {
    world.stdout.write(
      helpText(
        "lessee webhook -tls-cert-file=FILE -tls-key-file=FILE [flags]",
        "Answers the AdmissionReviews of a Kubernetes API server: pods that ask by Vault's annotations get lessee as init container and sidecar.",
        WEBHOOK_FLAGS,
      ),
    );
    return 0;
  }
  try {
    if (outcome.kind === "invalid") throw new LesseeError("usage", outcome.message);
    const { values, positional } = outcome.flags;
    if (positional.length > 0) throw new LesseeError("usage", `what is ${positional[0]}?`);
    await serve(await optionsOf(values, world), world, signals, version);
    return 0;
  } catch (error) {
    if (!(error instanceof LesseeError)) throw error;
    world.stderr.write(`${describe(error)}\n`);
    return 1;
  }
}

// ---- internal ----

type Options = Awaited<ReturnType<typeof optionsOf>>;

async function serve(options: Options, world: World, signals: ProcessSignals, version: string): Promise<void> {
  const { clock, files } = world;
  const { certFile, keyFile } = options;
  const log = createLog({
    level: options.logLevel,
    format: options.logFormat,
    clock,
    write: (line) => world.stderr.write(line),
    scrub: (text) => text,
    fields: replicaFields(world.env),
  });
  const metrics = await createRegistry(WEBHOOK_EVENT_METRICS, WEBHOOK_STATUS_METRICS);
  const emit = (event: LesseeEvent) => {
    log.observe(event);
    metrics.observe(event);
  };
  emit({ is: "started", version, pid: world.pid });
  let certificate = await readCertificate(certFile, keyFile, files);
  emit({ is: "certificate loaded", ends: certificate.ends });
  const status = (): WebhookStatus => ({
    version,
    ready: webhook.ready(),
    inFlight: webhook.inFlight(),
    certificateEnds: certificate.ends,
  });
  const webhook = await startWebhook({
    ...options,
    certificate,
    review: (text) => review(text, options),
    metrics: () => metrics.render(status()),
    clock,
    emit,
  });
  for (const address of [webhook.address, webhook.healthAddress]) if (address) emit({ is: "listening", address });
  const readAgain = settled(async () => {
    const next = await readCertificate(certFile, keyFile, files).catch((error: unknown) => describe(error));
    if (typeof next === "string") return emit({ is: "certificate refused", error: next });
    if (same(next, certificate)) return;
    certificate = next;
    webhook.replace(next);
    emit({ is: "certificate loaded", ends: next.ends });
  }, world);
  // Once it is watched it is read again: it may have been replaced before.
  const watch = createWatch(files, readAgain, readAgain);
  await watch.follow([certFile, keyFile]);

  if (!signals.stop.aborted) await new Promise((resolve) => signals.stop.addEventListener("abort", resolve));
  emit({ is: "stopping", reason: String(signals.stop.reason) });
  webhook.retire();
  await clock.sleep(clock.now() + options.shutdownDelay, new AbortController().signal);
  await watch.close();
  await webhook.stop();
  emit({ is: "stopped", held: 0 });
}

/** Its own pod, where the downward API gives it; `namespace` and `pod` are those that a review is about. */
function replicaFields({ NAMESPACE, POD_NAME }: World["env"]): Readonly<Record<string, string>> {
  return {
    ...(NAMESPACE ? { webhook_namespace: NAMESPACE } : {}),
    ...(POD_NAME ? { webhook_pod: POD_NAME } : {}),
  };
}

/** Files that are replaced one after the other are read together. */
const SETTLES = 250;

function settled(work: () => Promise<void>, { clock }: Pick<World, "clock">): () => void {
  let latest = new AbortController();
  return () => {
    latest.abort();
    const mine = new AbortController();
    latest = mine;
    void clock.sleep(clock.now() + SETTLES, mine.signal).then(() => (mine.signal.aborted ? undefined : work()));
  };
}

function same(a: ServingCertificate, b: ServingCertificate): boolean {
  return a.cert === b.cert && a.key.reveal() === b.key.reveal();
}

async function optionsOf(values: ReadonlyMap<string, readonly string[]>, world: World) {
  const flag = (name: string) => {
    const { env, default: value } = WEBHOOK_FLAGS.find((one) => one.name === name) ?? {};
    return values.get(name)?.at(-1) ?? ((env && world.env[env]) || value || "");
  };
  const chosen = <T extends string>(name: string, known: readonly T[]): T => {
    const found = known.find((one) => one === flag(name).toLowerCase());
    if (found !== undefined) return found;
    throw new LesseeError("usage", `-${name} must be ${known.join(", ")}, not ${JSON.stringify(flag(name))}`);
  };
  const needed = (name: string) => {
    if (flag(name) !== "") return flag(name);
    throw new LesseeError("usage", `-${name} is required`, { hint: "lessee webhook -help shows all flags" });
  };
  const delay = parseDuration(flag("shutdown-delay"));
  if (delay === undefined || delay < 0)
    throw new LesseeError("usage", `-shutdown-delay: ${durationFault(flag("shutdown-delay"))}`);
  const minVersion = { tls12: "TLSv1.2", tls13: "TLSv1.3" } as const;
  return {
    certFile: needed("tls-cert-file"),
    keyFile: needed("tls-key-file"),
    address: flag("listen"),
    healthAddress: values.get("health-address")?.at(-1) ?? ":9102",
    minVersion: minVersion[chosen("tls-min-version", ["tls12", "tls13"])],
    failOpen: flag("fail-open") === "true",
    shutdownDelay: toMilliseconds(delay),
    logLevel: chosen<LogLevel>("log-level", LOG_LEVELS),
    logFormat: chosen("log-format", ["standard", "json"]),
    settings: await loadSettings(values, world),
  };
}
