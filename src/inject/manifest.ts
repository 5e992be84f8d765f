/** Objects of a manifest: where their pods are described, and the same injection for each of them. */

import { PREFIX } from "./annotations.ts";
import { difference } from "./difference.ts";
import { type Injection, inject } from "./inject.ts";
import type { Operation } from "./json-patch.ts";
import { asObject } from "./loose.ts";
import { Refusal } from "./refusal.ts";
import type { Settings } from "./settings.ts";

export interface ManifestOptions {
  readonly settings: Settings;
  /** For objects that name none. */
  readonly namespace: string;
}

export interface ManifestOutcome {
  /** What changes the object; empty where it stays as it is. */
  readonly operations: readonly Operation[];
  /** `Deployment tsb: …`. */
  readonly warnings: readonly string[];
  readonly injected: readonly string[];
}

/** Throws a Refusal that names the object. Objects of kinds that have no pods stay as they are. */
export function injectManifest(value: unknown, options: ManifestOptions): ManifestOutcome {
  const found = podsOf(value, options.namespace).map((one) => ({ ...one, injection: injectOne(one, options) }));
  const done = found.flatMap((one) => (one.injection.outcome === "injected" ? [{ ...one, ...one.injection }] : []));
  return {
    operations: done.flatMap(({ pod, template, path }) => difference(template, pod, path)),
    injected: done.map(({ name }) => name),
    warnings: [
      ...done.flatMap(({ name, warnings }) => warnings.map((warning) => `${name}: ${warning}`)),
      ...found.filter(({ misplaced }) => misplaced).map(({ name }) => `${name}: ${MISPLACED}`),
    ],
  };
}

// ---- internal ----

const MISPLACED = `the annotation ${PREFIX}agent-inject stands at the object itself, and has its effect only in its pod template`;

/** Where each kind has its pods, as keys from the object. */
const TEMPLATES: Readonly<Record<string, readonly string[]>> = {
  Pod: [],
  Deployment: ["spec", "template"],
  StatefulSet: ["spec", "template"],
  DaemonSet: ["spec", "template"],
  ReplicaSet: ["spec", "template"],
  ReplicationController: ["spec", "template"],
  Job: ["spec", "template"],
  CronJob: ["spec", "jobTemplate", "spec", "template"],
};

interface Described {
  readonly name: string;
  readonly namespace: string;
  readonly template: unknown;
  /** JSON pointer of the template in the object. */
  readonly path: string;
  readonly misplaced: boolean;
  /** Of the Job that makes the pods, in seconds. */
  readonly jobDeadline: number | undefined;
}

function podsOf(value: unknown, namespace: string, at = ""): readonly Described[] {
  const object = asObject(value);
  const kind = typeof object?.kind === "string" ? object.kind : "";
  if (object === undefined || kind === "") return [];
  if (kind.endsWith("List") && Array.isArray(object.items))
    return object.items.flatMap((item, i) => podsOf(item, namespace, `${at}/items/${i}`));
  const keys = Object.hasOwn(TEMPLATES, kind) ? TEMPLATES[kind] : undefined;
  if (keys === undefined) return [];
  const inside = (path: readonly string[]) => path.reduce<unknown>((inner, key) => asObject(inner)?.[key], object);
  const template = inside(keys);
  if (!Array.isArray(asObject(asObject(template)?.spec)?.containers)) return [];
  const metadata = asObject(object.metadata);
  const deadline = asObject(inside(keys.slice(0, -1)))?.activeDeadlineSeconds;
  const own = typeof metadata?.namespace === "string" ? metadata.namespace : namespace;
  const asked = (one: unknown) => asObject(asObject(asObject(one)?.metadata)?.annotations)?.[`${PREFIX}agent-inject`];
  return [
    {
      name: [kind, metadata?.name ?? metadata?.generateName].filter((part) => typeof part === "string").join(" "),
      namespace: own,
      template,
      path: [at, ...keys].join("/"),
      jobDeadline: typeof deadline === "number" ? deadline : undefined,
      misplaced: keys.length > 0 && asked(object) !== undefined && asked(template) === undefined,
    },
  ];
}

function injectOne({ name, namespace, template, jobDeadline }: Described, { settings }: ManifestOptions): Injection {
  try {
    // What a manifest leaves to the cluster, the injector itself would not find.
    return inject(template, { settings, namespace, admitted: !settings.improve, jobDeadline });
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    throw new Refusal(`${name}: ${error.message}`, error.hint);
  }
}
