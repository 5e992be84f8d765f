/** From a change to the file and what is run for it: secrets, files that templates read, their sources, commands. */
import { mkdir, readFile, rename, rm, stat, symlink, writeFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Agent } from "../support/agent.ts";
import { configuration, SEED_TEMPLATE, template } from "../support/configuration.ts";
import { type Pod, startWorld, type World } from "../support/world.ts";

let world: World;

beforeAll(async () => {
  world = await startWorld();
});

afterAll(() => world.stop());

const LONG = { ttl: { default: "60s", max: "10m" } };

/** A command that leaves its mark in the pod's journal, one line for each run. */
const marks = (pod: Pod, mark: string) => `command = "echo ${mark} >> ${pod.path("journal")}"`;
const journal = async (pod: Pod) =>
  (await readFile(pod.path("journal"), "utf8").catch(() => "")).split("\n").filter(Boolean);
/** The machine may have much else to do. */
const PATIENT = { timeout: 15_000 };
const reads = (pod: Pod) => pod.requests(({ path }) => path === "/v1/database/creds/pg-role");
const rendered = (agent: Agent, path: string, since = 0) =>
  agent.event("rendered", ({ destination, changed }) => destination === path && changed === true, since);

describe("Files that templates read", () => {
  it("are followed, a projected volume too, and nothing is asked of Vault for it", async () => {
    const pod = await world.pod(LONG);
    const volume = pod.path("volume");
    const project = async (generation: string) => {
      await mkdir(`${volume}/${generation}`, { recursive: true });
      await writeFile(`${volume}/${generation}/flavour`, generation);
      await symlink(generation, `${volume}/..new`);
      await rename(`${volume}/..new`, `${volume}/..data`);
    };
    await project("..1");
    await symlink("..data/flavour", `${volume}/flavour`);
    const agent = await pod.agent(
      configuration(pod, {
        template: template(
          pod.destination,
          `{{ with secret "database/creds/pg-role" }}{{ .Data.username }}{{ end }} {{ file "${volume}/flavour" }}\n`,
          marks(pod, "changed"),
        ),
      }),
    );
    const { user } = await agent.event("published");
    expect(await readFile(pod.destination, "utf8")).toBe(`${user} ..1\n`);
    await expect.poll(() => journal(pod), PATIENT).toHaveLength(1);
    for (const generation of ["..2", "..3"]) {
      const since = agent.entries.length;
      await project(generation);
      await rendered(agent, pod.destination, since);
      expect(await readFile(pod.destination, "utf8")).toBe(`${user} ${generation}\n`);
    }
    await expect.poll(() => journal(pod), PATIENT).toHaveLength(3);
    expect(reads(pod)).toBe(1);
    await agent.stop();
  });

  it("are waited for where they are missing, by an init container too", async () => {
    const pod = await world.pod(LONG);
    const late = pod.path("absent", "late");
    const agent = await pod.agent(
      configuration(pod, {
        template: template(pod.destination, `{{ file "${late}" }}\n`) + template(pod.path("other")),
      }),
      { args: ["-exit-after-auth"] },
    );
    await agent.event("rendered", ({ destination }) => destination === pod.path("other"));
    await expect(stat(pod.destination)).rejects.toThrow("ENOENT");
    await mkdir(pod.path("absent"));
    await writeFile(late, "here");
    expect(await agent.ended).toEqual({ code: 0, signal: null });
    expect(await readFile(pod.destination, "utf8")).toBe("here\n");
  });
});

describe("The source of a template", () => {
  it("is followed; what does not parse changes nothing, and a new secret is fetched", async () => {
    const pod = await world.pod(LONG);
    const source = pod.path("app.ctmpl");
    await writeFile(source, `one ${SEED_TEMPLATE}`);
    const agent = await pod.agent(
      configuration(pod, { template: `template {\n source = "${source}"\n destination = "${pod.destination}"\n}` }),
    );
    const { user } = await agent.event("published");
    await writeFile(source, "{{ if }}");
    const { message } = await agent.event("warning", ({ code }) => code === "template-source");
    expect(message).toContain("missing value for if");
    expect(await readFile(pod.destination, "utf8")).toContain(`oneusername: ${user}`);

    const since = agent.entries.length;
    await writeFile(source, `two ${SEED_TEMPLATE}`);
    await rendered(agent, pod.destination, since);
    expect(await readFile(pod.destination, "utf8")).toContain(`twousername: ${user}`);
    expect(reads(pod)).toBe(1);
    await agent.stop();
  });
});

describe("Commands", () => {
  it("are run once for all files of a pass, in order; of a template without a secret too", async () => {
    const pod = await world.pod(LONG);
    const one = (name: string, mark: string) => template(pod.path("secrets", name), SEED_TEMPLATE, marks(pod, mark));
    const agent = await pod.agent(
      configuration(pod, {
        template: one("1", "first") + one("2", "same") + one("3", "third") + one("4", "same"),
      }),
    );
    await agent.event("published");
    await expect.poll(() => journal(pod), PATIENT).toEqual(["first", "same", "third"]);
    await agent.stop();

    await rm(pod.path("journal"));
    const plain = await pod.agent(
      configuration(pod, { template: template(pod.destination, "no secret\n", marks(pod, "plain")) }),
    );
    await expect.poll(() => journal(pod), PATIENT).toEqual(["plain"]);
    await plain.stop();
  });

  it("that fail are run again by themselves, and nothing is asked of Vault for it", async () => {
    const pod = await world.pod(LONG);
    const command = (good: string) => `command = ["sh", "-c", "echo run >> ${pod.path("journal")}; test -e ${good}"]`;
    const agent = await pod.agent(
      configuration(pod, {
        template:
          template(pod.destination, SEED_TEMPLATE, command(pod.path("mended"))) +
          template(pod.path("plain"), "no secret\n", command(pod.path("mended-too"))),
      }),
    );
    const failed = (of: (path: unknown) => boolean) => agent.event("notify failed", ({ path }) => of(path));
    await failed((path) => path === "database/creds/pg-role");
    await failed((path) => path === pod.path("plain"));
    await writeFile(pod.path("mended"), "");
    await writeFile(pod.path("mended-too"), "");
    await agent.event("notified", ({ path }) => path === "database/creds/pg-role");
    await agent.event("notified", ({ path }) => path === pod.path("plain"));
    expect((await journal(pod)).length).toBeGreaterThanOrEqual(4);
    expect(reads(pod)).toBe(1);
    await agent.stop();
  });
});

describe("A template that waits for more changes", () => {
  it("is written once for several, and its command is run once", async () => {
    const pod = await world.pod(LONG);
    const [one, two] = [pod.path("one"), pod.path("two")];
    await Promise.all([writeFile(one, "1"), writeFile(two, "1")]);
    const contents = `{{ file "${one}" }}{{ file "${two}" }}\n`;
    const agent = await pod.agent(
      configuration(pod, {
        template: template(pod.destination, contents, `wait = "1500ms"\n${marks(pod, "waited")}`),
      }),
    );
    await expect.poll(() => journal(pod), PATIENT).toHaveLength(1);
    const since = agent.entries.length;
    await writeFile(one, "2");
    await new Promise((resolve) => setTimeout(resolve, 500));
    await writeFile(two, "2");
    await rendered(agent, pod.destination, since);
    expect(await readFile(pod.destination, "utf8")).toBe("22\n");
    await expect.poll(() => journal(pod), PATIENT).toHaveLength(2);
    expect(agent.entries.slice(since).filter(({ msg }) => msg === "rendered")).toHaveLength(1);
    await agent.stop();
  });
});

describe("A template that fails", () => {
  const BROKEN = `{{ with secret "database/creds/pg-role" }}{{ .Data.username | parseInt }}{{ end }}\n`;
  const broken = (pod: Pod, more = "") => template(pod.path("broken"), BROKEN, more) + template(pod.destination);
  const rest = "template_config { exit_on_retry_failure = true }";

  it("M10: ends an init container with 1, if exit_on_retry_failure is set, and leaves no user behind", async () => {
    const pod = await world.pod(LONG);
    const agent = await pod.agent(configuration(pod, { template: broken(pod), rest }), { args: ["-exit-after-auth"] });
    expect(await agent.ended).toEqual({ code: 1, signal: null });
    expect((await agent.event("stopping")).reason).toMatch(
      /a template fails, and exit_on_retry_failure is set: .*parseInt/,
    );
    expect(await pod.left(5_000)).toEqual([]);
  });

  it("does not, and is not waited for, with error_fatal = false", async () => {
    const pod = await world.pod(LONG);
    const agent = await pod.agent(configuration(pod, { template: broken(pod, "error_fatal = false"), rest }), {
      args: ["-exit-after-auth"],
    });
    expect(await agent.ended).toEqual({ code: 0, signal: null });
    expect((await pod.credential()).username).toMatch(/^v-kubernet-pg-role-/);
    await expect(stat(pod.path("broken"))).rejects.toThrow("ENOENT");
  });

  it("ends a sidecar that has published nothing, and no other", async () => {
    const pod = await world.pod(LONG);
    const alone = await pod.agent(
      configuration(pod, { template: template(pod.path("broken"), '{{ sprig_fail "no" }}\n'), rest }),
    );
    expect((await alone.ended).code).toBe(1);
    const onlyOne = await pod.agent(configuration(pod, { template: template(pod.path("broken"), BROKEN), rest }));
    expect((await onlyOne.ended).code).toBe(1);
    expect(await pod.left(5_000)).toEqual([]);
    // Its failure comes with the second secret, when the first is in use.
    await pod.seed.api.expect("POST", "secret/data/app", { data: { port: "x" } });
    await pod.seed.api.expect("PUT", `sys/policies/acl/${pod.seed.policy}`, {
      policy: `path "database/creds/*" { capabilities = ["read"] }\npath "secret/data/*" { capabilities = ["read"] }\n`,
    });
    const held = pod.vault.faults.inject(({ path }) => path === "/v1/secret/data/app", {
      kind: "answer",
      status: 503,
      body: { errors: ["not now"] },
    });
    const late = `{{ with secret "secret/data/app" }}{{ .Data.data.port | parseInt }}{{ end }}\n`;
    const agent = await pod.agent(
      configuration(pod, { template: template(pod.path("late"), late) + template(pod.destination), rest }),
    );
    await agent.event("published");
    held.remove();
    await agent.event("render failed");
    expect((await pod.get("/livez")).status).toBe(200);
    expect(await agent.stop()).toEqual({ code: 0, signal: null });
  });
});

describe("What reaches out of a template", () => {
  it("writes further files with the template's own, and runs programs aside", async () => {
    const pod = await world.pod(LONG);
    const [side, program] = [pod.path("side", "password"), pod.path("program.sh")];
    await writeFile(program, `#!/bin/sh\necho run >> ${pod.path("journal")}\necho "$1 hashed"\n`, { mode: 0o755 });
    const contents = `{{ with secret "database/creds/pg-role" }}{{ .Data.username | plugin "${program}" }}
{{ .Data.password | writeToFile "${side}" "" "" "0600" }}{{ sprig_htpasswd .Data.username .Data.password }}{{ end }}\n`;
    const agent = await pod.agent(configuration(pod, { template: template(pod.destination, contents) }));
    const { user } = await agent.event("published");
    const [first, second] = (await readFile(pod.destination, "utf8")).split("\n");
    expect(first).toBe(`${user} hashed`);
    expect(second).toMatch(new RegExp(`^${user}:\\$2a\\$10\\$`));
    expect(await readFile(side, "utf8")).toMatch(/^[A-Za-z0-9-]{20}$/);
    expect((await stat(side)).mode & 0o777).toBe(0o600);
    expect(await journal(pod)).toEqual(["run"]);
    expect(reads(pod)).toBe(1);
    await agent.stop();
  });
});
