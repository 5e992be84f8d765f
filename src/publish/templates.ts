/** From `template` blocks to templates that can be published: reads sources, compiles, and reports every fault at once. */
import type { CommandConfig, TemplateConfig } from "../config/types.ts";
import { ConfigError, describe, type Fault } from "../errors.ts";
import type { Clock, Files, Notifier } from "../ports.ts";
import { compileTemplate } from "../render/engine.ts";
import { createHost } from "./host.ts";
import type { PublishedTemplate } from "./publisher.ts";

export interface TemplatePorts {
  readonly files: Pick<Files, "readFile">;
  readonly clock: Clock;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** What tells the application by a template's `command`. */
  commandNotifier(command: CommandConfig): Notifier;
  print(text: string): void;
}

/** @throws ConfigError with a fault for every template that cannot be read or does not parse. */
export async function loadTemplates(
  configs: readonly TemplateConfig[],
  ports: TemplatePorts,
): Promise<readonly PublishedTemplate[]> {
  const faults: Fault[] = [];
  const loaded: PublishedTemplate[] = [];
  for (const config of configs) {
    try {
      loaded.push(await load(config, ports));
    } catch (error) {
      const where = config.place ?? { file: nameOf(config) };
      faults.push({ ...where, message: `template ${nameOf(config)}: ${describe(error)}` });
    }
  }
  if (faults.length > 0) throw new ConfigError(faults);
  return loaded;
}

// ---- internal ----

async function load(config: TemplateConfig, ports: TemplatePorts): Promise<PublishedTemplate> {
  const source = await sourceOf(config, ports.files);
  const template = await compileTemplate(config.engine, source, {
    name: "",
    leftDelimiter: config.leftDelimiter,
    rightDelimiter: config.rightDelimiter,
    errorOnMissingKey: config.errorOnMissingKey,
    functionDenylist: config.functionDenylist,
    destination: config.destination,
  });
  if (config.destination === "") throw new Error("missing destination");
  const { destination, createDestDirs, perms, user, group, backup, sandboxPath } = config;
  return {
    name: nameOf(config),
    template,
    target: {
      destination,
      createDestDirs,
      backup,
      ...(perms === undefined ? {} : { perms }),
      ...(user === undefined ? {} : { user }),
      ...(group === undefined ? {} : { group }),
    },
    command: config.command === undefined ? null : ports.commandNotifier(config.command),
    host: createHost({ ...ports, ...(sandboxPath === undefined ? {} : { sandboxPath }) }),
  };
}

async function sourceOf(config: TemplateConfig, files: Pick<Files, "readFile">): Promise<string> {
  if (config.source !== undefined && config.contents !== undefined)
    throw new Error("cannot specify both 'source' and 'contents'");
  if (config.contents !== undefined) return config.contents;
  if (config.source === undefined) throw new Error("must specify exactly one of 'source' or 'contents'");
  try {
    return await files.readFile(config.source, "utf8");
  } catch (error) {
    throw new Error(`cannot read the source: ${(error as NodeJS.ErrnoException).code ?? error}`);
  }
}

function nameOf(config: TemplateConfig): string {
  return config.source ?? config.destination;
}
