/** What a pod's annotations ask for, read whole: the injector's `Agent`. */
import { type AnnotationReader, readerOf, withDefaults } from "./annotations.ts";
import { joinPath } from "./go-values.ts";
import { annotationsOf, type Pod } from "./kubernetes.ts";
import { Refusal, within } from "./refusal.ts";
import { type InjectedSecret, readSecrets } from "./secrets.ts";
import { findToken, type TokenMount } from "./service-account.ts";
import type { Settings } from "./settings.ts";

export interface InjectionRequest {
  readonly annotations: AnnotationReader;
  readonly token: TokenMount;
  readonly secrets: readonly InjectedSecret[];
  /** The pod's folder for secrets. */
  readonly folder: string;
  /** Names of the application's containers that get the files. */
  readonly containers: readonly string[];
  readonly initFirst: boolean;
  readonly prePopulate: boolean;
  readonly prePopulateOnly: boolean;
  readonly revokeOnShutdown: boolean;
  readonly revokeGrace: number;
  readonly tlsSkipVerify: boolean;
  readonly runAsUser: number;
  readonly runAsGroup: number;
  readonly setSecurityContext: boolean;
  /** undefined: the pod's own. */
  readonly shareProcessNamespace: boolean | undefined;
  readonly cacheEnabled: boolean;
  readonly cacheExitOnError: boolean;
  /** The cache outlives the init container. */
  readonly cachePersists: boolean;
  readonly defaultTemplate: "map" | "json";
  readonly injectToken: boolean;
  readonly exitOnRetryFailure: boolean;
  readonly maxConnectionsPerHost: number;
  readonly leaseRenewalThreshold: number;
  readonly enableQuit: boolean;
  readonly autoAuthExitOnError: boolean;
  readonly authConfig: Readonly<Record<string, string>>;
  readonly caCertBytes: string;
  /** Seconds that the pod may run, by what it says itself or its Job; undefined is not known. */
  readonly deadline: number | undefined;
}

export interface Surroundings {
  readonly settings: Settings;
  readonly namespace: string;
  /** False for a manifest, which the cluster has not seen yet. */
  readonly admitted: boolean;
  /** Seconds, as the Job's manifest says it; of a pod, the cluster does not tell who made it how long it may run. */
  readonly jobDeadline?: number | undefined;
}

/** Throws a Refusal. */
export function readRequest(pod: Pod, surroundings: Surroundings): InjectionRequest {
  const { settings, namespace, admitted, jobDeadline } = surroundings;
  const annotations = readerOf(
    within("error adding default annotations", () =>
      withDefaults(annotationsOf(pod), settings, namespace, pod.spec.containers),
    ),
  );
  const agent = within("error creating new agent sidecar", () => read(pod, annotations, settings, admitted));
  const request = { ...agent, deadline: deadlineOf(pod, jobDeadline) };
  within("error validating agent configuration", () => validate(request));
  return request;
}

// ---- internal ----

/** In the injector's order, which decides what of several faults is said. */
function read(
  pod: Pod,
  annotations: AnnotationReader,
  settings: Settings,
  admitted: boolean,
): Omit<InjectionRequest, "deadline"> {
  const { bool, text } = annotations;
  const token = findToken(pod, annotations, admitted);
  const start = {
    annotations,
    token,
    secrets: readSecrets(annotations),
    folder: text("secret-volume-path"),
    authConfig: authConfig(annotations, token),
    caCertBytes: settings.caCertBytes,
    initFirst: bool("agent-init-first"),
    prePopulate: bool("agent-pre-populate"),
    prePopulateOnly: bool("agent-pre-populate-only"),
    revokeOnShutdown: bool("agent-revoke-on-shutdown"),
    containers: text("agent-inject-containers").split(","),
    revokeGrace: annotations.unsigned("agent-revoke-grace"),
    tlsSkipVerify: bool("tls-skip-verify"),
  };
  const user = annotations.integer("agent-run-as-user");
  const rest = {
    runAsGroup: annotations.integer("agent-run-as-group"),
    runAsUser: bool("agent-run-as-same-user") ? sameUser(pod, settings.improve) : user,
    shareProcessNamespace: sharing(pod, annotations),
    setSecurityContext: bool("agent-set-security-context"),
    cacheEnabled: bool("agent-cache-enable"),
    cacheExitOnError: bool("agent-cache-exit-on-err"),
    defaultTemplate: defaultTemplate(text("agent-inject-default-template")),
    injectToken: bool("agent-inject-token"),
    exitOnRetryFailure: bool("template-config-exit-on-retry-failure"),
    maxConnectionsPerHost: annotations.integer("template-max-connections-per-host"),
    leaseRenewalThreshold: annotations.float("template-lease-renewal-threshold"),
    enableQuit: bool("agent-enable-quit"),
    autoAuthExitOnError: bool("agent-auto-auth-exit-on-err"),
  };
  const cachePersists = rest.cacheEnabled && start.prePopulate && !start.prePopulateOnly;
  return { ...start, ...rest, cachePersists };
}

function validate({ annotations, token }: InjectionRequest): void {
  const { text } = annotations;
  if (text("agent-request-namespace") === "") throw new Refusal("namespace missing from request");
  if (token.volume === "" || token.mountPath === "" || token.tokenPath === "")
    throw new Refusal("no service account token volume name, mount path or token path found");
  if (text("agent-image") === "")
    throw new Refusal("no Vault image found", "set -vault-image, or the annotation vault.hashicorp.com/agent-image");
  if (text("agent-configmap") !== "") return;
  if (text("auth-type") === "") throw new Refusal("no Vault Auth Type found");
  if (text("auth-type") === "kubernetes" && text("role") === "" && text("auth-config-role") === "")
    throw new Refusal("no Vault role found", "set the annotation vault.hashicorp.com/role");
  if (text("auth-path") === "") throw new Refusal("no Vault Auth Path found");
  if (text("service") === "") throw new Refusal("no Vault address found");
}

/** What is stopped at its deadline has its grace to end in. */
function deadlineOf({ spec }: Pod, jobDeadline: number | undefined): number | undefined {
  const all = [spec.activeDeadlineSeconds, jobDeadline].filter((one) => typeof one === "number");
  return all.length === 0 ? undefined : Math.min(...all) + (spec.terminationGracePeriodSeconds ?? GRACE);
}

/** Kubernetes' own, in seconds. */
const GRACE = 30;

/** The user of the first container; improved, the pod's where the container has none of its own. */
function sameUser({ spec }: Pod, improve: boolean): number {
  const [first] = spec.containers;
  if (first === undefined) throw new Refusal("No containers found in Pod Spec");
  const context = first.securityContext ?? undefined;
  const user = context?.runAsUser ?? (improve ? spec.securityContext?.runAsUser : undefined);
  const hint = "set runAsUser in the container's securityContext";
  if (user === undefined || user === null)
    throw new Refusal(
      context === undefined
        ? "No SecurityContext found for Container 0"
        : "RunAsUser is nil for Container 0's SecurityContext",
      hint,
    );
  if (user === 0) throw new Refusal("container not allowed to run as root", hint);
  return user;
}

function sharing({ spec }: Pod, annotations: AnnotationReader): boolean | undefined {
  const name = "agent-share-process-namespace";
  if (!annotations.has(name)) return undefined;
  const raw = annotations.text(name);
  const wanted = within(`invalid value ${raw} for annotation "vault.hashicorp.com/${name}", err=`, () =>
    annotations.bool(name),
  );
  if (wanted && spec.shareProcessNamespace === false)
    throw new Refusal("shareProcessNamespace explicitly disabled on the pod, refusing to enable it");
  return wanted;
}

function defaultTemplate(text: string): "map" | "json" {
  const type = text.toLowerCase();
  if (type === "map" || type === "json") return type;
  throw new Refusal(`invalid default template type: ${type}`, "map or json");
}

/** Values stay texts, whatever they look like. */
function authConfig(annotations: AnnotationReader, token: TokenMount): Readonly<Record<string, string>> {
  const role = annotations.text("role");
  return {
    token_path: joinPath(token.mountPath, token.tokenPath),
    ...Object.fromEntries(annotations.family("auth-config").map(([name, value]) => [name.replaceAll("-", "_"), value])),
    ...(role === "" ? {} : { role }),
  };
}
