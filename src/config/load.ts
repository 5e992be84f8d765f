/** Configuration files, environment and command line → one checked AgentConfig, or every fault at once. */
import { ConfigError, type Fault } from "../errors.ts";
import type { Files } from "../ports.ts";
import type { Declared } from "./declared.ts";
import { decodeDocument } from "./decode/agent.ts";
import { SyntaxFault } from "./hcl/ast.ts";
import { parseDocument } from "./hcl/document.ts";
import { merge, NOTHING_DECLARED } from "./merge.ts";
import { toParsed } from "./parsed.ts";
import { type Environment, resolve } from "./resolve.ts";
import { violations, withImpliedTokenUse } from "./rules.ts";
import { startFaults } from "./start-faults.ts";
import { withSubsystemsOfEnvironment } from "./subsystems.ts";
import type { AgentConfig, ParsedFlags } from "./types.ts";

export interface LoadInput {
  /** Files and folders, as -config names them. */
  readonly paths: readonly string[];
  readonly files: Pick<Files, "readFile" | "stat" | "readdir">;
  readonly env: Environment;
  readonly flags: ParsedFlags;
}

export interface Loaded {
  readonly config: AgentConfig;
  readonly warnings: readonly Fault[];
  /** Why an agent must not start with it although it is valid: what Vault Agent, too, finds out only at its start. */
  readonly refusals: readonly Fault[];
  /** What `lessee validate -json` prints. */
  readonly parsed: object;
}

/** Rejects with a ConfigError that holds every fault. */
export async function loadConfig({ paths, files, env, flags }: LoadInput): Promise<Loaded> {
  if (paths.length === 0) {
    throw new ConfigError([
      {
        file: "lessee",
        message: "Must specify exactly at least one config path using -config",
        hint: `-config=${flags.positional[0] ?? "FILE"}`,
      },
    ]);
  }
  const errors: Fault[] = [];
  const warnings = unheard(flags);
  let declared: Declared = NOTHING_DECLARED;
  for (const text of await readTexts(paths, files, errors)) {
    declared = merge(declared, decodeText(text, env, errors, warnings));
  }
  const appended = env[ENVIRONMENT_CONFIG];
  if (appended) {
    const text = { file: ENVIRONMENT_CONFIG, bytes: new TextEncoder().encode(appended) };
    declared = merge(declared, decodeText(text, env, errors, warnings));
  }
  const merged = withSubsystemsOfEnvironment(withImpliedTokenUse(declared), env, errors);
  const { config, faults, refusals } = resolve(merged, env, flags);
  // What is missing may only be unreadable, and that was said already.
  const readable = errors.length === 0;
  errors.push(...faults);
  for (const { place, absence, ...rest } of violations(merged)) {
    if (readable || !absence) errors.push({ ...(place ?? { file: paths.join(", ") }), ...rest });
  }
  if (errors.length > 0) throw new ConfigError(inOrder(errors), inOrder(warnings));
  return {
    config,
    warnings: inOrder(warnings),
    refusals: [...refusals, ...startFaults(config)],
    parsed: toParsed(merged),
  };
}

/** What looks like a flag behind the first argument that is none. */
function unheard({ positional }: ParsedFlags): Fault[] {
  const late = positional.filter((argument) => argument.startsWith("-"));
  if (late.length === 0) return [];
  const words =
    "Command flags must be provided before positional arguments. The following arguments will not be parsed as flags";
  return [{ file: "lessee", message: `${words}: [${late.join(",")}]` }];
}

/** HCL text that is merged last: it brings lessee's blocks into a pod whose files somebody else writes. */
const ENVIRONMENT_CONFIG = "LESSEE_CONFIG";

/** A Secret or ConfigMap, in which it usually lies, holds 1 MiB. */
const MOST_BYTES = 4 * 1024 * 1024;

interface Text {
  readonly file: string;
  readonly bytes: Uint8Array;
}

async function readTexts(
  paths: readonly string[],
  files: LoadInput["files"],
  errors: Fault[],
): Promise<readonly Text[]> {
  const texts: Text[] = [];
  for (const path of paths) {
    try {
      for (const file of await filesOf(path, files)) {
        const { size } = await files.stat(file);
        if (size <= MOST_BYTES) texts.push({ file, bytes: await files.readFile(file) });
        else errors.push({ file, message: `${size} bytes are no configuration`, hint: "at most 4 MiB are read" });
      }
    } catch (error) {
      errors.push({ file: path, message: describeFileError(error) });
    }
  }
  return texts;
}

/** The path itself, or the folder's configuration files by name; folders inside are not looked into. */
async function filesOf(path: string, files: LoadInput["files"]): Promise<readonly string[]> {
  if (!(await files.stat(path)).isDirectory()) return [path];
  const candidates = (await files.readdir(path)).filter(isConfigFile).sort();
  const paths = candidates.map((name) => `${path.replace(/\/+$/, "")}/${name}`);
  const directories = await Promise.all(paths.map(async (file) => (await files.stat(file)).isDirectory()));
  return paths.filter((_, index) => !directories[index]);
}

/** Editors leave files like `x.hcl~`, `.#x.hcl` and `#x.hcl#` behind. */
function isConfigFile(name: string): boolean {
  return /\.(hcl|json)$/.test(name) && !name.startsWith(".#");
}

function decodeText({ file, bytes }: Text, env: Environment, errors: Fault[], warnings: Fault[]): Declared {
  try {
    const { syntax, root } = parseDocument(bytes);
    return decodeDocument({ file, syntax, errors, warnings }, root, env);
  } catch (error) {
    if (!(error instanceof SyntaxFault)) throw error;
    const { position, message, hint } = error;
    errors.push({ file, line: position.line, message, ...(hint === undefined ? {} : { hint }) });
    return NOTHING_DECLARED;
  }
}

/** By line within each file; files in the order in which they were read. */
function inOrder(faults: readonly Fault[]): readonly Fault[] {
  const files = [...new Set(faults.map((fault) => fault.file))];
  return files.flatMap((file) =>
    faults.filter((fault) => fault.file === file).sort((a, b) => (a.line ?? 0) - (b.line ?? 0)),
  );
}

function describeFileError(error: unknown): string {
  const code = (error as NodeJS.ErrnoException).code;
  if (code === "ENOENT") return "no such file or directory";
  if (code === "EACCES") return "permission denied";
  return (error as Error).message;
}
