/** `lessee render`: what a template makes of these secrets, without a server. */
import { describe, describeAtLength, LesseeError } from "../errors.ts";
import type { World } from "../ports.ts";
import { createHost } from "../publish/host.ts";
import { offlineBrain, renderOffline } from "../render/offline.ts";
import type { Brain, Dependency } from "../render/template.ts";
import { certificateIn } from "../vault/certificates.ts";
import type { VaultSecret } from "../vault/secret.ts";
import { type FlagDefinition, helpText, parseFlags } from "./flags.ts";
import { readInput } from "./input.ts";

const GROUP = "Render";

const RENDER_FLAGS: readonly FlagDefinition[] = [
  { name: "template", kind: "text", group: GROUP, placeholder: "FILE", help: "The template; - for standard input." },
  {
    name: "secrets",
    kind: "text",
    group: GROUP,
    placeholder: "FILE",
    help: "Vault's answers as JSON: reads and lists by path, writes with path, data and response; - for standard input.",
  },
  {
    name: "engine",
    kind: "text",
    group: GROUP,
    placeholder: "go|handlebars",
    help: "The template's language. Without it a file named *.hbs is Handlebars, any other a Go template.",
  },
  { name: "left-delimiter", kind: "text", group: GROUP, default: "{{", help: "What begins an action." },
  { name: "right-delimiter", kind: "text", group: GROUP, default: "}}", help: "What ends an action." },
  { name: "error-on-missing-key", kind: "bool", group: GROUP, help: "A key that is not there is an error." },
  {
    name: "function-denylist",
    kind: "list",
    group: GROUP,
    placeholder: "NAME",
    help: "A function that may not be called; with * for any part of a name, several separated by commas.",
  },
  {
    name: "destination",
    kind: "text",
    group: GROUP,
    placeholder: "PATH",
    help: "Where the file would be written: pkiCert takes the certificate that stands there, unless the secrets have one.",
  },
];

/** Writes the bytes to stdout and resolves to 0, or the error to stderr and 1. */
export async function runRender(args: readonly string[], world: World): Promise<number> {
  const outcome = parseFlags(args, RENDER_FLAGS);
  if (outcome.kind === "help") {
    world.stdout.write(
      helpText(
        "lessee render -template=FILE -secrets=FILE [flags]",
        "Renders a template with secrets from a file, as the agent would with the server's. What is asked for and not in the file is named.",
        RENDER_FLAGS,
      ),
    );
    return 0;
  }
  try {
    if (outcome.kind === "invalid") throw new LesseeError("usage", outcome.message);
    world.stdout.write(await render(outcome.flags.values, world));
    return 0;
  } catch (error) {
    world.stderr.write(`${describeAtLength(error)}\n`);
    return 1;
  }
}

async function render(flags: ReadonlyMap<string, readonly string[]>, world: World): Promise<Uint8Array> {
  const flag = (name: string) => flags.get(name)?.at(-1);
  const template = flag("template") ?? required("template");
  const secrets = flag("secrets") ?? required("secrets");
  if (template === "-" && secrets === "-")
    throw new LesseeError("usage", "only one of -template and -secrets can be -");
  const source = await named(template, readInput(template, world));
  const destination = flag("destination") ?? "";
  const known = offlineBrain(await named(secrets, readInput(secrets, world)), world.clock.now());
  const brain = withCertificates(known, await certificatesAt(destination, world));
  const host = createHost({ ...world, print: (text) => world.stderr.write(text) });
  const options = {
    name: "",
    leftDelimiter: flag("left-delimiter") ?? "{{",
    rightDelimiter: flag("right-delimiter") ?? "}}",
    errorOnMissingKey: flag("error-on-missing-key") === "true",
    functionDenylist: (flags.get("function-denylist") ?? []).flatMap((names) => names.split(",")),
    destination,
  };
  return renderOffline({ engine: engineOf(flag("engine"), template), source, options }, brain, host);
}

/** As the agent would: one that is over would be issued anew, and there is nobody here to ask for that. */
async function certificatesAt(
  destination: string,
  { clock, files }: World,
): Promise<(dependency: Dependency) => VaultSecret | undefined> {
  const text = destination === "" ? "" : await files.readFile(destination, "utf8").catch(() => "");
  return (dependency) =>
    dependency.kind === "pki" ? (certificateIn(text, dependency.data, clock.now(), 1) ?? undefined) : undefined;
}

function withCertificates(brain: Brain, standing: (dependency: Dependency) => VaultSecret | undefined): Brain {
  return { ...brain, recall: (dependency) => brain.recall(dependency) ?? standing(dependency) };
}

async function named<T>(path: string, reading: Promise<T>): Promise<T> {
  return reading.catch((error: unknown) => {
    throw new LesseeError("usage", `${path}: ${describe(error)}`);
  });
}

function engineOf(name: string | undefined, template: string): "go" | "handlebars" {
  if (name === undefined) return template.endsWith(".hbs") ? "handlebars" : "go";
  if (name === "go" || name === "handlebars") return name;
  throw new LesseeError("usage", `-engine must be go or handlebars, not ${JSON.stringify(name)}`);
}

function required(name: string): never {
  throw new LesseeError("usage", `-${name} is required`, { hint: "lessee render -help shows all flags" });
}
