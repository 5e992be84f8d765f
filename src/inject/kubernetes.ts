/**
 * As much of a pod as an injection looks at. Everything else is carried along as it came: the objects are never
 * changed, and what is unchanged stays the same object.
 */
import { isObject, type Loose } from "./loose.ts";
import { Refusal } from "./refusal.ts";

export interface Pod {
  readonly metadata?: Metadata;
  readonly spec: PodSpec;
  readonly status?: { readonly phase?: string };
}

export interface Metadata {
  readonly name?: string;
  readonly generateName?: string;
  readonly namespace?: string;
  readonly annotations?: Annotations;
  readonly ownerReferences?: readonly { readonly kind?: string }[];
}

export type Annotations = Readonly<Record<string, string>>;

export interface PodSpec {
  readonly containers: readonly Container[];
  readonly initContainers?: readonly Container[];
  readonly volumes?: readonly Volume[];
  readonly securityContext?: { readonly runAsUser?: number };
  readonly shareProcessNamespace?: boolean;
  readonly hostNetwork?: boolean;
  readonly automountServiceAccountToken?: boolean;
  readonly restartPolicy?: string;
  readonly activeDeadlineSeconds?: number;
  readonly terminationGracePeriodSeconds?: number;
}

export interface Container {
  readonly name: string;
  readonly image?: string;
  readonly command?: readonly string[];
  readonly args?: readonly string[];
  readonly env?: readonly EnvVar[];
  readonly ports?: readonly { readonly name?: string; readonly containerPort?: number }[];
  readonly resources?: object;
  readonly volumeMounts?: readonly VolumeMount[];
  readonly lifecycle?: object;
  readonly securityContext?: { readonly runAsUser?: number; readonly [key: string]: unknown };
  readonly restartPolicy?: string;
  readonly startupProbe?: object;
  readonly readinessProbe?: object;
  readonly livenessProbe?: object;
}

export interface EnvVar {
  readonly name: string;
  readonly value?: string;
  readonly valueFrom?: { readonly fieldRef: { readonly fieldPath: string } };
}

export interface VolumeMount {
  readonly name: string;
  readonly mountPath: string;
  readonly readOnly?: boolean;
  readonly subPath?: string;
  readonly subPathExpr?: string;
}

export interface Volume {
  readonly name: string;
  readonly emptyDir?: { readonly medium?: string; readonly sizeLimit?: string };
  readonly secret?: { readonly secretName: string };
  readonly configMap?: { readonly name: string };
  readonly projected?: {
    readonly sources?: readonly { readonly serviceAccountToken?: { readonly path?: string } }[] | null;
  } | null;
}

/** Checks the shape of all that an injection looks at. Throws a Refusal that names the place. */
export function readPod(value: unknown): Pod {
  const pod = object(value, "the pod");
  optional(pod.metadata, (metadata) => readMetadata(object(metadata, "metadata")));
  optional(pod.status, (status) => optional(object(status, "status").phase, (phase) => text(phase, "status.phase")));
  const spec = object(pod.spec, "spec");
  list(spec.containers, "spec.containers").forEach(readContainer("spec.containers"));
  optional(spec.initContainers, (all) =>
    list(all, "spec.initContainers").forEach(readContainer("spec.initContainers")),
  );
  optional(spec.volumes, (all) => list(all, "spec.volumes").forEach(readVolume));
  optional(spec.securityContext, (context) => readSecurityContext(context, "spec.securityContext"));
  optional(spec.shareProcessNamespace, (share) => flag(share, "spec.shareProcessNamespace"));
  for (const key of ["activeDeadlineSeconds", "terminationGracePeriodSeconds"])
    optional(spec[key], (value) => wholeNumber(value, `spec.${key}`));
  return value as Pod;
}

export function annotationsOf(pod: Pod): Annotations {
  return pod.metadata?.annotations ?? {};
}

// ---- internal ----

/** Of all names and values together. */
const MOST_ANNOTATIONS = 256 * 1024;

function readMetadata(metadata: Loose): void {
  for (const key of ["name", "generateName", "namespace"])
    optional(metadata[key], (value) => text(value, `metadata.${key}`));
  optional(metadata.annotations, (all) => {
    let size = 0;
    for (const [name, value] of Object.entries(object(all, "metadata.annotations"))) {
      if (typeof value !== "string")
        throw new Refusal(`the annotation ${name} must be a text, and is ${kindOf(value)}`, "put quotes around it");
      size += name.length + value.length;
    }
    // As the API server will say, which validates what is admitted, and only then.
    if (size > MOST_ANNOTATIONS)
      throw new Refusal(`metadata.annotations: Too long: must have at most ${MOST_ANNOTATIONS} bytes`);
  });
  optional(metadata.ownerReferences, (all) =>
    list(all, "metadata.ownerReferences").forEach((one, at) => void object(one, `metadata.ownerReferences[${at}]`)),
  );
}

function readContainer(of: string): (value: unknown, at: number) => void {
  return (value, at) => {
    const where = `${of}[${at}]`;
    const container = object(value, where);
    text(container.name, `${where}.name`);
    optional(container.volumeMounts, (mounts) =>
      list(mounts, `${where}.volumeMounts`).forEach((one, i) => {
        const mount = object(one, `${where}.volumeMounts[${i}]`);
        text(mount.name, `${where}.volumeMounts[${i}].name`);
        text(mount.mountPath, `${where}.volumeMounts[${i}].mountPath`);
      }),
    );
    for (const key of ["env", "ports"])
      optional(container[key], (all) =>
        list(all, `${where}.${key}`).forEach((one, i) => void object(one, `${where}.${key}[${i}]`)),
      );
    optional(container.securityContext, (context) => readSecurityContext(context, `${where}.securityContext`));
  };
}

function readVolume(value: unknown, at: number): void {
  const volume = object(value, `spec.volumes[${at}]`);
  text(volume.name, `spec.volumes[${at}].name`);
  optional(volume.projected, (projected) =>
    optional(object(projected, `spec.volumes[${at}].projected`).sources, (sources) =>
      list(sources, `spec.volumes[${at}].projected.sources`).forEach((one, i) => {
        const source = object(one, `spec.volumes[${at}].projected.sources[${i}]`);
        optional(source.serviceAccountToken, (token) => void object(token, "serviceAccountToken"));
      }),
    ),
  );
}

function readSecurityContext(value: unknown, where: string): void {
  optional(object(value, where).runAsUser, (user) => wholeNumber(user, `${where}.runAsUser`));
}

function optional(value: unknown, read: (value: unknown) => void): void {
  if (value !== undefined && value !== null) read(value);
}

function object(value: unknown, where: string): Loose {
  if (isObject(value)) return value;
  throw new Refusal(`${where} must be an object, and is ${kindOf(value)}`);
}

function list(value: unknown, where: string): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw new Refusal(`${where} must be a list, and is ${kindOf(value)}`);
}

function text(value: unknown, where: string): void {
  if (typeof value !== "string") throw new Refusal(`${where} must be a text, and is ${kindOf(value)}`);
}

function flag(value: unknown, where: string): void {
  if (typeof value !== "boolean") throw new Refusal(`${where} must be true or false, and is ${kindOf(value)}`);
}

function wholeNumber(value: unknown, where: string): void {
  if (!Number.isInteger(value)) throw new Refusal(`${where} must be a whole number, and is ${kindOf(value)}`);
}

function kindOf(value: unknown): string {
  if (value === undefined) return "absent";
  if (value === null) return "null";
  if (Array.isArray(value)) return "a list";
  return typeof value === "object"
    ? "an object"
    : typeof value === "string"
      ? "a text"
      : `the ${typeof value} ${value}`;
}
