/** Exec mode in a terminal: an interactive shell on a real pseudo terminal runs the agent, which runs the application. */
import { execFileSync, spawnSync } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { differs, onBothSides, type Running, type Side, startWorld, type World } from "./world.ts";

let world: World;

beforeAll(async () => {
  world = await startWorld();
  await world.root.expect("POST", "secret/data/terminal", { data: { value: "one" } });
}, 120_000);

afterAll(() => world.stop());

const HAS_TERMINALS = spawnSync("script", ["--version"]).status === 0 && spawnSync("bash", ["--version"]).status === 0;

/** It says what it gets, and goes on. */
const APPLICATION = `cd "$(dirname "$0")"
say() { echo "$1" >>out; }
trap 'say int' INT
trap 'say term; exit 0' TERM
trap 'say "$(stty size <&0)"' WINCH
say "pid $$"
say "tty $(tty)"
while :; do
  date +%s%N >tick
  sleep 0.05
done
`;

/** Resolves when the application runs. */
async function inTerminal(side: Side) {
  const agent = await world.start(
    side,
    async ({ folder, login }) => {
      await writeFile(join(folder, "app.sh"), APPLICATION);
      return `${login(`sink "file" { config = { path = "${folder}/sink" } }`)}
env_template "VALUE" { contents = "{{ with secret \\"secret/data/terminal\\" }}{{ .Data.data.value }}{{ end }}" }
exec { command = ["sh", "${folder}/app.sh"] }
`;
    },
    [],
    () => ["script", "-qfec", "bash --norc --noprofile -i", "/dev/null"],
  );
  agent.write(`${side.command} agent -config=${agent.folder}/agent.hcl\n`);
  const pid = Number(await said(agent, /^pid (\d+)$/m));
  const tty = await said(agent, /^tty (\S+)$/m);
  return { agent, pid, tty };
}

/** Ctrl-C, and the exit code, which the shell says. */
async function interrupt(agent: Running): Promise<void> {
  agent.write("\x03echo ended with $?\n");
  await shown(agent, /ended with 0\r/);
  agent.write("exit\n");
  await agent.ended;
}

const out = ({ folder }: Running) => readFile(join(folder, "out"), "utf8").catch(() => "");
const said = (agent: Running, what: RegExp) =>
  agent.until(`its application said ${what}`, async () => what.exec(await out(agent))?.[1]);
const shown = (agent: Running, what: RegExp) =>
  agent.until(`the terminal showed ${what}`, () => what.exec(agent.output())?.[0]);

/** As the kernel has it: state, parent, group, session, terminal, group in its foreground. */
async function kernelOf(pid: number) {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8");
  const [state, parent, group, session, , foreground] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return {
    state,
    parent: Number(parent),
    group: Number(group),
    session: Number(session),
    foreground: Number(foreground),
  };
}

const ticks = ({ folder }: Running) => readFile(join(folder, "tick"), "utf8");

onBothSides("exec mode in a terminal", (side) => {
  it.runIf(HAS_TERMINALS)(
    "has the terminal for its input; Ctrl-C ends it, and the agent with 0",
    { timeout: 60_000 },
    async () => {
      const { agent, pid, tty } = await inTerminal(side);
      expect(tty).toMatch(/^\/dev\/pts\/\d+$/);
      const { group, parent } = await kernelOf(pid);
      expect((await kernelOf(parent)).foreground).toBe((await kernelOf(parent)).group);
      const own = differs(side, "An application in exec mode is in the agent's group", { real: false, lessee: true });
      expect(group === pid).toBe(own);
      await interrupt(agent);
      const heard = (await out(agent)).split("\n").filter((line) => /^(int|term)$/.test(line));
      expect(heard).toEqual(
        differs(side, "An application in exec mode is in the agent's group", {
          real: ["int", "term"],
          lessee: ["term"],
        }),
      );
    },
  );

  it.runIf(HAS_TERMINALS)("is halted by Ctrl-Z, and goes on with fg", { timeout: 60_000 }, async () => {
    const { agent, pid } = await inTerminal(side);
    const { parent } = await kernelOf(pid);
    agent.write("\x1a");
    await shown(agent, /Stopped/);
    // A shell that is about to start a program waits for that one, which is halted too.
    for (const one of [pid, parent])
      await agent.until(`${one} stood`, async () =>
        /[TD]/.test((await kernelOf(one)).state ?? "") ? true : undefined,
      );
    const before = await ticks(agent);
    agent.write("fg\n");
    await agent.until("it went on", async () => ((await ticks(agent)) === before ? undefined : true));
    await interrupt(agent);
  });

  it.runIf(HAS_TERMINALS)("hears that its window has another size", { timeout: 60_000 }, async () => {
    const { agent, tty = "" } = await inTerminal(side);
    execFileSync("stty", ["-F", tty, "rows", "33", "cols", "91"]);
    expect(await said(agent, /^(33 91)$/m)).toBe("33 91");
    await interrupt(agent);
  });
});
