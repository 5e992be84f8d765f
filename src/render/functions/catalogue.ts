/** All functions that templates may call, whatever the engine. */
import type { TemplateFunction } from "../go/function.ts";
import { fail } from "../go/values.ts";
import { ENCODING_FUNCTIONS } from "./encoding.ts";
import { FILE_FUNCTIONS } from "./files.ts";
import { JSON_FUNCTIONS } from "./json.ts";
import { PARSE_FUNCTIONS } from "./parse.ts";
import { TEXT_FUNCTIONS } from "./text.ts";
import { VAULT_FUNCTIONS } from "./vault.ts";

const FUNCTIONS: ReadonlyMap<string, TemplateFunction> = new Map(
  [
    ...VAULT_FUNCTIONS,
    ...TEXT_FUNCTIONS,
    ...PARSE_FUNCTIONS,
    ...ENCODING_FUNCTIONS,
    ...JSON_FUNCTIONS,
    ...FILE_FUNCTIONS,
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
  return { name, parameters: [], rest: "interface {}", call: () => fail("function is disabled") };
}

function globPattern(glob: string): RegExp {
  const escaped = glob
    .replace(/[.+^${}()|\\]/g, "\\$&")
    .replaceAll("*", ".*")
    .replaceAll("?", ".");
  return new RegExp(`^${escaped}$`);
}
