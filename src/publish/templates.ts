/** From `template` blocks to templates that can be published: reads sources, compiles, and reports every fault at once. */
import type { CommandConfig, EnvTemplateConfig, TemplateConfig } from "../config/types.ts";
import { ConfigError, describe, type Fault, TemplateError } from "../errors.ts";
import type { Files } from "../ports.ts";
import { compileTemplate } from "../render/engine.ts";
import type { Template } from "../render/template.ts";
import type { Command } from "./command.ts";
import { createHost } from "./host.ts";
import type { PluginPorts } from "./plugin.ts";
import type { PublishedTemplate } from "./published-template.ts";

export interface TemplatePorts extends PluginPorts {
  readonly files: Pick<Files, "readFile">;
  /** What tells the application by a template's `command`: the same for the same command. */
  command(config: CommandConfig): Command;
  print(text: string): void;
}

export interface VariablePorts extends TemplatePorts {
  /** Tells whether the variable has changed. */
  assign(name: string, value: Uint8Array): boolean;
  /** What brings new variables to the application, if anything does. */
  readonly restart: Command | null;
}

/** @throws ConfigError with a fault for every template that cannot be read or does not parse. */
export async function loadTemplates(
  configs: readonly TemplateConfig[],
  ports: TemplatePorts,
): Promise<readonly PublishedTemplate[]> {
  return loadAll(configs, nameOf, (config) => load(config, ports));
}

/** `env_template` blocks. @throws ConfigError as loadTemplates. */
export async function loadEnvTemplates(
  configs: readonly EnvTemplateConfig[],
  ports: VariablePorts,
): Promise<readonly PublishedTemplate[]> {
  return loadAll(configs, nameOfVariable, (config) => loadVariable(config, ports));
}

// ---- internal ----

async function loadAll<Config extends Pick<TemplateConfig, "place">>(
  configs: readonly Config[],
  name: (config: Config) => string,
  loadOne: (config: Config) => Promise<PublishedTemplate>,
): Promise<readonly PublishedTemplate[]> {
  const faults: Fault[] = [];
  const loaded: PublishedTemplate[] = [];
  for (const config of configs) {
    try {
      loaded.push(await loadOne(config));
    } catch (error) {
      const where = config.place ?? { file: name(config) };
      const excerpt = error instanceof TemplateError ? error.excerpt : undefined;
      faults.push({ ...where, message: `template ${name(config)}: ${describe(error)}`, excerpt });
    }
  }
  if (faults.length > 0) throw new ConfigError(faults);
  return loaded;
}

async function load(config: TemplateConfig, ports: TemplatePorts): Promise<PublishedTemplate> {
  const text = await compile(config, config.destination, ports.files);
  if (config.destination === "") throw new Error("missing destination");
  const { destination, createDestDirs, perms, user, group, backup, sandboxPath, wait } = config;
  return {
    name: nameOf(config),
    ...text,
    fatal: config.errorFatal,
    ...(wait === undefined ? {} : { wait }),
    target: {
      destination,
      createDestDirs,
      backup,
      ...(perms === undefined ? {} : { perms }),
      ...(user === undefined ? {} : { user }),
      ...(group === undefined ? {} : { group }),
    },
    command: config.command === undefined ? null : ports.command(config.command),
    host: createHost({ ...ports, ...(sandboxPath === undefined ? {} : { sandboxPath }) }),
  };
}

async function loadVariable(config: EnvTemplateConfig, ports: VariablePorts): Promise<PublishedTemplate> {
  const destination = `$${config.name}`;
  return {
    name: nameOfVariable(config),
    ...(await compile(config, destination, ports.files)),
    fatal: config.errorFatal,
    target: { destination, assign: (content) => ports.assign(config.name, content) },
    command: ports.restart,
    host: createHost(ports),
  };
}

type Compiled = TemplateConfig | EnvTemplateConfig;

async function compile(
  config: Compiled,
  destination: string,
  files: TemplatePorts["files"],
): Promise<Pick<PublishedTemplate, "template" | "source">> {
  const { engine, leftDelimiter, rightDelimiter, errorOnMissingKey, functionDenylist, source } = config;
  const options = { name: "", leftDelimiter, rightDelimiter, errorOnMissingKey, functionDenylist, destination };
  let text = await sourceOf(config, files);
  const template = await compileTemplate(engine, text, options);
  if (source === undefined) return { template };
  async function reread(): Promise<Template | null> {
    const now = await sourceOf(config, files);
    if (now === text) return null;
    // Said once, also where it cannot be used.
    text = now;
    return compileTemplate(engine, now, options);
  }
  return { template, source: { path: source, reread } };
}

/** Whoever has more to write has it in secrets or files. */
const LONGEST_SOURCE = 1024 * 1024;

async function sourceOf(config: Compiled, files: Pick<Files, "readFile">): Promise<string> {
  if (config.source !== undefined && config.contents !== undefined)
    throw new Error("cannot specify both 'source' and 'contents'");
  if (config.contents !== undefined) return config.contents;
  if (config.source === undefined) throw new Error("must specify exactly one of 'source' or 'contents'");
  const text = await files.readFile(config.source, "utf8").catch((error: NodeJS.ErrnoException) => {
    throw new Error(`cannot read the source: ${error.code ?? error}`);
  });
  if (text.length > LONGEST_SOURCE) throw new Error(`the source has ${text.length} characters, more than 1 Mi`);
  return text;
}

function nameOf(config: TemplateConfig): string {
  return config.source ?? config.destination;
}

function nameOfVariable(config: EnvTemplateConfig): string {
  return `env_template "${config.name}"`;
}
