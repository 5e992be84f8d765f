/**
 * The image, built by the Dockerfile and run as the injector runs it: its own command line, any user, a read-only root,
 * no capability, 128 MiB; beside an emulated Vault and a real Postgres.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildImage } from "../../dev/image/build.ts";
import { makeLocalImages, missingForLocalImages } from "../../dev/image/local.ts";
import { findDocker } from "../../dev/image/programs.ts";
import { type Kubernetes, startKubernetes } from "../../dev/kubernetes/token-review.ts";
import { createTables } from "../../dev/postgres/tsb.ts";
import { type RunningPostgres, startPostgres } from "../../dev/postgres.ts";
import { type EmulatedVault, startEmulatedVault } from "../../dev/vault/emulated-vault.ts";
import { type SeedWorld, setUpSeed } from "../../dev/vault/setup.ts";
import { type Container, type ContainerOptions, startContainer } from "./container.ts";
import { root } from "./run.ts";

const reason = process.platform === "linux" ? await missingForLocalImages() : "Linux";
const missing = reason ?? (existsSync(join(root, "dist/lessee.cjs")) ? undefined : "npm run build before");
const docker = (await findDocker()) ?? "docker";
const IMAGE = `lessee-local/test-${process.pid}`;
/** Images with Alpine, say, where somebody has them; else such of this machine's own files. */
const { LESSEE_TEST_IMAGE_BASE: givenBase, LESSEE_TEST_IMAGE_NODE: givenNode } = process.env;
/** Of 160 MB, unpacked. */
const LARGEST = 160_000_000;

/** What vault-k8s runs in its containers, word for word. */
const INJECTED = [
  "/bin/sh",
  "-ec",
  // biome-ignore lint/suspicious/noTemplateCurlyInString: the shell's
  "echo ${VAULT_CONFIG?} | base64 -d > /home/vault/config.json && vault agent -config=/home/vault/config.json",
];

describe.skipIf(missing !== undefined)(`the image${missing ? ` (skipped: needs ${missing})` : ""}`, () => {
  let postgres: RunningPostgres;
  let kubernetes: Kubernetes;
  let vault: EmulatedVault;
  let seed: SeedWorld;
  let folder: string;
  let token: string;

  beforeAll(async () => {
    const built = makeLocalImages(process.execPath).then(({ base, node }) => {
      const images = { BASE: givenBase ?? base, NODE: givenNode ?? node, BUILD: node };
      return buildImage({ tag: IMAGE, args: { ...images, DIST: "prebuilt", REVISION: "abc" } });
    });
    [postgres, kubernetes, folder] = await Promise.all([
      startPostgres(),
      startKubernetes(),
      mkdtemp(join(tmpdir(), "lessee-image-")),
    ]);
    await createTables(postgres.url);
    vault = await startEmulatedVault({ rootToken: "s.root-of-the-image-test-000" });
    seed = await setUpSeed({
      address: vault.address,
      token: vault.rootToken,
      postgres,
      kubernetes,
      ttl: { default: "60s", max: "120s" },
    });
    token = join(folder, "token");
    const pod = { name: "tsb-0", uid: "9f1c2f9e-6d0f-4c55-9f55-000000000001" };
    await writeFile(token, kubernetes.signToken({ namespace: "tsb", name: "tsb", pod }), { mode: 0o644 });
    await built;
  }, 120_000);

  afterAll(async () => {
    spawnSync(docker, ["image", "rm", "--force", IMAGE]);
    await seed?.remove();
    await vault?.stop();
    await Promise.all([postgres?.stop(), kubernetes?.stop()]);
    if (folder) await rm(folder, { recursive: true });
  });

  /** As the injector writes it for the seed's annotations. */
  function injected(exitAfterAuth: boolean, template = {}): Partial<ContainerOptions> {
    const config = {
      auto_auth: {
        method: {
          type: "kubernetes",
          mount_path: "auth/kubernetes",
          config: { role: "pg", token_path: "/var/run/secrets/kubernetes.io/serviceaccount/token" },
        },
        sink: [{ type: "file", config: { path: "/home/vault/.vault-token" } }],
      },
      exit_after_auth: exitAfterAuth,
      pid_file: "/home/vault/.pid",
      vault: { address: vault.address },
      template: [
        {
          destination: "/vault/secrets/config.yaml",
          contents:
            '{{- with secret "database/creds/pg-role" -}}\nusername: {{ .Data.username }}\npassword: {{ .Data.password }}\n{{- end }}\n',
          left_delimiter: "{{",
          right_delimiter: "}}",
          ...template,
        },
      ],
      template_config: { exit_on_retry_failure: true },
    };
    return {
      env: {
        VAULT_CONFIG: Buffer.from(JSON.stringify(config)).toString("base64"),
        LESSEE_CONFIG: 'health { address = "" }',
      },
      files: { "/var/run/secrets/kubernetes.io/serviceaccount/token": token },
      command: INJECTED,
    };
  }

  function container(user: string, options: Partial<ContainerOptions>): Container {
    return startContainer({ docker, image: IMAGE, user, ...options });
  }

  async function users(): Promise<readonly string[]> {
    const client = new pg.Client({ connectionString: postgres.url });
    await client.connect();
    const { rows } = await client.query<{ rolname: string }>("SELECT rolname FROM pg_roles WHERE rolname LIKE 'v-%'");
    await client.end();
    return rows.map(({ rolname }) => rolname);
  }

  async function published(sidecar: Container): Promise<string> {
    await expect.poll(sidecar.log, { timeout: 20_000, interval: 50 }).toContain("published");
    return sidecar.exec("cat /vault/secrets/config.yaml");
  }

  it.each(["100:1000", "1000680000:0"])(
    "as user %s runs the injector's sidecar, and ends on SIGTERM in time",
    async (user) => {
      const sidecar = container(user, injected(false));
      const text = await published(sidecar);
      const name = /^username: (\S+)\npassword: \S+$/m.exec(text)?.[1];
      expect(await users()).toContain(name);
      // The shell became the launcher: the first process, with Node below it.
      expect(await sidecar.exec("cat /proc/1/cmdline")).toContain("vault\0agent\0-config=/home/vault/config.json");
      expect(await sidecar.stop(20)).toBeLessThan(10_000);
      expect(await sidecar.ended).toBe(0);
    },
  );

  it("runs the injector's init container to its end", async () => {
    const init = container("100:1000", injected(true));
    expect(await init.ended).toBe(0);
    expect(init.log()).toContain("published");
  });

  it("runs the injector's line for a ConfigMap, and logs as the variables say, to standard error", async () => {
    const { env = {}, files } = injected(true, {});
    const config = JSON.parse(Buffer.from(env.VAULT_CONFIG ?? "", "base64").toString());
    const file = join(folder, "config-init.hcl");
    // A key of a later agent's is no reason to stop.
    await writeFile(file, JSON.stringify({ ...config, of_tomorrow: { key: 1 } }), { mode: 0o644 });
    const init = container("1000680000:0", {
      env: { LESSEE_CONFIG: env.LESSEE_CONFIG ?? "", VAULT_LOG_LEVEL: "debug", VAULT_LOG_FORMAT: "json" },
      files: { ...files, "/vault/configs/config-init.hcl": file },
      command: [
        "/bin/sh",
        "-ec",
        "touch /home/vault/.vault-token && vault agent -config=/vault/configs/config-init.hcl",
      ],
    });
    expect(await init.ended).toBe(0);
    expect(init.output()).toBe("");
    const entries = init
      .log()
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { level: string; msg: string });
    expect(entries.map(({ level }) => level)).toContain("debug");
    expect(entries).toContainEqual(expect.objectContaining({ msg: expect.stringContaining('key "of_tomorrow"') }));
  });

  it("does not start without the variable that the injector's line asks for", async () => {
    const init = container("100:1000", { command: INJECTED });
    expect(await init.ended).not.toBe(0);
    expect(init.log()).toContain("VAULT_CONFIG");
  });

  it.each(["100:1000", "1000680000:0", "0:0"])("has for user %s all that the injector's lines name", async (user) => {
    const asked = container(user, {
      command: [
        "/bin/sh",
        "-ec",
        [
          "for name in sh echo base64 cat kill lessee node pkill sleep touch vault; do command -v $name >/dev/null; done",
          "for file in /bin/sh /bin/sleep /bin/vault /usr/local/bin/lessee; do test -x $file; done",
          'test "$(printf bGVzc2Vl | base64 -d)" = lessee',
          'test "$HOME" = /home/vault && touch /home/vault/x',
          "test -r /opt/lessee/bin/lessee && test -r /opt/lessee/dist/lessee.cjs",
          "grep ^vault: /etc/passwd",
        ].join("\n"),
      ],
    });
    expect({ code: await asked.ended, log: asked.log() }).toEqual({
      code: 0,
      log: "vault:x:100:1000::/home/vault:/bin/sh\n",
    });
  });

  it("stays below 128 MiB, and far below it", async () => {
    const sidecar = container("100:1000", injected(false));
    await published(sidecar);
    const all = await sidecar.processes();
    const resident = all.reduce((sum, { residentKiB }) => sum + residentKiB, 0);
    expect(all, "the launcher and Node").toHaveLength(2);
    expect(resident / 1024).toBeLessThan(100);
  });

  it("reaps what a template's command leaves behind, and gives it kill, pkill, touch and sleep", async () => {
    const command = "sleep 1 & touch /home/vault/told; pkill -0 node; kill -0 1; true";
    const sidecar = container("100:1000", injected(false, { command }));
    await published(sidecar);
    await expect.poll(() => sidecar.exec("ls /home/vault"), { timeout: 10_000 }).toContain("told");
    // `sleep 1` outlives the shell that started it, ends as a child of the first process, and is gone all the same.
    const names = async () => (await sidecar.processes()).map(({ name, state }) => `${name} ${state}`);
    await expect.poll(names, { timeout: 10_000 }).not.toContainEqual(expect.stringMatching(/^sleep/));
    expect((await names()).filter((one) => one.endsWith("Z"))).toEqual([]);
  });

  it("ends in order, and gives its user back, when the injector's preStop hook asks it to revoke its token", async () => {
    const { env, ...options } = injected(false);
    const url = `postgresql://{{username}}:{{password}}@${postgres.host}:${postgres.port}/${postgres.database}?sslmode=disable`;
    const blocks = `health { address = "" } credential "database/creds/pg-role" { quiet_period = "1s" postgres { connection_url = "${url}" } }`;
    const sidecar = container("100:1000", { ...options, env: { ...env, LESSEE_CONFIG: blocks } });
    const name = /^username: (\S+)/m.exec(await published(sidecar))?.[1];
    expect(await users()).toContain(name);
    // The hook's process ends with the container that it runs in.
    await sidecar
      .exec(`/bin/sleep 0 && /bin/vault token revoke -address=${vault.address} -self`)
      .catch((error: { readonly code: number }) => expect(error.code).toBe(137));
    expect(await sidecar.ended).toBe(0);
    await expect.poll(users, { timeout: 5_000 }).not.toContain(name);
  });

  it("needs nothing to be writable but its volumes", async () => {
    const sidecar = container("100:1000", injected(false));
    await published(sidecar);
    const writable = await sidecar.exec(
      "for f in / /tmp /opt/lessee /opt/lessee/dist/compiled /etc; do touch $f/x 2>/dev/null && echo $f; done; true",
    );
    expect(writable).toBe("");
  });

  it("is small, labelled, of a numbered user, and tells what it is made of", async () => {
    const inspect = execFileSync(docker, ["image", "inspect", IMAGE], { encoding: "utf8" });
    const [{ Size: size, Config: config }] = JSON.parse(inspect) as [{ Size: number; Config: Record<string, unknown> }];
    expect(size).toBeLessThan(LARGEST);
    expect(config.User).toBe("100:1000");
    expect(config.Env).toContain("HOME=/home/vault");
    const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string };
    expect(config.Labels).toMatchObject({
      "org.opencontainers.image.title": "lessee",
      "org.opencontainers.image.version": version,
      "org.opencontainers.image.revision": "abc",
      "org.opencontainers.image.licenses": "Apache-2.0",
    });
    const shown = container("65534:65534", { command: ["/bin/cat", "/opt/lessee/dist/sbom.cdx.json"] });
    expect(await shown.ended).toBe(0);
    const bill = JSON.parse(shown.log()) as { readonly components: readonly { name: string; version: string }[] };
    expect(bill).toMatchObject({ bomFormat: "CycloneDX", specVersion: "1.6" });
    const asked = container("65534:65534", { command: ["node", "-p", "process.versions.node"] });
    expect(await asked.ended).toBe(0);
    expect(bill.components.find(({ name }) => name === "node")?.version).toBe(asked.log().trim());
  });

  it.each([
    ["lessee", ["version"]],
    ["vault", ["version"]],
    ["/bin/vault", ["version"]],
  ])("answers to %s", async (name, args) => {
    const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string };
    const asked = container("12345:0", { command: [name, ...args] });
    expect(await asked.ended).toBe(0);
    expect(asked.log()).toContain(version);
  });

  it("is its own entry point", async () => {
    const asked = container("100:1000", { args: ["agent", "-help"] });
    expect(await asked.ended).toBe(0);
    expect(asked.log()).toContain("-exit-after-auth");
  });
});
