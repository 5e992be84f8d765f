/** All functions that templates may call, whatever the engine. */
import type { TemplateFunction } from "../go/function.ts";
import { fail } from "../go/values.ts";
import { DEBUG_FUNCTIONS } from "./debug.ts";
import { ENCODING_FUNCTIONS } from "./encoding.ts";
import { END_FUNCTIONS } from "./ends.ts";
import { FILE_FUNCTIONS } from "./files.ts";
import { JSON_FUNCTIONS } from "./json.ts";
import { MAP_FUNCTIONS } from "./maps.ts";
import { MATH_FUNCTIONS } from "./math.ts";
import { OUTWARD_FUNCTIONS } from "./outward.ts";
import { PARSE_FUNCTIONS } from "./parse.ts";
import { REGEX_FUNCTIONS } from "./regex.ts";
import { SPRIG_CERTIFICATES } from "./sprig/certificates.ts";
import { SPRIG_CRYPTOGRAPHY } from "./sprig/cryptography.ts";
import { SPRIG_DATA } from "./sprig/data.ts";
import { SPRIG_DATES } from "./sprig/dates.ts";
import { SPRIG_DICTS } from "./sprig/dicts.ts";
import { SPRIG_LISTS } from "./sprig/lists.ts";
import { SPRIG_NUMBERS } from "./sprig/numbers.ts";
import { SPRIG_PATHS } from "./sprig/paths.ts";
import { SPRIG_RANDOM } from "./sprig/random.ts";
import { SPRIG_REGEX } from "./sprig/regex.ts";
import { SPRIG_SEMVER } from "./sprig/semver.ts";
import { SPRIG_STRINGS } from "./sprig/strings.ts";
import { SPRIG_WORDS } from "./sprig/words.ts";
import { TEXT_FUNCTIONS } from "./text.ts";
import { TOML_FUNCTIONS } from "./toml.ts";
import { VAULT_FUNCTIONS } from "./vault.ts";
import { YAML_FUNCTIONS } from "./yaml/functions.ts";

const FUNCTIONS: ReadonlyMap<string, TemplateFunction> = new Map(
  [
    ...VAULT_FUNCTIONS,
    ...END_FUNCTIONS,
    ...TEXT_FUNCTIONS,
    ...PARSE_FUNCTIONS,
    ...ENCODING_FUNCTIONS,
    ...JSON_FUNCTIONS,
    ...FILE_FUNCTIONS,
    ...YAML_FUNCTIONS,
    ...TOML_FUNCTIONS,
    ...MATH_FUNCTIONS,
    ...MAP_FUNCTIONS,
    ...REGEX_FUNCTIONS,
    ...DEBUG_FUNCTIONS,
    ...SPRIG_STRINGS,
    ...SPRIG_WORDS,
    ...SPRIG_LISTS,
    ...SPRIG_DICTS,
    ...SPRIG_NUMBERS,
    ...SPRIG_DATA,
    ...SPRIG_PATHS,
    ...SPRIG_REGEX,
    ...SPRIG_DATES,
    ...SPRIG_SEMVER,
    ...SPRIG_RANDOM,
    ...SPRIG_CRYPTOGRAPHY,
    ...SPRIG_CERTIFICATES,
    ...OUTWARD_FUNCTIONS,
  ].map((one) => [one.name, one]),
);

/** The functions by name. Those that `denylist` names (with `*` for any part of a name) fail when called. */
export function functionsExcept(denylist: readonly string[]): ReadonlyMap<string, TemplateFunction> {
  if (denylist.length === 0) return FUNCTIONS;
  const denied = denylist.map(globPattern);
  return new Map(
    [...FUNCTIONS].map(([name, one]) => [name, denied.some((pattern) => pattern.test(name)) ? disabled(name) : one]),
  );
}

function disabled(name: string): TemplateFunction {
  return { name, parameters: [], rest: "string", call: () => fail("function is disabled") };
}

function globPattern(glob: string): RegExp {
  const escaped = glob
    .replace(/[.+^${}()|\\]/g, "\\$&")
    .replaceAll("*", ".*")
    .replaceAll("?", ".");
  return new RegExp(`^${escaped}$`);
}
