/**
 * What the API server, kubelet or the kernel would not take, found in the annotation that it comes from: a pod that is
 * admitted and cannot start says much less.
 */
import { nearest } from "../config/nearest.ts";
import { agentConfig } from "./agent-config.ts";
import type { Annotations, Container, Pod } from "./kubernetes.ts";
import { ownAnnotations } from "./own-annotations.ts";
import { Refusal } from "./refusal.ts";
import type { InjectionRequest } from "./request.ts";
import { furtherFolders } from "./secrets.ts";

/** The values as they stand in the annotations. */
export function checkValues({ spec }: Pod, request: InjectionRequest): void {
  checkSizes(request);
  if (request.prePopulateOnly && !request.prePopulate)
    throw fault("agent-pre-populate-only", "nothing is left to inject", "take away agent-pre-populate: false");
  for (const [name, id] of [
    ["user", request.runAsUser],
    ["group", request.runAsGroup],
  ] as const)
    if (id < 0 || id > 2 ** 31 - 1) throw fault(`agent-run-as-${name}`, `${id} is no ${name}`, "from 0 to 2147483647");
  const names = new Set(spec.containers.map((one) => one.name));
  for (const name of request.containers) {
    if (names.has(name)) continue;
    const likely = nearest(name, names);
    const hint = likely === undefined ? `there are ${short([...names].join(", "))}` : `did you mean ${likely}?`;
    throw fault("agent-inject-containers", `the pod has no container ${JSON.stringify(name)}`, hint);
  }
  for (const folder of [request.folder, ...furtherFolders(request.secrets, request.folder)])
    if (!/^\/[^:\0]*$/.test(folder) || folder.split("/").includes(".."))
      throw fault(
        "secret-volume-path",
        `${JSON.stringify(folder)} is no folder`,
        "an absolute path without `:` and `..`",
      );
  for (const { rawName, destination, folder } of request.secrets)
    if (!destination.startsWith(`${folder.replace(/\/+$/, "")}/`))
      throw fault(`agent-inject-file-${rawName}`, `${destination} lies outside of ${folder}`, "a path below it");
  for (const name of ["tls-secret", "agent-extra-secret", "agent-configmap"]) {
    const value = request.annotations.text(name);
    if (value !== "" && (value.length > 253 || !OBJECT_NAME.test(value)))
      throw fault(
        name,
        `${JSON.stringify(short(value))} is no name of an object`,
        "lower-case letters, digits, - and .",
      );
  }
}

/** An injected container as it will be, with what a JSON patch has made of it. */
export function checkContainer(container: Container): void {
  const { name, image, env = [], volumeMounts = [] } = container;
  if (name === "")
    throw new Refusal("the JSON patch leaves no container", "it may change a container, and not take away its name");
  if (image === undefined)
    throw new Refusal(
      `the JSON patch leaves the container ${name} no image`,
      "it may change a container, and not take away its image",
    );
  if (typeof image !== "string" || !/^\S+$/.test(image))
    throw fault("agent-image", `${JSON.stringify(image)} is no image`, "as registry.example/lessee:TAG");
  for (const variable of env as Container["env"] & object) {
    const size = bytes(`${variable.name}=${variable.value ?? ""}`) + 1;
    if (size > MOST_OF_A_VARIABLE) throw tooLong(variable.name, size);
  }
  const paths = (volumeMounts as Container["volumeMounts"] & object).map(({ mountPath }) => mountPath);
  const seen = new Set<string>();
  const twice = paths.find((path) => seen.size === seen.add(path).size);
  if (twice !== undefined)
    throw new Refusal(
      `the container ${name} would mount two volumes at ${twice}`,
      "choose another vault.hashicorp.com/secret-volume-path",
    );
  checkResources(container.resources);
}

/** Before the long work of reading what they say. */
export function checkOwnSize(annotations: Annotations): void {
  const size = ownAnnotations(annotations).reduce(
    (sum, name) => sum + name.length + (annotations[name] ?? "").length,
    0,
  );
  if (size > MOST_OF_OWN)
    throw new Refusal(
      `the annotations of lessee are ${kibibytes(size)} KiB together, and at most ${kibibytes(MOST_OF_OWN)} KiB may be`,
      "put a long configuration into a ConfigMap: vault.hashicorp.com/agent-configmap",
    );
}

// ---- internal ----

/** Linux takes no longer one in the environment of a program: it would not start at all. */
const MOST_OF_A_VARIABLE = 128 * 1024;
/** lessee's own together; what they say ends in a variable. */
const MOST_OF_OWN = 64 * 1024;

const OBJECT_NAME = /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/;

/** Before the long work of checking what is said. */
function checkSizes(request: InjectionRequest): void {
  if (request.annotations.text("agent-configmap") !== "") return;
  const size = Math.ceil((bytes(JSON.stringify(agentConfig(request, false))) * 4) / 3);
  if (size > MOST_OF_A_VARIABLE) throw tooLong("VAULT_CONFIG", size);
}

function tooLong(name: string, size: number): Refusal {
  return new Refusal(
    `the configuration is too long: ${name} would be ${kibibytes(size)} KiB, and Linux takes ${kibibytes(MOST_OF_A_VARIABLE)} KiB`,
    "put templates into files (vault.hashicorp.com/agent-inject-template-file-NAME), or all of it into a ConfigMap (vault.hashicorp.com/agent-configmap)",
  );
}

function checkResources(resources: object | undefined): void {
  const { limits = {}, requests = {} } = (resources ?? {}) as Record<string, Record<string, unknown> | undefined>;
  for (const [which, list] of [
    ["limits", limits],
    ["requests", requests],
  ] as const)
    for (const [name, amount] of Object.entries(list))
      if (String(amount).startsWith("-"))
        throw new Refusal(`the ${which} of ${name} are negative: ${amount}`, `vault.hashicorp.com/agent-${which}-…`);
  for (const [name, amount] of Object.entries(requests))
    if (limits[name] !== undefined && amountOf(amount) > amountOf(limits[name]))
      throw new Refusal(
        `the requests of ${name} are more than the limit: ${amount} of ${limits[name]}`,
        "lower vault.hashicorp.com/agent-requests-…, or raise vault.hashicorp.com/agent-limits-…",
      );
}

const SUFFIXES: Readonly<Record<string, number>> = {
  ...Object.fromEntries(["n", "u", "m", "", "k", "M", "G", "T", "P", "E"].map((one, at) => [one, 1000 ** (at - 3)])),
  ...Object.fromEntries(["Ki", "Mi", "Gi", "Ti", "Pi", "Ei"].map((one, at) => [one, 1024 ** (at + 1)])),
};

/** Of a Kubernetes quantity. */
function amountOf(amount: unknown): number {
  const [, number = "", suffix = ""] = /^([+-]?[\d.]+(?:[eE][+-]?\d+)?)([A-Za-z]*)$/.exec(String(amount)) ?? [];
  return Number(number) * (SUFFIXES[suffix] ?? 1);
}

function fault(annotation: string, why: string, hint: string): Refusal {
  return new Refusal(`vault.hashicorp.com/${annotation}: ${why}`, hint);
}

function bytes(text: string): number {
  return new TextEncoder().encode(text).length;
}

function kibibytes(size: number): number {
  return Math.ceil(size / 1024);
}

function short(text: string): string {
  return text.length <= 80 ? text : `${text.slice(0, 80)}…`;
}
