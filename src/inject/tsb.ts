/**
 * Tetrate Service Bridge: its operator owns the Deployments and undoes what others change in them, so that the same
 * injection is written down as overlays in its own resource. What an overlay's path may be is the Istio operator's
 * matter, from which Tetrate has them: `[name:x]` finds an element, `[-1]` adds one at the end of a list that is there.
 */

import { PREFIX } from "./annotations.ts";
import { keysOf, type Operation } from "./json-patch.ts";
import type { Annotations } from "./kubernetes.ts";
import type { Loose } from "./loose.ts";
import { injectManifest, type ManifestOptions } from "./manifest.ts";
import { Refusal } from "./refusal.ts";

export interface OverlayOptions extends ManifestOptions {
  /** Beside the seed's, which they go before. */
  readonly annotations: Annotations;
  /** The objects as they are in the cluster; those that are absent are taken to have no init container. */
  readonly present: readonly unknown[];
}

export interface Overlay {
  /** The ManagementPlane, but for what is not the overlay's: to be merged into the one that there is. */
  readonly resource: object;
  readonly warnings: readonly string[];
}

/** Throws a Refusal. */
export function tsbOverlay(options: OverlayOptions): Overlay {
  const done = WORKLOADS.map((workload) => ({ workload, ...overlayOf(workload, options) }));
  const components = [...new Set(WORKLOADS.map(({ component }) => component))].map((component) => {
    const own = done.filter(({ workload }) => workload.component === component);
    const annotated = own.filter(({ annotations }) => Object.keys(annotations).length > 0);
    const pods = annotated.map(({ workload, annotations }) => [workload.spec, { podAnnotations: annotations }]);
    return [component, { kubeSpec: { ...Object.fromEntries(pods), overlays: own.map(({ overlay }) => overlay) } }];
  });
  return {
    resource: {
      apiVersion: "install.tetrate.io/v1alpha1",
      kind: "ManagementPlane",
      metadata: { name: "managementplane", namespace: options.namespace },
      spec: { components: Object.fromEntries(components) },
    },
    warnings: done.flatMap(({ warnings }) => warnings),
  };
}

// ---- internal ----

interface Workload {
  readonly component: "apiServer" | "spmServer";
  /** Under which word kubeSpec has its pod annotations. */
  readonly spec: "deployment" | "job";
  readonly apiVersion: string;
  readonly kind: "Deployment" | "CronJob";
  /** Its container has the same name. */
  readonly name: string;
  readonly template: readonly string[];
  readonly annotations: Annotations;
}

const SECRET = "database/creds/pg-role";

/** As Tetrate's documentation has them. */
const SEED: Annotations = {
  [`${PREFIX}agent-inject`]: "true",
  [`${PREFIX}role`]: "pg",
  [`${PREFIX}agent-inject-secret-config.yaml`]: SECRET,
  [`${PREFIX}agent-inject-template-config.yaml`]: `{{- with secret "${SECRET}" -}}
username: {{ .Data.username }}
password: {{ .Data.password }}
{{- end -}}
`,
  [`${PREFIX}secret-volume-path`]: "/etc/dbvault",
  "lessee/connection-max-lifetime": "1h",
};

const POD = ["spec", "template"];

const WORKLOADS: readonly Workload[] = [
  ...(["tsb", "spm"] as const).map(
    (name): Workload => ({
      component: name === "tsb" ? "apiServer" : "spmServer",
      spec: "deployment",
      apiVersion: "apps/v1",
      kind: "Deployment",
      name,
      template: POD,
      annotations: {},
    }),
  ),
  {
    component: "spmServer",
    spec: "job",
    apiVersion: "batch/v1",
    kind: "CronJob",
    name: "spmsync",
    template: ["spec", "jobTemplate", ...POD],
    annotations: { [`${PREFIX}agent-pre-populate-only`]: "true" },
  },
];

/** What changes in the arguments, and the expression that finds it: the first argument that it matches is replaced. */
const ARGUMENTS = [
  { was: "/etc/db/config.yaml", found: "/etc/db/config\\.yaml", is: "/etc/dbvault/config.yaml" },
  { was: "86400s", found: "86400s", is: "1h" },
];

function overlayOf(workload: Workload, options: OverlayOptions) {
  const { apiVersion, kind, name, template } = workload;
  const present = find(workload, options.present);
  const { fitting, unlike } = argumentsOf(workload, present);
  const object = withAnnotations(present ?? assumed(workload), template, {
    ...SEED,
    ...workload.annotations,
    ...options.annotations,
  });
  const { operations, warnings } = injectManifest(object, options);
  if (operations.length === 0)
    throw new Refusal(`${kind} ${name} would not be injected`, "give it as it was before, or leave it out of -f");
  const metadata = `/${template.join("/")}/metadata/`;
  const changes = operations.filter(({ path }) => !path.startsWith(metadata));
  const own = operations.filter(({ path }) => path.startsWith(`${metadata}annotations/prometheus.io~1`));
  const path = `${template.join(".")}.spec.containers[name:${name}].args`;
  return {
    warnings: [...unlike, ...warnings],
    annotations: Object.fromEntries(own.map((one) => [keysOf(one.path).at(-1), one.value])),
    overlay: {
      apiVersion,
      kind,
      name,
      patches: [
        ...fitting.map(({ found, is }) => ({ path: `${path}.[:${found}]`, value: is })),
        ...changes.map((operation) => ({ path: overlayPath(object, operation), value: operation.value })),
      ],
    },
  };
}

/** An overlay whose argument is not there would stop the operator, and one that finds a longer one would spoil that. */
function argumentsOf({ kind, name, template }: Workload, present: Loose | undefined) {
  if (present === undefined) return { fitting: ARGUMENTS, unlike: [] };
  const pod = template.reduce<unknown>((inner, key) => (inner as Loose | undefined)?.[key], present) as
    | Loose
    | undefined;
  const { containers = [] } = (pod?.spec ?? {}) as { readonly containers?: readonly Loose[] };
  const args = (containers.find((one) => one.name === name)?.args ?? []) as readonly unknown[];
  const fits = ({ was, found }: (typeof ARGUMENTS)[number]) =>
    args.find((one) => new RegExp(found).test(String(one))) === was;
  return {
    fitting: ARGUMENTS.filter(fits),
    unlike: ARGUMENTS.filter((one) => !fits(one)).map(
      ({ was, is }) => `${kind} ${name} has no argument ${was}: make ${is} of what stands there in its place, by hand`,
    ),
  };
}

function find({ kind, name }: Workload, present: readonly unknown[]): Loose | undefined {
  return present
    .flatMap((one) =>
      Array.isArray((one as Loose | null)?.items) ? ((one as Loose).items as Loose[]) : [one as Loose],
    )
    .find((one) => one?.kind === kind && (one.metadata as Loose | undefined)?.name === name);
}

/** What an overlay may rely on without having seen it: the credential's volume and its mount. */
function assumed({ apiVersion, kind, name, template }: Workload): Loose {
  const spec = { containers: [{ name, volumeMounts: [] }], volumes: [] };
  const pod = template.reduceRight<unknown>((inner, key) => ({ [key]: inner }), { spec }) as Loose;
  return { apiVersion, kind, metadata: { name }, ...pod };
}

function withAnnotations(value: unknown, [key, ...rest]: readonly string[], annotations: Annotations): Loose {
  const object = (value ?? {}) as Loose;
  if (key !== undefined) return { ...object, [key]: withAnnotations(object[key], rest, annotations) };
  const metadata = (object.metadata ?? {}) as Loose;
  return { ...object, metadata: { ...metadata, annotations: { ...(metadata.annotations as object), ...annotations } } };
}

/** `/spec/containers/0/volumeMounts/-` → `spec.containers[name:tsb].volumeMounts.[-1]`. */
function overlayPath(object: unknown, { op, path }: Operation): string {
  if (op !== "add") throw new Refusal(`${path} cannot be said in an overlay`, "only additions can");
  let at: unknown = object;
  return keysOf(path).reduce((said, key) => {
    if (key === "-") return `${said}.[-1]`;
    const list = Array.isArray(at);
    at = (at as Loose | undefined)?.[key];
    if (!list) return said === "" ? key : `${said}.${key}`;
    const name = (at as Loose | undefined)?.name;
    if (typeof name !== "string")
      throw new Refusal(`${path} cannot be said in an overlay`, "an element has no name, or would stand in between");
    return `${said}[name:${name}]`;
  }, "");
}
