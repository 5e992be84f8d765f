/** What a template is to the rest of the program, whatever its language. */
import type { VaultSecret } from "../vault/secret.ts";

/** Something that a template asks for and that does not come from the template itself. */
export type Dependency =
  | { readonly kind: "read"; readonly path: string; readonly version?: string }
  | { readonly kind: "write"; readonly path: string; readonly data: Readonly<Record<string, unknown>> }
  | { readonly kind: "list"; readonly path: string }
  | { readonly kind: "pki"; readonly path: string; readonly data: Readonly<Record<string, unknown>> }
  /** A local file that does not exist yet: nothing to fetch, the template waits for it. */
  | { readonly kind: "file"; readonly path: string };

/** The secrets known at this moment. Absence is reported to the caller of the template, never thrown. */
export interface Brain {
  /** The secret, `null` where the server said that there is none, `undefined` when it is not known yet. */
  recall(dependency: Dependency): VaultSecret | null | undefined;
  /** As `recall`, for LIST. */
  list(path: string): readonly string[] | null | undefined;
}

/** Everything else that functions of a template may see. All of it is handed in, so that a template stays pure. */
export interface TemplateHost {
  now(): number;
  random(bytes: number): Uint8Array;
  hash(algorithm: string, data: Uint8Array): Uint8Array;
  hmac(algorithm: string, key: Uint8Array, data: Uint8Array): Uint8Array;
  /** The content of a file, undefined where there is none; throws where it cannot be read or is outside of the template's sandbox. */
  readFile(path: string): string | undefined;
  env(name: string): string | undefined;
  /** Where `spew_dump` and `spew_printf` write. */
  print(text: string): void;
}

export interface TemplateOptions {
  /** For error messages: the source's name, or empty as the real tool has it. */
  readonly name: string;
  readonly leftDelimiter: string;
  readonly rightDelimiter: string;
  readonly errorOnMissingKey: boolean;
  readonly functionDenylist: readonly string[];
  readonly destination: string;
}

export interface Asked {
  readonly used: readonly Dependency[];
  /** What has to be fetched before the output may be published; nothing is written while this is not empty. */
  readonly missing: readonly Dependency[];
}

export interface Execution extends Asked {
  readonly output: Uint8Array;
}

export interface Template {
  /** Evaluates against what is known. Throws TemplateError; what is missing is reported in the result, or in the error. */
  execute(brain: Brain, host: TemplateHost): Execution;
}

/** The identity of a dependency, as the real tool prints it: `vault.read(database/creds/pg-role)`. */
export function dependencyKey(dependency: Dependency): string {
  switch (dependency.kind) {
    case "read":
      return `vault.read(${dependency.path}${dependency.version ? `.v${dependency.version}` : ""})`;
    case "list":
      return `vault.list(${dependency.path})`;
    case "write":
      return `vault.write(${dependency.path} -> ${stableJson(dependency.data)})`;
    case "file":
      return `file(${dependency.path})`;
    case "pki":
      return `vault.pki(${dependency.path}->${stableJson(dependency.data)})`;
  }
}

function stableJson(data: Readonly<Record<string, unknown>>): string {
  return JSON.stringify(Object.fromEntries(Object.entries(data).sort(([a], [b]) => (a < b ? -1 : 1))));
}
