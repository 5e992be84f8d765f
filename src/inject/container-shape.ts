/** A container after a JSON patch, as Kubernetes' own types hold it: what they do not know is gone, a wrong kind is refused. */

import { jsonKind } from "./json-patch.ts";
import type { Container } from "./kubernetes.ts";
import { isObject } from "./loose.ts";
import { quantity } from "./quantity.ts";
import { Refusal } from "./refusal.ts";

/** Throws a Refusal in Go's words. */
export function asContainer(value: unknown): Container {
  if (!isObject(value))
    throw new Refusal(`json: cannot unmarshal ${jsonKind(value)} into Go value of type v1.Container`);
  const known = Object.entries(value).filter(([key, inner]) => Object.hasOwn(FIELDS, key) && inner !== null);
  for (const [key, inner] of known) check(key, inner, FIELDS[key] as string);
  const { resources = {}, ...rest } = Object.fromEntries(known);
  return { name: "", ...rest, resources: withQuantities(resources as object) } as Container;
}

// ---- internal ----

/** By Go's types; a name in capitals is an object. */
const FIELDS: Readonly<Record<string, string>> = {
  name: "string",
  image: "string",
  command: "[]string",
  args: "[]string",
  workingDir: "string",
  ports: "[]v1.ContainerPort",
  envFrom: "[]v1.EnvFromSource",
  env: "[]v1.EnvVar",
  resources: "v1.ResourceRequirements",
  resizePolicy: "[]v1.ContainerResizePolicy",
  restartPolicy: "v1.ContainerRestartPolicy",
  restartPolicyRules: "[]v1.ContainerRestartRule",
  volumeMounts: "[]v1.VolumeMount",
  volumeDevices: "[]v1.VolumeDevice",
  livenessProbe: "v1.Probe",
  readinessProbe: "v1.Probe",
  startupProbe: "v1.Probe",
  lifecycle: "v1.Lifecycle",
  terminationMessagePath: "string",
  terminationMessagePolicy: "v1.TerminationMessagePolicy",
  imagePullPolicy: "v1.PullPolicy",
  securityContext: "v1.SecurityContext",
  stdin: "bool",
  stdinOnce: "bool",
  tty: "bool",
};

/** Texts with a name of their own. */
const TEXTS = ["string", "v1.ContainerRestartPolicy", "v1.TerminationMessagePolicy", "v1.PullPolicy"];

function check(key: string, value: unknown, type: string): void {
  const fault = (wrong: unknown, wanted: string) =>
    new Refusal(
      `json: cannot unmarshal ${jsonKind(wrong)} into Go struct field Container.${key} of type ${wanted}`,
      "the JSON patch has to leave a container",
    );
  if (!type.startsWith("[]")) {
    if (!fits(value, type)) throw fault(value, type);
    return;
  }
  if (!Array.isArray(value)) throw fault(value, type);
  const element = type.slice(2);
  const wrong = value.find((one) => one !== null && !fits(one, element));
  if (wrong !== undefined) throw fault(wrong, element);
}

function fits(value: unknown, type: string): boolean {
  if (type === "bool") return typeof value === "boolean";
  return TEXTS.includes(type) ? typeof value === "string" : isObject(value);
}

function withQuantities(resources: object): object {
  return Object.fromEntries(
    Object.entries(resources).map(([which, list]) => [
      which,
      isObject(list) && which !== "claims"
        ? Object.fromEntries(Object.entries(list).map(([name, amount]) => [name, quantity(String(amount).trim())]))
        : list,
    ]),
  );
}
