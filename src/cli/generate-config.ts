/** `lessee agent generate-config`: a configuration to begin with, made from the fields of secrets that there are. */
import { describe, LesseeError } from "../errors.ts";
import type { World } from "../ports.ts";
import type { Sensitive } from "../sensitive.ts";
import type { VaultClient } from "../vault/client.ts";
import { SERVER_FLAGS } from "./agent-flags.ts";
import { connectByFlags, ownToken } from "./client.ts";
import { type FlagDefinition, helpText, parseFlags } from "./flags.ts";

const GENERATE = "Configuration";

const GENERATE_FLAGS: readonly FlagDefinition[] = [
  { name: "type", kind: "text", group: GENERATE, placeholder: "TYPE", help: 'What to generate: "env-template".' },
  {
    name: "path",
    kind: "list",
    group: GENERATE,
    placeholder: "PATH",
    help: "A KV secret whose fields become environment variables; PATH/* takes all below it.",
  },
  { name: "exec", kind: "text", group: GENERATE, placeholder: "COMMAND", default: "env", help: "What to run." },
  ...SERVER_FLAGS,
];

/** Resolves to the exit code, as `vault` has them: 1 for a wrong call, 2 for the server, 3 for the file. */
export async function runGenerateConfig(args: readonly string[], world: World): Promise<number> {
  const outcome = parseFlags(args, GENERATE_FLAGS);
  if (outcome.kind === "help") {
    world.stdout.write(
      helpText(
        "lessee agent generate-config -type=env-template [flags] [agent.hcl]",
        "Writes a configuration that runs a command with the fields of secrets in its environment. It logs in with a token file: for trying it out.",
        GENERATE_FLAGS,
      ),
    );
    return 0;
  }
  const fail = (code: 1 | 2 | 3, message: string) => {
    world.stderr.write(`${message}\n`);
    return code;
  };
  if (outcome.kind === "invalid") return fail(1, outcome.message);
  const { positional, values } = outcome.flags;
  const type = values.get("type")?.at(-1) ?? "";
  if (positional.length > 1) {
    return fail(1, `Too many arguments (expected at most 1, got ${positional.length})`);
  }
  if (type !== "env-template") {
    const wrong = type === "" ? "Please specify a -type flag" : `"${type}" is not a supported configuration type`;
    return fail(1, `${wrong}; currently only -type="env-template" is supported.`);
  }

  let text: string;
  try {
    const { address, client, transport } = await connectByFlags(outcome.flags, world);
    try {
      const templates = await templatesOf(values.get("path") ?? [], client, world);
      const command = (values.get("exec")?.at(-1) ?? "env").split(" ").filter((word) => word !== "");
      text = configuration({ address, command, templates, tokenFile: `${world.env.HOME ?? ""}/.vault-token` });
    } finally {
      transport.close();
    }
  } catch (error) {
    return fail(2, `Error: ${describe(error)}`);
  }
  const destination = positional[0] ?? "agent.hcl";
  try {
    const file = await world.files.open(destination, "w", 0o644);
    await file.writeFile(text).finally(() => file.close());
  } catch (error) {
    return fail(3, `Could not create configuration file "${destination}": ${describe(error)}`);
  }
  world.stdout.write(`Successfully generated "${destination}" configuration file!\n`);
  world.stderr.write("Warning: it logs in with a token file, which is not meant for production.\n");
  return 0;
}

interface EnvTemplate {
  readonly name: string;
  readonly contents: string;
}

/** One for each field. Rejects with a LesseeError for a secret that is not there, and for two fields of one name. */
async function templatesOf(
  paths: readonly string[],
  client: VaultClient,
  world: World,
): Promise<readonly EnvTemplate[]> {
  if (paths.length === 0) return [];
  const token = await ownToken(world);
  const templates = new Map<string, EnvTemplate>();
  for (const written of paths) {
    const path = written.replace(/^\/+|\/+$/g, "");
    const folder = path.endsWith("/*") ? path.slice(0, -2) : undefined;
    if ((folder ?? path).includes("*")) {
      throw new LesseeError("path", `the path ${JSON.stringify(path)} may have a * only as its last element`);
    }
    const mount = await mountOf(folder ?? path, token, client);
    const secrets = folder === undefined ? [path] : await below(relative(folder, mount), mount, token, client);
    for (const secret of secrets) {
      for (const template of await fieldsOf(relative(secret, mount), mount, token, client)) {
        if (templates.has(template.name)) {
          throw new LesseeError("path", `two fields would be the variable ${template.name}`, {
            hint: "generate for one of the secrets, and add the other by hand",
          });
        }
        templates.set(template.name, template);
      }
    }
  }
  return [...templates.values()];
}

interface KvMount {
  /** With a slash at its end. */
  readonly path: string;
  readonly versioned: boolean;
}

async function mountOf(path: string, token: Sensitive<string>, client: VaultClient): Promise<KvMount> {
  const mount = await client.mountOf(token, path);
  // A token that may not ask, or a server that does not answer: the first element is where KV 1 mostly lies.
  return mount === null
    ? { path: `${path.split("/")[0]}/`, versioned: false }
    : { path: mount.path, versioned: mount.version === "2" };
}

/** Below the mount, without the element that KV 2 puts in between. */
function relative(path: string, { path: mount, versioned }: KvMount): string {
  const inside = `${path}/`.startsWith(mount) ? `${path}/`.slice(mount.length) : `${path}/`;
  return (versioned ? inside.replace(/^(data|metadata)\//, "") : inside).replace(/\/$/, "");
}

async function below(
  folder: string,
  mount: KvMount,
  token: Sensitive<string>,
  client: VaultClient,
): Promise<readonly string[]> {
  const listed = await client.list(token, `${mount.path}${mount.versioned ? "metadata/" : ""}${folder}`);
  const keys = listed?.data.reveal()?.keys;
  const found: string[] = [];
  for (const key of Array.isArray(keys) ? keys.map(String) : []) {
    const path = folder === "" ? key : `${folder}/${key}`;
    if (key.endsWith("/")) found.push(...(await below(path.slice(0, -1), mount, token, client)));
    else found.push(`${mount.path}${path}`);
  }
  return found;
}

async function fieldsOf(
  secret: string,
  mount: KvMount,
  token: Sensitive<string>,
  client: VaultClient,
): Promise<readonly EnvTemplate[]> {
  const path = `${mount.path}${mount.versioned ? "data/" : ""}${secret}`;
  const data = (await client.read(token, path))?.data.reveal();
  const fields = mount.versioned ? data?.data : data;
  if (typeof fields !== "object" || fields === null) throw new LesseeError("path", `there is no secret at ${path}`);
  const from = mount.versioned ? ".Data.data" : ".Data";
  return Object.keys(fields)
    .sort()
    .map((field) => {
      const value = /^[A-Za-z_]\w*$/.test(field) ? `${from}.${field}` : `index ${from} ${JSON.stringify(field)}`;
      return { name: variable(secret, field), contents: `{{ with secret "${path}" }}{{ ${value} }}{{ end }}` };
    });
}

/** `app/db-main` and `user.name` become DB_MAIN_USER_NAME. */
function variable(secret: string, field: string): string {
  const words = [secret.split("/").at(-1)!, field].flatMap((part) => part.split(/[^\p{L}\p{N}]+/u));
  return words
    .filter((word) => word !== "")
    .join("_")
    .toUpperCase();
}

function configuration(options: {
  readonly address: string;
  readonly command: readonly string[];
  readonly templates: readonly EnvTemplate[];
  readonly tokenFile: string;
}): string {
  const blocks = [
    `auto_auth {\n  method {\n    type = "token_file"\n\n    config {\n      token_file_path = ${JSON.stringify(options.tokenFile)}\n    }\n  }\n}`,
    'template_config {\n  static_secret_render_interval = "5m"\n  exit_on_retry_failure         = true\n}',
    `vault {\n  address = ${JSON.stringify(options.address)}\n}`,
    ...options.templates.map(
      ({ name, contents }) =>
        `env_template "${name}" {\n  contents             = ${JSON.stringify(contents)}\n  error_on_missing_key = true\n}`,
    ),
    `exec {\n  command                   = [${options.command.map((word) => JSON.stringify(word)).join(", ")}]\n  restart_on_secret_changes = "always"\n  restart_stop_signal       = "SIGTERM"\n}`,
  ];
  return `${blocks.join("\n\n")}\n`;
}
