/** What template functions may see of this machine: hashing, randomness, files inside the sandbox, environment. */
import { readFileSync, realpathSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { relative, sep } from "node:path";
import { LesseeError } from "../errors.ts";
import { createMade } from "../render/made.ts";
import type { TemplateHost } from "../render/template.ts";
import { createCryptography } from "./cryptography.ts";
import { type PluginPorts, runPlugin } from "./plugin.ts";

export interface HostOptions extends PluginPorts {
  /** Files outside of this folder may not be read, whatever links lead there. */
  readonly sandboxPath?: string;
  print(text: string): void;
}

export function createHost(options: HostOptions): TemplateHost {
  return {
    now: () => options.clock.now(),
    random: (bytes) => crypto().randomBytes(bytes),
    hash: (algorithm, data) => crypto().createHash(algorithm).update(data).digest(),
    hmac: (algorithm, key, data) => crypto().createHmac(algorithm, key).update(data).digest(),
    readFile: (path) => read(path, options.sandboxPath),
    env: (name) => options.env[name],
    made: createMade(),
    cryptography: createCryptography(),
    lookUp: async (name) => {
      const { lookup } = await import("node:dns/promises");
      return (await lookup(name, { all: true })).map(({ address }) => address);
    },
    run: (program, args) => runPlugin(program, args, options),
    print: options.print,
  };
}

/** A longer text is refused by every function that could take it. */
const MOST_BYTES = 16 * 1024 * 1024;

function read(path: string, sandbox: string | undefined): string | undefined {
  const root = sandbox === undefined ? undefined : realpathSync(sandbox);
  try {
    if (root !== undefined && !isInside(realpathSync(path), root))
      throw new LesseeError("sandbox", `'${path}' is outside of sandbox`);
    // A pipe would hold up not only this template, but everything.
    const found = statSync(path);
    if (!found.isFile() && !found.isDirectory()) throw new LesseeError("render", `${path} is not a file`);
    if (found.size > MOST_BYTES) throw new LesseeError("render", `${path} has ${found.size} bytes, more than 16 Mi`);
    return readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

function isInside(path: string, folder: string): boolean {
  const way = relative(folder, path);
  return way !== ".." && !way.startsWith(`..${sep}`);
}

/** Loaded by the first function that asks for it: few templates do, and it costs some milliseconds of every start. */
function crypto(): typeof import("node:crypto") {
  return createRequire(import.meta.url)("node:crypto");
}
