/** dev/start.sh in a folder of its own, with an npm and a Node that only write down how they are called. */
import { execFile } from "node:child_process";
import { appendFile, chmod, cp, mkdir, mkdtemp, readFile, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it, onTestFinished } from "vitest";

const repository = new URL("../..", import.meta.url).pathname;
const INSTALL = "npm ci --include=optional --include=dev --no-audit --no-fund";
const BUILD = "npm run --silent build";

describe("npm start", () => {
  it("installs, builds and starts the demo with the repository's Node and the arguments that it was given", async () => {
    const project = await makeProject();
    await project.start("--for", "2 m");
    expect(await project.calls()).toEqual([INSTALL, BUILD, "node dev/demo/main.ts --for 2 m"]);
  });

  it("installs again only when the lock file changed", async () => {
    const project = await makeProject();
    await project.start();
    await project.start();
    expect((await project.calls()).filter((call) => call === INSTALL)).toHaveLength(1);
    await project.changeLock();
    await project.start();
    expect((await project.calls()).filter((call) => call === INSTALL)).toHaveLength(2);
  });

  it("installs nothing right after npm ci", async () => {
    const project = await makeProject();
    await project.npmCi();
    await project.start();
    expect(await project.calls()).toEqual([BUILD, "node dev/demo/main.ts"]);
  });

  it("shows what the build said when it fails, and starts nothing", async () => {
    const project = await makeProject();
    await expect(project.start("--break-the-build")).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringContaining("src/main.ts does not compile"),
    });
    expect(await project.calls()).toEqual([INSTALL, BUILD]);
  });

  it("gives back the demo's exit code", async () => {
    const project = await makeProject();
    await expect(project.start("--fail")).rejects.toMatchObject({ code: 7 });
  });
});

const NPM = `#!/bin/sh
echo "npm $*" >>calls
case "$1" in
  ci) mkdir -p node_modules/.bin && cp fake-node node_modules/.bin/node ;;
  run) if [ -n "\${BREAK_THE_BUILD:-}" ]; then echo "src/main.ts does not compile"; exit 2; fi ;;
esac
`;

const NODE = `#!/bin/sh
[ "$1" = -p ] && echo 24.21.0 && exit 0
echo "node $*" >>calls
case "$*" in *--fail*) exit 7 ;; esac
`;

async function makeProject() {
  const folder = await mkdtemp(join(tmpdir(), "lessee-start-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const lock = join(folder, "package-lock.json");
  for (const file of ["dev/start.sh", "scripts/node-guard.sh"]) {
    await mkdir(dirname(join(folder, file)), { recursive: true });
    await cp(join(repository, file), join(folder, file));
  }
  await mkdir(join(folder, "bin"));
  await program(join(folder, "bin/npm"), NPM);
  await program(join(folder, "fake-node"), NODE);
  await writeFile(lock, "{}\n");
  const npmsStamp = join(folder, "node_modules/.package-lock.json");
  // In the past, so that what is written now is newer by any clock.
  await utimes(lock, 0, 0);

  return {
    async start(...args: string[]) {
      const breaks = args.includes("--break-the-build");
      await promisify(execFile)("sh", [join(folder, "dev/start.sh"), ...args], {
        cwd: "/",
        env: { PATH: `${join(folder, "bin")}:${process.env.PATH}`, ...(breaks && { BREAK_THE_BUILD: "1" }) },
      });
    },
    async calls(): Promise<string[]> {
      return (await readFile(join(folder, "calls"), "utf8")).trimEnd().split("\n");
    },
    changeLock: () => appendFile(lock, "\n"),
    async npmCi(): Promise<void> {
      await mkdir(join(folder, "node_modules/.bin"), { recursive: true });
      await cp(join(folder, "fake-node"), join(folder, "node_modules/.bin/node"));
      await writeFile(npmsStamp, "{}\n");
    },
  };
}

async function program(path: string, text: string): Promise<void> {
  await writeFile(path, text);
  await chmod(path, 0o755);
}
