/** `template`, `env_template` and `exec`: what goes to Vault Agent's template engine. */
import type { Nanoseconds } from "../duration.ts";
import { durationFault, parseDuration } from "../duration.ts";
import { choice } from "../kinds.ts";
import type { Place } from "../place.ts";
import type { BlockOptions, BlockReader } from "../reader.ts";
import type { CommandEnvironment } from "../types.ts";
import type { SignalName } from "./signals.ts";
import {
  decode,
  strictBool,
  strictDuration,
  strictInteger,
  strictMode,
  strictSignal,
  strictString,
  strictStrings,
} from "./strict.ts";

export interface DeclaredWait {
  readonly min?: Nanoseconds;
  readonly max?: Nanoseconds;
}

export interface DeclaredCommand {
  readonly enabled?: boolean;
  readonly command?: readonly string[];
  readonly timeout?: Nanoseconds;
  readonly killSignal?: SignalName;
  readonly killTimeout?: Nanoseconds;
  readonly reloadSignal?: SignalName;
  readonly splay?: Nanoseconds;
  readonly env?: CommandEnvironment;
}

export interface DeclaredTemplate {
  readonly place: Place;
  readonly source?: string;
  readonly contents?: string;
  readonly destination?: string;
  readonly engine?: "go" | "handlebars";
  readonly createDestDirs?: boolean;
  readonly perms?: number;
  readonly user?: string;
  readonly group?: string;
  readonly uid?: number;
  readonly gid?: number;
  readonly backup?: boolean;
  readonly command?: readonly string[];
  readonly commandTimeout?: Nanoseconds;
  readonly exec?: DeclaredCommand;
  readonly wait?: DeclaredWait;
  readonly errorOnMissingKey?: boolean;
  readonly errorFatal?: boolean;
  readonly leftDelimiter?: string;
  readonly rightDelimiter?: string;
  readonly sandboxPath?: string;
  readonly functionDenylist?: readonly string[];
}

export interface DeclaredEnvTemplate extends DeclaredTemplate {
  readonly name: string;
}

export interface DeclaredExec {
  readonly place: Place;
  readonly command: readonly string[];
  /** Checked with the merged whole. */
  readonly restartOnSecretChanges: string;
  readonly restartStopSignal: SignalName;
  readonly childStdout?: string;
  readonly childStderr?: string;
}

export function decodeTemplates(root: BlockReader): readonly DeclaredTemplate[] {
  const read = (key: string, options: BlockOptions) =>
    root.blocks(key, { ...wording("template"), labelledUnless: ["exec", "wait"], ...options });
  const plural = read("templates", { listed: true });
  const blocks = read("template", {});
  // The real agent reads `templates` as well, and forgets it when there is a `template`.
  return (blocks.length > 0 ? blocks : plural).map((block) => {
    const template = { ...decodeOutput(block), ...decodeText(block) };
    block.finish(blocks.length > 0 ? { invalidKeysOf: "config.TemplateConfig" } : "ignored");
    return template;
  });
}

/** What an env_template cannot have, because it writes no file and runs nothing. */
const NOT_IN_ENV_TEMPLATE = [
  "backup",
  "command",
  "command_timeout",
  "create_dest_dirs",
  "destination",
  "exec",
  "perms",
  "user",
  "uid",
  "group",
  "gid",
  "wait",
  "sandbox_path",
];

const IN_ENV_TEMPLATE = [
  "source",
  "contents",
  "engine",
  "error_on_missing_key",
  "error_fatal",
  "left_delimiter",
  "right_delimiter",
  "function_denylist",
  "function_blacklist",
];

export function decodeEnvTemplates(root: BlockReader): readonly DeclaredEnvTemplate[] {
  const blocks = root.blocks("env_template", {
    ...wording("env_template"),
    labelledUnless: [...IN_ENV_TEMPLATE, ...NOT_IN_ENV_TEMPLATE],
  });
  return blocks.flatMap((block) => {
    const [name] = block.labels;
    if (name === undefined || block.labels.length > 1) {
      block.fault(`expected one and only one environment variable name, got ${block.labels.length}`);
    }
    for (const key of NOT_IN_ENV_TEMPLATE) {
      const found = block.attribute(key);
      if (found) block.fault(`env_template[${name}]: '${key}' is not allowed`, undefined, found.line);
    }
    const template = decodeText(block);
    block.finish({ invalidKeysOf: "config.TemplateConfig" });
    return name === undefined ? [] : [{ name, ...template }];
  });
}

export function decodeExec(root: BlockReader): DeclaredExec | undefined {
  const [block, second] = root.blocks("exec", {
    ...wording("exec"),
    notABlock: "exec: not an object type for struct",
  });
  if (!block) return undefined;
  second?.fault('at most one "exec" block is allowed');
  const command = block.attribute("command");
  if (command && command.value.kind !== "list") {
    block.fault("exec.command: unknown slice type", 'expected a list, as ["app", "-flag"]', command.line);
  }
  const exec: DeclaredExec = {
    place: block.place,
    command: (command?.value.kind === "list" && strictStrings(block, "command")) || [],
    restartOnSecretChanges: strictString(block, "restart_on_secret_changes") || "always",
    restartStopSignal: stopSignal(block) ?? "SIGTERM",
    childStdout: strictString(block, "child_process_stdout"),
    childStderr: strictString(block, "child_process_stderr"),
  };
  block.finish({ invalidKeysOf: "config.ExecConfig" });
  return exec;
}

function wording(name: string) {
  return { context: `error parsing '${name}': `, notABlock: `error parsing '${name}': error converting config` };
}

/** Empty is as good as absent. */
function stopSignal(block: BlockReader): SignalName | undefined {
  const found = block.attribute("restart_stop_signal");
  return found?.value.kind === "string" && found.value.text === ""
    ? undefined
    : strictSignal(block, "restart_stop_signal");
}

/** What a template is made of. */
function decodeText(block: BlockReader) {
  return {
    place: block.place,
    source: strictString(block, "source"),
    contents: strictString(block, "contents"),
    engine: choice(block, "engine", ["go", "handlebars"]),
    errorOnMissingKey: strictBool(block, "error_on_missing_key"),
    errorFatal: strictBool(block, "error_fatal"),
    leftDelimiter: strictString(block, "left_delimiter"),
    rightDelimiter: strictString(block, "right_delimiter"),
    functionDenylist: merged(strictStrings(block, "function_denylist"), strictStrings(block, "function_blacklist")),
  };
}

/** Where the text goes, and what happens then. */
function decodeOutput(block: BlockReader) {
  return {
    destination: strictString(block, "destination"),
    createDestDirs: strictBool(block, "create_dest_dirs"),
    perms: strictMode(block, "perms"),
    user: strictString(block, "user"),
    group: strictString(block, "group"),
    uid: strictInteger(block, "uid"),
    gid: strictInteger(block, "gid"),
    backup: strictBool(block, "backup"),
    command: strictStrings(block, "command"),
    commandTimeout: strictDuration(block, "command_timeout"),
    exec: decodeCommand(block),
    wait: decodeWait(block),
    sandboxPath: strictString(block, "sandbox_path"),
  };
}

function decodeCommand(template: BlockReader): DeclaredCommand | undefined {
  const block = unlabelled(template, "exec");
  if (!block) return undefined;
  const environment = block.blocks("env", { notABlock: "'exec.env' expected a map or struct" }).at(-1);
  const command: DeclaredCommand = {
    enabled: strictBool(block, "enabled"),
    command: strictStrings(block, "command"),
    timeout: strictDuration(block, "timeout"),
    killSignal: strictSignal(block, "kill_signal"),
    killTimeout: strictDuration(block, "kill_timeout"),
    reloadSignal: strictSignal(block, "reload_signal"),
    splay: strictDuration(block, "splay"),
    ...(environment ? { env: decodeEnvironment(environment) } : {}),
  };
  block.finish({ invalidKeysOf: "exec" });
  return command;
}

/** The last block of that name; a label would be a key in it. */
function unlabelled(template: BlockReader, key: string): BlockReader | undefined {
  const block = template.blocks(key, { notABlock: `'${key}' expected a map or struct` }).at(-1);
  if (block && block.labels.length > 0) block.fault(`'${key}' has invalid keys: ${block.labels[0]}`);
  return block;
}

function decodeEnvironment(block: BlockReader): CommandEnvironment {
  const environment = {
    pristine: strictBool(block, "pristine") ?? false,
    custom: strictStrings(block, "custom") ?? [],
    allowlist: merged(strictStrings(block, "allowlist"), strictStrings(block, "whitelist")) ?? [],
    denylist: merged(strictStrings(block, "denylist"), strictStrings(block, "blacklist")) ?? [],
  };
  block.finish({ invalidKeysOf: "exec.env" });
  return environment;
}

/** A block of `min` and `max`, or `"min:max"`, or `"min"`, whose max is four times as long. */
function decodeWait(template: BlockReader): DeclaredWait | undefined {
  const found = template.attribute("wait");
  if (found?.value.kind === "string")
    return decode(template, "wait", (value) => parseWait((value as { text: string }).text));
  const block = unlabelled(template, "wait");
  if (!block) return undefined;
  const wait = { min: strictDuration(block, "min"), max: strictDuration(block, "max") };
  block.finish({ invalidKeysOf: "wait" });
  return wait;
}

function parseWait(text: string): { readonly value: DeclaredWait } | { readonly fault: string } {
  const parts = text.trim().split(":");
  if (parts[0] === "" && parts.length === 1) return { fault: "wait: cannot be empty" };
  if (parts.length > 2) return { fault: "wait: invalid format" };
  const durations = parts.map((part) => parseDuration(part.trim()));
  const wrong = durations.indexOf(undefined);
  if (wrong !== -1) return { fault: durationFault(parts[wrong]!.trim()) };
  const min = durations[0]!;
  const max = durations[1] ?? 4 * min;
  if (min < 0 || max < 0) return { fault: "wait: cannot be negative" };
  return max < min ? { fault: "wait: min must be less than max" } : { value: { min, max } };
}

function merged(a: readonly string[] | undefined, b: readonly string[] | undefined): readonly string[] | undefined {
  return a && b ? [...a, ...b] : (a ?? b);
}
