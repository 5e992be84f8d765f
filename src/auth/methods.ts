/** The auth methods that there are: one file and one line each. */
import { LesseeError } from "../errors.ts";
import { parseAppRole } from "./approle.ts";
import { parseCert } from "./cert.ts";
import { parseJwt } from "./jwt.ts";
import { parseKubernetes } from "./kubernetes.ts";
import type { AuthMethod, AuthMethodParser } from "./method.ts";
import { parseTokenFile } from "./token-file.ts";

const AUTH_METHODS = {
  approle: parseAppRole,
  cert: parseCert,
  jwt: parseJwt,
  kubernetes: parseKubernetes,
  token_file: parseTokenFile,
} as const satisfies Record<string, AuthMethodParser>;

/** @throws LesseeError for a method that is not built, naming those that are, and for a fault in its `config`. */
export function parseAuthMethod(type: string, config: Readonly<Record<string, unknown>>): AuthMethod {
  const parse: AuthMethodParser | undefined = Object.hasOwn(AUTH_METHODS, type)
    ? AUTH_METHODS[type as keyof typeof AUTH_METHODS]
    : undefined;
  if (parse === undefined) {
    throw new LesseeError("auth", `unknown auth method ${JSON.stringify(type)}`, {
      hint: `lessee has: ${Object.keys(AUTH_METHODS).join(", ")}`,
    });
  }
  return parse(config);
}
