/** Where `inject` and `webhook` have their settings from: flags, environment, file. */
import { LesseeError } from "../errors.ts";
import { readSettings } from "../inject/read-settings.ts";
import type { Settings } from "../inject/settings.ts";
import { SETTINGS } from "../inject/settings.ts";
import type { World } from "../ports.ts";
import type { FlagDefinition } from "./flags.ts";

const GROUP = "What is injected";

export const SETTING_FLAGS: readonly FlagDefinition[] = [
  {
    name: "settings",
    kind: "text",
    group: GROUP,
    placeholder: "FILE",
    help: "The flags of this group as JSON or YAML, by their names or by those of the injector's own code.",
  },
  ...SETTINGS.map(({ flag, kind, env, help, placeholder, default: value }) => ({
    name: flag,
    kind,
    group: GROUP,
    env,
    help,
    ...(placeholder === undefined ? {} : { placeholder }),
    ...(value === "" ? {} : { default: value }),
  })),
];

/** Rejects with a LesseeError for what cannot be read, is not known or is of the wrong kind. */
export async function loadSettings(
  flags: ReadonlyMap<string, readonly string[]>,
  { env, files }: Pick<World, "env" | "files">,
): Promise<Settings> {
  const named = SETTINGS.map(({ flag }) => [flag, flags.get(flag)?.at(-1)] as const);
  const variables = SETTINGS.map((row) => [row.flag, env[row.env]] as const);
  const file = flags.get("settings")?.at(-1);
  const given = (entries: readonly (readonly [string, string | undefined])[]) =>
    Object.fromEntries(entries.filter(([, value]) => value !== undefined));
  return readSettings([
    given(named),
    given(variables.filter(([, value]) => value !== "")),
    file === undefined ? {} : await settingsFile(file, files),
  ]);
}

async function settingsFile(path: string, files: Pick<World, "files">["files"]): Promise<Record<string, unknown>> {
  const text = await files.readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    throw new LesseeError("settings", `-settings: cannot read ${path}: ${error.code ?? error.message}`);
  });
  const { parse } = await import("yaml");
  let value: unknown;
  try {
    value = parse(text);
  } catch (error) {
    throw new LesseeError("settings", `-settings: ${path}: ${(error as Error).message}`);
  }
  if (value === null) return {};
  if (typeof value === "object" && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new LesseeError("settings", `-settings: ${path} must hold an object`);
}
