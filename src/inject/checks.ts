/** What would break a pod only after it has started, found before: templates, configuration, mounts. */
import { decodeDocument } from "../config/decode/agent.ts";
import { SyntaxFault } from "../config/hcl/ast.ts";
import { parseDocument } from "../config/hcl/document.ts";
import { merge, NOTHING_DECLARED } from "../config/merge.ts";
import { resolve } from "../config/resolve.ts";
import { violations } from "../config/rules.ts";
import { startFaults } from "../config/start-faults.ts";
import { type Fault, formatFault, TemplateError } from "../errors.ts";
import { placeInWords } from "../render/excerpt.ts";
import { compileGoTemplate } from "../render/go/engine.ts";
import { agentConfig, templateText } from "./agent-config.ts";
import type { Blocks } from "./blocks.ts";
import { INIT, SIDECAR } from "./containers.ts";
import type { Container, Pod } from "./kubernetes.ts";
import type { OwnWishes } from "./own-annotations.ts";
import { Refusal, within } from "./refusal.ts";
import type { InjectionRequest } from "./request.ts";
import { isInjectedVolume, secretMounts } from "./volumes.ts";

/** Every template that stands in an annotation is parsed; beside a ConfigMap none is used. */
export function checkTemplates(request: InjectionRequest): void {
  const { secrets, defaultTemplate } = request;
  if (configuredByMap(request)) return;
  for (const secret of secrets) {
    const text = templateText(secret, defaultTemplate);
    if (text === undefined) continue;
    try {
      compileGoTemplate(text, {
        name: "",
        leftDelimiter: secret.leftDelimiter,
        rightDelimiter: secret.rightDelimiter,
        errorOnMissingKey: secret.errorOnMissingKey,
        functionDenylist: [],
        destination: secret.destination,
      });
    } catch (error) {
      if (!(error instanceof TemplateError)) throw error;
      const place = error.excerpt === undefined ? [] : [placeInWords(error.excerpt)];
      const hint = [...(error.hint === undefined ? [] : [error.hint]), ...place].join("; ") || undefined;
      throw new Refusal(`vault.hashicorp.com/agent-inject-template-${secret.rawName}: ${error.message}`, hint);
    }
  }
}

/** The configuration is read as the containers will read it; each own annotation by itself first, to name it. */
export function checkConfiguration(request: InjectionRequest, wishes: OwnWishes, blocks: Blocks): void {
  for (const { annotation, blocks: part } of wishes.parts) {
    const [fault] = decode(annotation, JSON.stringify(part)).errors;
    if (fault !== undefined) throw new Refusal(`${annotation}: ${fault.message}`, fault.hint);
  }
  const further = wishes.config === undefined ? [] : [decode("lessee/config", wishes.config)];
  const mapped = configuredByMap(request);
  if (mapped && wishes.config !== undefined)
    throw new Refusal(
      "lessee/config has no place beside vault.hashicorp.com/agent-configmap",
      "put it into the ConfigMap",
    );
  const main = within("error creating patch for agent", () =>
    decode("the configuration", JSON.stringify(mapped ? blocks : { ...agentConfig(request, false), ...blocks })),
  );
  const all = [main, ...further];
  refuse(all.flatMap(({ errors }) => errors));
  if (mapped) return;
  const merged = all.map(({ declared }) => declared).reduce(merge, NOTHING_DECLARED);
  const { config, faults, refusals } = resolve(merged, {}, { values: new Map(), positional: [] });
  const broken = violations(merged).map(({ message }) => ({ file: "the configuration", message }));
  refuse([...faults, ...broken, ...refusals, ...startFaults(config)]);
}

/** An application that sees one file instead of the folder, or nothing at all. */
export function checkMounts({ spec }: Pod, request: InjectionRequest, blocks: Blocks): void {
  const inPlace = Object.values(blocks.credential ?? {}).some(({ publish }) => publish === "in-place");
  const ours = secretMounts(request);
  for (const container of [...spec.containers, ...(spec.initContainers ?? [])]) {
    if ([INIT, SIDECAR].includes(container.name))
      throw new Refusal(`the pod has a container ${container.name} already`, "an injection adds one of that name");
    for (const mount of container.volumeMounts ?? []) {
      const part = mount.subPath || mount.subPathExpr;
      if (part && !inPlace && isInjectedVolume(mount.name))
        throw new Refusal(
          `the container ${container.name} mounts ${part} of ${mount.name} by subPath, and would never see a new password`,
          "mount the folder; or set lessee/publish: in-place, where a reader may meet half a file",
        );
      const clash = ours.find(({ mountPath, name }) => samePath(mountPath, mount.mountPath) && name !== mount.name);
      if (clash !== undefined && receives(container, spec, request))
        throw new Refusal(
          `the container ${container.name} has the volume ${mount.name} at ${mount.mountPath}`,
          "choose another vault.hashicorp.com/secret-volume-path",
        );
    }
  }
  for (const { name, emptyDir } of spec.volumes ?? [])
    if (isInjectedVolume(name) && emptyDir === undefined)
      throw new Refusal(`the pod has a volume ${name} that is no emptyDir`, "an injection adds one of that name");
}

// ---- internal ----

function configuredByMap({ annotations }: InjectionRequest): boolean {
  return annotations.text("agent-configmap") !== "";
}

function decode(file: string, text: string) {
  const errors: Fault[] = [];
  try {
    const { syntax, root } = parseDocument(new TextEncoder().encode(text));
    return { errors, declared: decodeDocument({ file, syntax, errors, warnings: [] }, root, {}) };
  } catch (error) {
    if (!(error instanceof SyntaxFault)) throw error;
    errors.push({ file, line: error.position.line, message: error.message });
    return { errors, declared: NOTHING_DECLARED };
  }
}

function refuse(faults: readonly Fault[]): void {
  if (faults.length > 0) throw new Refusal(faults.map(formatFault).join("; "));
}

function receives(container: Container, spec: Pod["spec"], request: InjectionRequest): boolean {
  return spec.containers.includes(container) ? request.containers.includes(container.name) : request.prePopulate;
}

function samePath(a: string, b: string): boolean {
  return a.replace(/\/+$/, "") === b.replace(/\/+$/, "");
}
