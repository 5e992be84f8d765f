/** Real files in a folder of their own, and configuration loaded from them as if it were the current directory. */
import * as fs from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { AGENT_FLAGS } from "../../src/cli/agent-flags.ts";
import { parseFlags } from "../../src/cli/flags.ts";
import { type Loaded, loadConfig } from "../../src/config/load.ts";
import { ConfigError } from "../../src/errors.ts";
import type { Files } from "../../src/ports.ts";

export type Contents = Readonly<Record<string, string | Uint8Array>>;

/** Writes the files, hands over what reads them with paths relative to their folder, and removes them. */
export async function inFolder<T>(
  contents: Contents,
  use: (files: Pick<Files, "readFile" | "stat" | "readdir">) => Promise<T>,
): Promise<T> {
  const folder = await fs.mkdtemp(join(tmpdir(), "lessee-config-"));
  try {
    for (const [name, content] of Object.entries(contents)) {
      await fs.mkdir(dirname(join(folder, name)), { recursive: true });
      await fs.writeFile(join(folder, name), content);
    }
    const inside = (path: unknown) => resolve(folder, String(path));
    return await use({
      readFile: ((path: unknown, options: never) => fs.readFile(inside(path), options)) as Files["readFile"],
      stat: ((path: unknown, options: never) => fs.stat(inside(path), options)) as Files["stat"],
      readdir: ((path: unknown, options: never) => fs.readdir(inside(path), options)) as Files["readdir"],
    });
  } finally {
    await fs.rm(folder, { recursive: true, force: true });
  }
}

export interface Attempt {
  readonly loaded?: Loaded;
  /** Every fault as it is printed, one a line; a fault of the command line as it stands. */
  readonly faults: string;
  readonly warnings: readonly string[];
}

type Environment = Readonly<Record<string, string>>;

/** Loads as `lessee agent <args>` would. */
export function load(contents: Contents, args: readonly string[] = ["-config=agent.hcl"], env: Environment = {}) {
  return inFolder(contents, async (files): Promise<Attempt> => {
    const outcome = parseFlags(args, AGENT_FLAGS);
    if (outcome.kind !== "parsed") return { faults: JSON.stringify(outcome), warnings: [] };
    const paths = outcome.flags.values.get("config") ?? [];
    try {
      const loaded = await loadConfig({ paths, files, env, flags: outcome.flags });
      return { loaded, faults: "", warnings: loaded.warnings.map(({ message }) => message) };
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      return { faults: error.message, warnings: error.warnings.map(({ message }) => message) };
    }
  });
}

/** As load, of one HCL file that must be valid. */
export async function loadValid(hcl: string, args: readonly string[] = [], env: Environment = {}): Promise<Loaded> {
  const { loaded, faults } = await load({ "agent.hcl": hcl }, ["-config=agent.hcl", ...args], env);
  if (!loaded) throw new Error(`expected a valid configuration: ${faults}`);
  return loaded;
}

/** The smallest valid configuration. */
export const MINIMAL = `auto_auth {
  method "kubernetes" {
    config = { role = "pg" }
  }
  sink "file" {
    config = { path = "token" }
  }
}
`;
