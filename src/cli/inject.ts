/** `lessee inject`: manifests in, manifests with a sidecar out, for a cluster without the webhook. */
import { describe, LesseeError } from "../errors.ts";
import { injectText } from "../inject/manifest-text.ts";
import type { Settings } from "../inject/settings.ts";
import { tsbOverlay } from "../inject/tsb.ts";
import type { World } from "../ports.ts";
import { type FlagDefinition, helpText, parseFlags } from "./flags.ts";
import { loadSettings, SETTING_FLAGS } from "./inject-settings.ts";
import { readInput } from "./input.ts";

const GROUP = "Inject";

export const INJECT_FLAGS: readonly FlagDefinition[] = [
  {
    name: "f",
    kind: "list",
    group: GROUP,
    placeholder: "FILE",
    help: "A manifest, YAML or JSON; - for standard input.",
  },
  {
    name: "namespace",
    kind: "text",
    group: GROUP,
    placeholder: "NAME",
    default: "default",
    help: "Of objects that name none; with -tsb-overlay that of the ManagementPlane, tsb by default.",
  },
  {
    name: "tsb-overlay",
    kind: "bool",
    group: GROUP,
    help: "Print the same for Tetrate Service Bridge, whose operator owns its Deployments: overlays for the ManagementPlane. -f may name tsb, spm and spmsync as they are in the cluster.",
  },
  {
    name: "annotation",
    kind: "list",
    group: GROUP,
    placeholder: "NAME=VALUE",
    help: "With -tsb-overlay: beside the annotations of Tetrate's documentation, or instead of one.",
  },
  ...SETTING_FLAGS,
];

/** Writes all manifests to stdout and resolves to 0; or resolves to 1 with every fault on stderr, and nothing is written. */
export async function runInject(args: readonly string[], world: World): Promise<number> {
  const outcome = parseFlags(args, INJECT_FLAGS);
  if (outcome.kind === "help") {
    world.stdout.write(
      helpText(
        "lessee inject -f FILE [flags]",
        "Adds lessee to the pods of a manifest that ask for it by Vault's annotations, as the webhook would. Everything else is printed as it came.",
        INJECT_FLAGS,
      ),
    );
    return 0;
  }
  const say = (line: string) => void world.stderr.write(`${line}\n`);
  try {
    if (outcome.kind === "invalid") throw new LesseeError("usage", outcome.message);
    const { values, positional } = outcome.flags;
    const paths = values.get("f") ?? [];
    if (positional.length > 0)
      throw new LesseeError("usage", `what is ${positional[0]}?`, { hint: "name files with -f" });
    const settings = await loadSettings(values, world);
    if (values.get("tsb-overlay")?.at(-1) === "true") {
      const { text, warnings } = await overlay(values, settings, world);
      for (const warning of warnings) say(`warning: ${warning}`);
      world.stdout.write(text);
      return 0;
    }
    if (paths.length === 0)
      throw new LesseeError("usage", "-f is required", { hint: "-f FILE, or -f - for standard input" });
    if (values.has("annotation")) throw new LesseeError("usage", "-annotation goes with -tsb-overlay");
    const namespace = values.get("namespace")?.at(-1) ?? "default";
    const { texts, warnings, faults } = await injectAll(paths, { settings, namespace }, world);
    for (const warning of warnings) say(`warning: ${warning}`);
    for (const fault of faults) say(fault);
    if (faults.length > 0) return 1;
    world.stdout.write(texts.map(endingInLine).reduce((all, text) => (all === "" ? text : parted(all, text)), ""));
    return 0;
  } catch (error) {
    if (!(error instanceof LesseeError)) throw error;
    say(describe(error));
    return 1;
  }
}

// ---- internal ----

async function injectAll(
  paths: readonly string[],
  options: { readonly settings: Settings; readonly namespace: string },
  world: World,
) {
  const texts: string[] = [];
  const warnings: string[] = [];
  const faults: string[] = [];
  for (const path of paths) {
    const name = path === "-" ? "standard input" : path;
    try {
      const done = await injectText(await readInput(path, world), options);
      texts.push(done.text);
      warnings.push(...done.warnings.map((warning) => `${name}: ${warning}`));
    } catch (error) {
      if (!(error instanceof LesseeError)) throw error;
      faults.push(`${name}: ${describe(error)}`);
    }
  }
  return { texts, warnings, faults };
}

/** The overlays as YAML, under what is to be done with them. */
async function overlay(flags: ReadonlyMap<string, readonly string[]>, settings: Settings, world: World) {
  const yaml = await import("yaml");
  const texts = await Promise.all((flags.get("f") ?? []).map((path) => readInput(path, world)));
  const present = texts.flatMap((text) => yaml.parseAllDocuments(text).map((document) => document.toJS() as unknown));
  const annotations = (flags.get("annotation") ?? []).map((text) => {
    const [name = "", ...value] = text.split("=");
    if (name === "" || value.length === 0) throw new LesseeError("usage", `-annotation=${text} is no NAME=VALUE`);
    return [name, value.join("=")] as const;
  });
  const namespace = flags.get("namespace")?.at(-1) ?? "tsb";
  const { resource, warnings } = tsbOverlay({
    settings,
    namespace,
    annotations: Object.fromEntries(annotations),
    present,
  });
  const body = yaml.stringify(resource, { lineWidth: 0, aliasDuplicateObjects: false });
  return { text: `${OVERLAY_HEAD}${body}`, warnings };
}

const OVERLAY_HEAD = `# To be merged into the ManagementPlane that there is: only what stands below spec.components is new. docs/webhook.md
# says how, step by step.
`;

/** Two files become one stream of documents. */
function parted(before: string, after: string): string {
  return /^---(\s|$)/.test(after) ? before + after : `${before}---\n${after}`;
}

function endingInLine(text: string): string {
  return text === "" || text.endsWith("\n") ? text : `${text}\n`;
}
