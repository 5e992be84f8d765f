/** Builds the image with `docker build`, from whatever base. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { findDocker } from "./programs.ts";

export interface ImageOptions {
  readonly tag: string;
  /** The Dockerfile's arguments. */
  readonly args: Readonly<Record<string, string>>;
  readonly dockerfile?: string;
  /** Files that the build may read and that do not stay, by their id. */
  readonly secrets?: Readonly<Record<string, string>>;
}

const root = fileURLToPath(new URL("../..", import.meta.url));

/** Rejects with what docker said. The build has this machine's network, for a registry that only it reaches. */
export async function buildImage({ tag, args, dockerfile = "Dockerfile", secrets = {} }: ImageOptions): Promise<void> {
  const words = [
    ...["build", "--progress=plain", "--network=host", `--tag=${tag}`, `--file=${dockerfile}`],
    ...Object.entries(args).map(([name, value]) => `--build-arg=${name}=${value}`),
    ...Object.entries(secrets).map(([id, file]) => `--secret=id=${id},src=${file}`),
    ".",
  ];
  const env = { ...process.env, DOCKER_BUILDKIT: "1" };
  const docker = await findDocker();
  if (!docker) throw new Error("no docker that can build (BuildKit) with a running daemon was found on PATH");
  const child = spawn(docker, words, { cwd: root, env, stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (text) => (said += text));
  const [code] = await once(child, "close");
  if (code !== 0) throw new Error(`docker build failed (${code}):\n${said.split("\n").slice(-40).join("\n")}`);
}
