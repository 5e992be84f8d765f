/** Programs of this machine. */
import { execFile } from "node:child_process";
import { access } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

/** A docker whose daemon answers and that has BuildKit: before version 23 inside, since then as a plug-in. */
export async function findDocker(): Promise<string | undefined> {
  for (const docker of await all("docker")) {
    const versions = await run(docker, ["version", "--format", "{{.Client.Version}} {{.Server.Version}}"]).catch(
      () => "",
    );
    if (!/^\S+ \S+/.test(versions)) continue;
    if (Number.parseInt(versions, 10) < 23) return docker;
    if (await run(docker, ["buildx", "version"]).catch(() => "")) return docker;
  }
  return undefined;
}

export async function which(program: string): Promise<string | undefined> {
  return (await all(program))[0];
}

export async function run(program: string, args: readonly string[]): Promise<string> {
  return (await promisify(execFile)(program, args, { maxBuffer: 64 * 1024 * 1024 })).stdout;
}

async function all(program: string): Promise<readonly string[]> {
  const paths = (process.env.PATH ?? "").split(":").map((folder) => join(folder, program));
  const there = await Promise.all(
    paths.map((path) =>
      access(path).then(
        () => true,
        () => false,
      ),
    ),
  );
  return paths.filter((_, index) => there[index]);
}
