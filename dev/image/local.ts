/**
 * Images from this machine's own files, for where no registry can be reached: a base of a static busybox, and one with
 * Node and the libraries that it needs. Everything else the Dockerfile does, as it does with Alpine.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, copyFile, cp, mkdir, mkdtemp, realpath, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { findDocker, run, which } from "./programs.ts";

export interface LocalImages {
  readonly base: string;
  readonly node: string;
}

/** Besides busybox's: Debian's has no pkill. */
const TOOLS = ["pkill"];

/** What is missing on this machine for them, or nothing. */
export async function missingForLocalImages(): Promise<string | undefined> {
  if (!(await findDocker())) return "a docker that can build, with its daemon running";
  const busybox = await which("busybox");
  if (!busybox || (await libraries(busybox)).length > 0) return "a static busybox (Debian: busybox-static)";
  for (const tool of TOOLS) if (!(await which(tool))) return tool;
  return undefined;
}

/** `node` is a Node for Linux with glibc. */
export async function makeLocalImages(node: string): Promise<LocalImages> {
  const images = { base: "lessee-local/base", node: "lessee-local/node" };
  const docker = (await findDocker()) ?? "docker";
  await imported(docker, images.base, async (root) => {
    await addBusybox(root);
    for (const tool of TOOLS) await addProgram(root, (await which(tool)) as string, `/usr/bin/${tool}`);
  });
  await imported(docker, images.node, async (root) => {
    await addBusybox(root);
    await addProgram(root, node, "/usr/local/bin/node");
  });
  return images;
}

/** An image of busybox and one program, which it starts; the program is at /bin as well, by that name. */
export async function makeProgramImage(docker: string, image: string, program: string, name: string): Promise<void> {
  const fill = async (root: string) => {
    await addBusybox(root);
    await addProgram(root, program, `/usr/local/bin/${name}`);
    await symlink(`/usr/local/bin/${name}`, join(root, "bin", name));
  };
  await imported(docker, image, fill, [`ENTRYPOINT ["/bin/${name}"]`]);
}

/**
 * An image of one layer, with what `fill` puts into its root folder: the same files make the same layer, so that docker
 * keeps it once, and what was built on it as well. The image of that name before is gone afterwards.
 */
export async function imported(
  docker: string,
  name: string,
  fill: (root: string) => Promise<void>,
  instructions: readonly string[] = [],
): Promise<void> {
  const idOf = () => run(docker, ["image", "inspect", "--format={{.Id}}", name]).then((id) => id.trim());
  const before = await idOf().catch(() => "");
  const root = await mkdtemp(join(tmpdir(), "lessee-image-"));
  try {
    await chmod(root, 0o755);
    await fill(root);
    const same = ["--sort=name", "--mtime=@0", "--numeric-owner", "--owner=0", "--group=0"];
    const tar = spawn("tar", ["-C", root, ...same, "-c", "."], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    const changes = [`ENV ${path}`, ...instructions].flatMap((one) => ["--change", one]);
    const load = spawn(docker, ["import", ...changes, "-", name], {
      stdio: ["pipe", "ignore", "inherit"],
    });
    const ended = once(load, "close");
    await pipeline(tar.stdout, load.stdin);
    const [code] = await ended;
    if (code !== 0) throw new Error(`docker import ${name} failed (${code})`);
    // Somebody else may be at it, or use it.
    if (before !== "" && before !== (await idOf())) await run(docker, ["image", "rm", before]).catch(() => {});
  } finally {
    await rm(root, { recursive: true });
  }
}

export async function addBusybox(root: string): Promise<void> {
  const busybox = (await which("busybox")) as string;
  for (const folder of ["bin", "etc", "tmp", "usr/bin"]) await mkdir(join(root, folder), { recursive: true });
  await chmod(join(root, "tmp"), 0o1777);
  await copyFile(busybox, join(root, "bin/busybox"));
  const applets = (await run(busybox, ["--list"])).trim().split("\n");
  for (const applet of applets.filter((name) => name !== "busybox"))
    await symlink("busybox", join(root, "bin", applet));
}

export async function addProgram(root: string, program: string, place: string): Promise<void> {
  await mkdir(dirname(join(root, place)), { recursive: true });
  await copyFile(await realpath(program), join(root, place));
  for (const library of await libraries(program)) {
    await mkdir(dirname(join(root, library)), { recursive: true });
    await cp(await realpath(library), join(root, library));
  }
}

/** With the loader; none of a static program. */
export async function libraries(program: string): Promise<readonly string[]> {
  const listed = await run("ldd", [program]).catch(() => "");
  return [...listed.matchAll(/(\/\S+) \(0x/g)].map(([, path = ""]) => path);
}
