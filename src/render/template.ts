/** What a template is to the rest of the program, whatever its language. */
import type { VaultSecret } from "../vault/secret.ts";

/** Something that a template asks for and that does not come from the template itself. */
export type Dependency =
  | { readonly kind: "read"; readonly path: string; readonly version?: string }
  | { readonly kind: "write"; readonly path: string; readonly data: Readonly<Record<string, unknown>> }
  | { readonly kind: "list"; readonly path: string }
  | { readonly kind: "pki"; readonly path: string; readonly data: Readonly<Record<string, unknown>> }
  /** A local file: nothing to fetch, the template waits for it while it does not exist. */
  | { readonly kind: "file"; readonly path: string }
  /** What a function has begun and takes its time: nothing to fetch either. */
  | { readonly kind: "work"; readonly path: string };

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
  /** What functions have made for this template before. */
  readonly made: Made;
  readonly cryptography: Cryptography;
  /** The addresses of a host; rejects where there are none. */
  lookUp(name: string): Promise<readonly string[]>;
  /** What the program writes to its standard output; rejects where it fails. */
  run(program: string, args: readonly string[]): Promise<string>;
  /** Where `spew_dump` and `spew_printf` write. */
  print(text: string): void;
}

/** What a function has made. */
export interface Thing {
  readonly value: unknown;
  /** Why there is no value. */
  readonly failure?: string;
  /** From then on it is made anew. */
  readonly until: number;
}

/** What functions have made for one template. */
export interface Made {
  /** What is kept under the key, unless its time is over. */
  recall(key: string, now: number): Thing | undefined;
  keep(key: string, thing: Thing): void;
  /** After an evaluation that came to its end: what it did not ask for is forgotten. */
  keepOnly(keys: ReadonlySet<string>): void;
  /** When the first of it is to be made anew; Infinity when nothing is. */
  next(): number;
}

export type KeyKind = "rsa-2048" | "rsa-4096" | "dsa" | "ecdsa" | "ed25519";

/** What takes its time is a promise. Keys are PEM. */
export interface Cryptography {
  /** AES-256-CBC without padding. */
  aes(way: "encrypt" | "decrypt", key: Uint8Array, iv: Uint8Array, data: Uint8Array): Uint8Array;
  bcrypt(text: Uint8Array): Promise<string>;
  /** 64 bytes, with N 32768, r 8 and p 2. */
  scrypt(password: Uint8Array, salt: Uint8Array): Promise<Uint8Array>;
  makeKey(kind: KeyKind): Promise<string>;
  /** Throws where it is no key. */
  readKey(pem: string): PrivateKey;
  /** With the hash that goes with the key: SHA-256 for RSA and P-256, none of its own for Ed25519. */
  sign(pem: string, data: Uint8Array): Uint8Array;
}

export interface PrivateKey {
  /** `rsa`, `ec P-256`, `ed25519`, … */
  readonly type: string;
  /** PKCS #8, DER. */
  readonly pkcs8: Uint8Array;
  /** In the form of its own kind (PKCS #1, SEC 1), where it has one: DER. */
  readonly own: Uint8Array | undefined;
  /** SubjectPublicKeyInfo, DER. */
  readonly publicKey: Uint8Array;
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
  /** What is to be written beside it, by `writeToFile`. */
  readonly files: readonly SideFile[];
  /** Where the evaluation ended before its end: what it waits for. It is to be evaluated anew after that. */
  readonly work?: Work;
}

export interface SideFile {
  readonly path: string;
  /** Empty: as lessee itself. */
  readonly user: string;
  readonly group: string;
  readonly perms: number;
  readonly content: Uint8Array;
}

export interface Work {
  readonly name: string;
  /** Tells whether it has succeeded; never rejects. */
  run(): Promise<boolean>;
}

export interface Template {
  /** It may print what no renewal of a credential can pass. */
  readonly printsHorizon?: boolean;
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
    case "work":
      return `${dependency.path}(…)`;
    case "pki":
      return `vault.pki(${dependency.path}->${stableJson(dependency.data)})`;
  }
}

/** Fetched from the server; for a file, or what a function has begun, its template waits alone. */
export function isSecret({ kind }: Dependency): boolean {
  return kind !== "file" && kind !== "work";
}

function stableJson(data: Readonly<Record<string, unknown>>): string {
  return JSON.stringify(Object.fromEntries(Object.entries(data).sort(([a], [b]) => (a < b ? -1 : 1))));
}
