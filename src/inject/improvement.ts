/** What lessee adds to the injector's pod, decided before anything is built: ports, user, blocks of the configuration. */
import { PREFIX } from "./annotations.ts";
import type { Blocks } from "./blocks.ts";
import { type Annotations, annotationsOf, type Container, type Pod } from "./kubernetes.ts";
import { OWN_PREFIX, type OwnWishes } from "./own-annotations.ts";
import { Refusal } from "./refusal.ts";
import type { InjectionRequest } from "./request.ts";
import type { Settings } from "./settings.ts";
import { STATE_MOUNT } from "./volumes.ts";

export interface Improvement {
  /** The sidecar is an init container that stays. */
  readonly native: boolean;
  /** null: no health server, and so no probes. */
  readonly healthPort: number | null;
  /** To be added to the pod's. */
  readonly annotations: Annotations;
  readonly shareProcessNamespace: boolean | undefined;
  readonly runAsUser: number;
  /** For the sidecar's configuration and for the init container's. */
  readonly blocks: { readonly sidecar: Blocks; readonly init: Blocks };
  /** Init container and sidecar share a credential. */
  readonly sharesState: boolean;
  /** How long the job may run that the init container fetches for; undefined where a sidecar or the user says it. */
  readonly jobLifetime: string | undefined;
  readonly warnings: readonly string[];
}

/** Throws a Refusal. */
export function improvementOf(pod: Pod, request: InjectionRequest, wishes: OwnWishes, settings: Settings): Improvement {
  const { prePopulate, prePopulateOnly } = request;
  const native = !prePopulateOnly && isNative(wishes, settings);
  const healthPort = prePopulateOnly ? null : choosePort(pod, wishes.healthPort);
  const sharesState = prePopulate && !prePopulateOnly;
  const state = sharesState ? { state: { path: STATE_MOUNT.mountPath } } : {};
  const release = native && releasesAll(pod, request, wishes.blocks) ? { release_on_exit: "always" } : {};
  // Without a host it listens on IPv6 as well, where the probes of some clusters come from.
  const health = { health: { address: healthPort === null ? "" : `:${healthPort}` } };
  const { job, kubernetes, ...shared } = wishes.blocks;
  const signalled = signalUser(pod, request, wishes);
  return {
    native,
    healthPort,
    annotations: scrapeAnnotations(pod, healthPort, wishes.scrape),
    ...signalled,
    blocks: {
      init: { ...state, ...shared },
      sidecar: { ...state, ...health, ...release, ...shared, ...cluster(job, kubernetes, request) },
    },
    sharesState,
    jobLifetime: jobLifetime(pod, request),
    warnings: warningsOf(pod, request, wishes, native, healthPort),
  };
}

// ---- internal ----

/** Only an init container without a sidecar leaves its user to the job. */
function jobLifetime(pod: Pod, { deadline, prePopulateOnly }: InjectionRequest): string | undefined {
  const told = annotationsOf(pod)[`${OWN_PREFIX}lifetime`] !== undefined;
  return deadline === undefined || !prePopulateOnly || told ? undefined : `${deadline}s`;
}

/** What the sidecar alone asks the Kubernetes API about, with the token that the pod has for it. */
function cluster(job: unknown, kubernetes: unknown, { token }: InjectionRequest): Blocks {
  if (job === undefined && kubernetes === undefined) return {};
  const elsewhere = token.added === undefined && token.mountPath !== SERVICE_ACCOUNT;
  const api = { ...(kubernetes as object), ...(elsewhere ? { service_account_path: token.mountPath } : {}) };
  return { ...(job === undefined ? {} : { job }), ...(Object.keys(api).length === 0 ? {} : { kubernetes: api }) };
}

/** Where Kubernetes mounts it, and where it is looked for. */
const SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount";

const FIRST_PORT = 9102;
/** Where sidecars are on without a feature gate. */
const NATIVE_SINCE = [1, 29] as const;

function isNative({ nativeSidecar }: OwnWishes, settings: Settings): boolean {
  if (nativeSidecar !== undefined) return nativeSidecar;
  if (settings.nativeSidecar !== "auto") return settings.nativeSidecar === "true";
  const [, major, minor] = /^v?(\d+)\.(\d+)/.exec(settings.kubernetesVersion) ?? [];
  if (major === undefined) return false;
  return Number(major) > NATIVE_SINCE[0] || (Number(major) === NATIVE_SINCE[0] && Number(minor) >= NATIVE_SINCE[1]);
}

/** The first free one; on the node's own network none is free for sure. */
function choosePort({ spec }: Pod, wanted: OwnWishes["healthPort"]): number | null {
  const all = [...spec.containers, ...(spec.initContainers ?? [])];
  const owners = new Map(
    all.toReversed().flatMap((one) => (one.ports ?? []).map(({ containerPort }) => [containerPort, one] as const)),
  );
  const ownerOf = (port: number) => owners.get(port);
  if (wanted === "off") return null;
  if (wanted !== undefined) {
    const owner = ownerOf(wanted);
    if (owner === undefined) return wanted;
    throw new Refusal(`${OWN_PREFIX}health-port: the container ${owner.name} has port ${wanted}`, "choose another one");
  }
  if (spec.hostNetwork === true) return null;
  let port = FIRST_PORT;
  while (ownerOf(port) !== undefined) port++;
  return port;
}

function scrapeAnnotations(pod: Pod, healthPort: number | null, wanted: boolean): Annotations {
  if (healthPort === null || !wanted || isScraped(pod)) return {};
  return {
    "prometheus.io/scrape": "true",
    "prometheus.io/port": String(healthPort),
    "prometheus.io/path": "/metrics",
  };
}

/** One pod can name one port only, and the application's goes before ours. */
function isScraped(pod: Pod): boolean {
  return Object.keys(annotationsOf(pod)).some((name) => name.startsWith("prometheus.io/"));
}

/**
 * A signal needs to see the application's process, and to be of its user (rule M8): EPERM would only show at the first
 * rotation.
 */
function signalUser(
  pod: Pod,
  request: InjectionRequest,
  { blocks }: OwnWishes,
): Pick<Improvement, "shareProcessNamespace" | "runAsUser"> {
  const { spec } = pod;
  const { runAsUser, shareProcessNamespace } = request;
  const signals = Object.values(blocks.credential ?? {}).some(({ notify }) => notify?.some((one) => "signal" in one));
  const looks = (blocks.job as { readonly until?: unknown } | undefined)?.until === "process";
  if (!signals && !looks) return { runAsUser, shareProcessNamespace };
  if (shareProcessNamespace === false || spec.shareProcessNamespace === false)
    throw new Refusal(
      `${OWN_PREFIX}${signals ? "notify-signal" : "job: process"} needs shareProcessNamespace, which this pod turns off`,
      signals
        ? `take it away, or tell the application by ${OWN_PREFIX}notify-http or ${OWN_PREFIX}notify-file`
        : `take it away, or ask the Kubernetes API: ${OWN_PREFIX}job: containers`,
    );
  if (!signals) return { runAsUser, shareProcessNamespace: true };
  const chosen = spec.containers.filter(({ name }) => request.containers.includes(name));
  const users = new Set(chosen.map((one) => one.securityContext?.runAsUser ?? spec.securityContext?.runAsUser ?? null));
  const [user] = users;
  const { annotations } = request;
  const explicit =
    annotationsOf(pod)[`${PREFIX}agent-run-as-user`] !== undefined || annotations.bool("agent-run-as-same-user");
  const why = `${OWN_PREFIX}notify-signal: a signal reaches only processes of the same user`;
  if (users.size > 1)
    throw new Refusal(
      `${why}, and the containers ${chosen.map(({ name }) => name).join(", ")} have different ones`,
      "name the one that is told in vault.hashicorp.com/agent-inject-containers",
    );
  if (user === undefined || user === null) {
    if (explicit) return { runAsUser, shareProcessNamespace: true };
    throw new Refusal(
      `${why}, and the pod does not say who that is`,
      "set runAsUser in its securityContext, or vault.hashicorp.com/agent-run-as-user to the user of the application's image",
    );
  }
  if (explicit && runAsUser !== user)
    throw new Refusal(`${why}: the application is ${user}, vault.hashicorp.com/agent-run-as-user is ${runAsUser}`);
  if (!request.setSecurityContext && spec.securityContext?.runAsUser !== user)
    throw new Refusal(`${why}, and vault.hashicorp.com/agent-set-security-context is false`);
  if (user === 0 && !explicit)
    throw new Refusal(
      `${why}, and the application is root`,
      'run it as somebody else, or say vault.hashicorp.com/agent-run-as-user: "0"',
    );
  return { runAsUser: user, shareProcessNamespace: true };
}

function warningsOf(
  pod: Pod,
  request: InjectionRequest,
  { blocks, scrape, healthPort: wanted }: OwnWishes,
  native: boolean,
  healthPort: number | null,
): readonly string[] {
  const warnings: string[] = [];
  const sidecar = !request.prePopulateOnly;
  if (sidecar && healthPort === null && wanted === undefined)
    warnings.push(
      `on the host's network no port is free for sure: no probes and metrics without ${OWN_PREFIX}health-port`,
    );
  if (sidecar && healthPort !== null && scrape && isScraped(pod))
    warnings.push(
      `the pod has annotations of prometheus.io already: lessee's metrics at :${healthPort} are not in them`,
    );
  if (sidecar && !native && blocks.job === undefined && endsByItself(pod))
    warnings.push(
      `a Job does not end while an ordinary sidecar runs: ${OWN_PREFIX}native-sidecar, ${OWN_PREFIX}job, or vault.hashicorp.com/agent-pre-populate-only`,
    );
  if (request.revokeOnShutdown && !native && sidecar && !watched(blocks))
    warnings.push(
      `agent-revoke-on-shutdown: users are given back when their last session has ended, which only ${OWN_PREFIX}postgres-connection-url lets lessee see`,
    );
  return warnings;
}

/**
 * A native sidecar is stopped when the application has ended, or to be started anew. Where sessions tell which it is they
 * are asked; without, it is taken for the end where somebody wants that, and of a job, which leaves a user of every run
 * otherwise.
 */
function releasesAll(pod: Pod, { revokeOnShutdown }: InjectionRequest, blocks: Blocks): boolean {
  if (blocks.release_on_exit !== undefined) return false;
  return revokeOnShutdown || (endsByItself(pod) && !watched(blocks));
}

function endsByItself(pod: Pod): boolean {
  const owned = pod.metadata?.ownerReferences?.some(({ kind }) => kind === "Job") ?? false;
  return owned || ["Never", "OnFailure"].includes(pod.spec.restartPolicy ?? "Always");
}

function watched({ credential = {} }: Blocks): boolean {
  const all = Object.values(credential);
  return all.length > 0 && all.every(({ postgres }) => postgres !== undefined);
}

export function probes(healthPort: number, starts: boolean): Partial<Container> {
  const get = (path: string) => ({ httpGet: { path, port: healthPort }, timeoutSeconds: 5 });
  return {
    // Five minutes for the first secrets; a restart would not find a Vault that is away sooner.
    ...(starts ? { startupProbe: { ...get("/startupz"), periodSeconds: 2, failureThreshold: 150 } } : {}),
    readinessProbe: { ...get("/readyz"), periodSeconds: 5 },
    livenessProbe: { ...get("/livez"), periodSeconds: 10, failureThreshold: 3 },
  };
}
