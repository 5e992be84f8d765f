/** Exec mode, whole: `lessee agent` runs the application, which has its credential from its environment. */
import { readFile, writeFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { Report } from "../../dev/app/tally.ts";
import type { Agent } from "../support/agent.ts";
import { configuration } from "../support/configuration.ts";
import { spellings, startRecorder } from "../support/recorder.ts";
import { type Pod, startWorld, type World } from "../support/world.ts";

let world: World;

beforeAll(async () => {
  world = await startWorld();
});

afterAll(() => world.stop());

const LONG = { ttl: { default: "60s", max: "10m" } };
const APPLICATION = new URL("../../dev/app/main.ts", import.meta.url).pathname;

function inExecMode(pod: Pod, command: readonly string[], more: { exec?: string; credential?: string } = {}): string {
  return configuration(pod, {
    template: ["username", "password"]
      .map(
        (key) => `env_template "DB_${key.toUpperCase()}" {
  contents = "{{ with secret \\"${pod.seed.credentialPath}\\" }}{{ .Data.${key} }}{{ end }}"
}
`,
      )
      .join(""),
    ...(more.credential === undefined ? {} : { credential: more.credential }),
    rest: `exec {
  command = ${JSON.stringify(command)}
  ${more.exec ?? ""}
}`,
  });
}

const sh = (script: string) => ["sh", "-c", script];
/** Says who it is, and waits for a signal. */
const WAITS = sh('echo "I am $DB_USERNAME"; trap "exit 0" TERM; while :; do sleep 0.05; done');

async function line(agent: Agent, wanted: string): Promise<void> {
  let over = false;
  void agent.ended.then(() => {
    over = true;
  });
  while (!agent.lines.includes(wanted)) {
    if (over) throw new Error(`lessee ended before its application wrote ${wanted}`);
    await sleep(20);
  }
}

it("The application in exec mode never uses a dead password", { timeout: 90_000 }, async () => {
  const pod = await world.pod({ ttl: { default: "10s", max: "20s" } });
  const [host, port, database] = pod.database.split(/[:/]/);
  const agent = await pod.agent(
    inExecMode(
      pod,
      [
        process.execPath,
        APPLICATION,
        "--habit=restart",
        `--host=${host}`,
        `--port=${port}`,
        `--database=${database}`,
        "--lifetime=1000",
      ],
      { credential: `hearing = "6s"` },
    ),
  );
  await agent.events("rotated", 2);
  expect(await agent.stop()).toEqual({ code: 0, signal: null });
  const last = agent.lines
    .filter((text) => text.startsWith("{"))
    .map((text) => JSON.parse(text) as Report & { final: boolean })
    .filter(({ final }) => final);
  expect(last.length).toBe(agent.entries.filter(({ msg }) => msg === "application started").length);
  expect(last.length).toBeGreaterThanOrEqual(3);
  for (const report of last) expect(report).toMatchObject({ failed: 0, lastFailure: null });
  expect(new Set(last.map(({ user }) => user)).size).toBe(last.length);
  expect(agent.entries.filter(({ msg }) => msg === "lost")).toEqual([]);
  expect(await pod.left()).toEqual([]);
});

it("The old credential is let go only after the restart", { timeout: 60_000 }, async () => {
  const pod = await world.pod({ ttl: { default: "10s", max: "20s" } });
  const agent = await pod.agent(inExecMode(pod, WAITS, { credential: `hearing = "6s"` }));
  await agent.event("released");
  const story = agent.entries
    .map(({ msg }) => msg)
    .filter((msg) => ["published", "application started", "notified", "released"].includes(msg));
  const restarted = story.lastIndexOf("application started");
  expect(story.filter((msg) => msg === "application started")).toHaveLength(2);
  expect(story.indexOf("released")).toBeGreaterThan(restarted);
  expect(story.lastIndexOf("notified")).toBeGreaterThan(restarted);
  expect(agent.lines.filter((text) => text.startsWith("I am "))).toHaveLength(2);
  await agent.stop();
});

it.each([
  ["its exit code", "exit 7", 7],
  ["the signal that ended it", "kill -KILL $$", 137],
])("The end of the application is the end of lessee, with %s", async (_, script, code) => {
  const pod = await world.pod(LONG);
  const agent = await pod.agent(inExecMode(pod, sh(script)));
  expect(await agent.ended).toEqual({ code, signal: null });
  expect(agent.entries.find(({ msg }) => msg === "stopping")?.reason).toContain("the application has ended");
  expect(await pod.left()).toEqual([]);
});

it("An application that cannot be started is said, and nothing is left behind", async () => {
  const pod = await world.pod(LONG);
  const agent = await pod.agent(inExecMode(pod, ["/nowhere/at/all"]));
  expect(await agent.ended).toEqual({ code: 127, signal: null });
  expect(agent.entries.find(({ msg }) => msg === "stopping")?.reason).toContain(
    "the application cannot be started: /nowhere/at/all: there is no such program",
  );
  expect(await pod.left()).toEqual([]);
});

it.each(["SIGTERM", "SIGINT"] as const)(
  "%s ends the application by its own signal, and lessee after it",
  async (signal) => {
    const pod = await world.pod(LONG);
    const agent = await pod.agent(
      inExecMode(pod, sh('trap "echo bye; exit 9" USR2; echo up; while :; do sleep 0.05; done'), {
        exec: `restart_stop_signal = "SIGUSR2"`,
      }),
    );
    await line(agent, "up");
    agent.signal(signal);
    expect(await agent.ended).toEqual({ code: 0, signal: null });
    expect(agent.lines).toContain("bye");
    expect(agent.entries.find(({ msg }) => msg === "application ended")).toMatchObject({ code: 9, asked: true });
    expect(await pod.left()).toEqual([]);
  },
);

it("A second SIGTERM leaves no application behind", async () => {
  const pod = await world.pod(LONG);
  const agent = await pod.agent(inExecMode(pod, sh('trap "echo no" TERM; echo $$; while :; do sleep 0.05; done')));
  await agent.event("application started");
  while (!agent.lines.some((text) => /^\d+$/.test(text))) await sleep(20);
  const pid = Number(agent.lines.find((text) => /^\d+$/.test(text)));
  agent.signal("SIGTERM");
  await line(agent, "no");
  await sleep(1_100); // What comes sooner is the same request, sent once more by somebody between.
  agent.signal("SIGTERM");
  expect((await agent.ended).code).toBe(143);
  for (;;) {
    const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => ") Z");
    if (/\) [ZX]/.test(stat)) break;
  }
});

it("What else a terminal sends is passed on", async () => {
  const pod = await world.pod(LONG);
  const signals = ["HUP", "QUIT", "USR1", "USR2", "WINCH"] as const;
  const traps = signals.map((name) => `trap "echo ${name}" ${name}`).join("; ");
  const agent = await pod.agent(inExecMode(pod, sh(`${traps}; echo up; while :; do sleep 0.05; done`)));
  await line(agent, "up");
  for (const name of signals) {
    agent.signal(`SIG${name}`);
    await line(agent, name);
  }
  await agent.event("configuration reloaded");
  expect(await agent.stop()).toEqual({ code: 0, signal: null });
});

it("A reload starts the application anew only where its variables have changed", { timeout: 60_000 }, async () => {
  const pod = await world.pod(LONG);
  const text = inExecMode(pod, sh('trap : HUP; trap "exit 0" TERM; echo "up $MORE"; while :; do sleep 0.05; done'));
  const agent = await pod.agent(text);
  await line(agent, "up ");
  agent.signal("SIGHUP");
  await agent.event("configuration reloaded");
  await writeFile(pod.path("agent.hcl"), `${text}\nenv_template "MORE" {\n  contents = "and more"\n}\n`);
  agent.signal("SIGHUP");
  await line(agent, "up and more");
  expect(await agent.events("application started", 2)).toHaveLength(2);
  await writeFile(pod.path("agent.hcl"), configuration(pod));
  agent.signal("SIGHUP");
  const { error } = await agent.event("configuration refused");
  expect(error).toContain("whether lessee runs the application cannot be changed by a reload");
  expect(await agent.stop()).toEqual({ code: 0, signal: null });
});

it("With -exit-after-auth the variables are rendered, and the application is not run", async () => {
  const pod = await world.pod(LONG);
  const agent = await pod.agent(inExecMode(pod, sh("echo run")), { args: ["-exit-after-auth"] });
  expect(await agent.ended).toEqual({ code: 0, signal: null });
  expect(agent.lines).toEqual([]);
  expect(agent.entries.filter(({ msg }) => msg === "rendered")).toHaveLength(2);
});

it("No log, no status and no process list has what the variables hold", async () => {
  const pod = await world.pod(LONG);
  const recorder = await startRecorder(pod.vault.address);
  const text = inExecMode(pod, WAITS).replace(pod.vault.address, recorder.address);
  const agent = await pod.agent(text, { args: ["-log-level=trace"] });
  const { pid } = await agent.event("application started");
  const seen = [
    agent.output(),
    (await pod.get("/status")).text,
    (await pod.get("/metrics")).text,
    await readFile(`/proc/${pid}/cmdline`, "utf8"),
  ].join("\n");
  expect(seen).toContain("$DB_PASSWORD");
  const passwords = [...recorder.secrets.get("password")!];
  expect(passwords.length).toBeGreaterThan(0);
  for (const spelling of passwords.flatMap(spellings)) expect(seen).not.toContain(spelling);
  await agent.stop();
});
