/** A file that somebody else puts a credential into, and takes away again, while the agent runs. */
import { dirname, resolve } from "node:path";
import { describe, LesseeError } from "../errors.ts";
import { Sensitive } from "../sensitive.ts";
import type { LoginPorts, MethodFiles } from "./method.ts";

const MOST_BYTES = 1024 * 1024;

/**
 * What stands in the file, without the white space around it; null where there is no file, or an empty one.
 * Rejects with a LesseeError for a file that there is and that cannot be read; `what` names it.
 */
export async function readCredential(
  files: Pick<MethodFiles, "readFile" | "stat">,
  path: string,
  what: string,
): Promise<Sensitive<string> | null> {
  try {
    const found = await files.stat(path);
    // A pipe would be waited for, for ever.
    if (!found.isFile())
      throw new LesseeError("auth", `${what}: ${path} is not a file`, { hint: "name the file, not its folder" });
    if (found.size > MOST_BYTES) {
      const hint = "a token, a JWT or a certificate has some kilobytes";
      throw new LesseeError("auth", `${what}: ${path} has ${found.size} bytes, and is no credential`, { hint });
    }
    const text = (await files.readFile(path, "utf8")).trim();
    return text === "" ? null : new Sensitive(text);
  } catch (error) {
    if (error instanceof LesseeError) throw error;
    const code = (error as NodeJS.ErrnoException).code;
    if (code === "ENOENT") return null;
    throw new LesseeError("auth", `${what}: cannot read ${path}: ${code ?? describe(error)}`, {
      hint: "may this user read it? set fsGroup or run as the user that owns it",
      cause: error,
    });
  }
}

/**
 * A credential that outlives its file: what was read last is used where nothing can be read any more. Somebody who
 * hands over a secret may well take the file away, or leave the removing to us.
 */
export interface KeptCredential {
  /** Rejects with a LesseeError where nothing is there and nothing was kept. */
  take(
    ports: Pick<LoginPorts, "files" | "warn">,
  ): Promise<{ readonly value: Sensitive<string>; readonly isNew: boolean }>;
}

/** `key` is where the configuration names the file. */
export function keptCredential(path: string, key: string): KeptCredential {
  let kept: Sensitive<string> | null = null;
  return {
    async take({ files, warn }) {
      let found: Sensitive<string> | null = null;
      try {
        found = await readCredential(files, path, key);
      } catch (error) {
        if (kept === null) throw error;
        warn(`${describe(error)}; what was read before is used`);
      }
      const isNew = found !== null && found.reveal() !== kept?.reveal();
      kept = found ?? kept;
      if (kept !== null) return { value: kept, isNew };
      throw new LesseeError("auth", `${key}: there is nothing in ${path}, and nothing was read from it before`, {
        hint: "who puts the file there, and is its volume mounted here?",
      });
    },
  };
}

/** A failure is said and no more: the login does not depend on it. `followed`: what a link leads to goes, not the link. */
export async function removeCredential(
  path: string,
  followed: boolean,
  { files, warn }: Pick<LoginPorts, "files" | "warn">,
): Promise<void> {
  const target = followed ? await endOfLinks(path, files) : path;
  try {
    await files.unlink(target);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === "ENOENT") return;
    warn(`${target} was read and cannot be removed: ${code ?? describe(error)} (whoever can read it can log in)`);
  }
}

const MOST_LINKS = 40;

async function endOfLinks(path: string, files: Pick<MethodFiles, "readlink">): Promise<string> {
  let end = path;
  for (let links = 0; links < MOST_LINKS; links++) {
    const next = await files.readlink(end).catch(() => null);
    if (next === null) return end;
    end = resolve(dirname(end), next);
  }
  return end;
}
