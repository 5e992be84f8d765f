/** Exec mode: what an application sees of the agent that runs it, the real one and ours. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { differs, onBothSides, type Place, type Running, startWorld, type World } from "./world.ts";

let world: World;

beforeAll(async () => {
  world = await startWorld();
}, 120_000);

afterAll(() => world.stop());

let secrets = 0;

/** A secret of KV for one test, and the configuration that gives it to `script` as $VALUE. */
async function secret(value: string) {
  const path = `secret/data/exec-${++secrets}`;
  const write = (to: string) => world.root.expect("POST", path, { data: { value: to } });
  await write(value);
  const configuration =
    (script: string, more = "", top = "") =>
    ({ folder, login }: Place) =>
      `${login(`sink "file" { config = { path = "${folder}/sink" } }`)}
env_template "VALUE" { contents = "{{ with secret \\"${path}\\" }}{{ .Data.data.value }}{{ end }}" }
exec {
  command = ["sh", "-c", ${JSON.stringify(script.replaceAll("FOLDER", folder))}]
  ${more}
}
template_config { static_secret_render_interval = "1s" }
${top}
`;
  return { configuration, write };
}

const LOOP = "while :; do sleep 0.05; done";
/** Lines that the script has written to FOLDER/out. */
async function lines(agent: Running): Promise<readonly string[]> {
  const text = await readFile(join(agent.folder, "out"), "utf8").catch(() => "");
  return text.split("\n").filter((one) => one !== "");
}
const said = (agent: Running, line: string) =>
  agent.until(`its application said ${line}`, async () => ((await lines(agent)).includes(line) ? true : undefined));

onBothSides("exec mode", (side) => {
  it("gives variables to the application, and starts it anew when they change", { timeout: 60_000 }, async () => {
    const { configuration, write } = await secret("one");
    const agent = await world.start(
      side,
      configuration(`echo "value $VALUE" >>FOLDER/out; trap 'echo told >>FOLDER/out; exit 0' TERM; ${LOOP}`),
    );
    await said(agent, "value one");
    await write("two");
    await said(agent, "value two");
    expect(await lines(agent)).toEqual(["value one", "told", "value two"]);
  });

  it("leaves it alone with restart_on_secret_changes = never", { timeout: 60_000 }, async () => {
    const { configuration, write } = await secret("one");
    const agent = await world.start(
      side,
      configuration(
        `echo "value $VALUE" >>FOLDER/out; trap 'echo told >>FOLDER/out; exit 0' TERM; ${LOOP}`,
        'restart_on_secret_changes = "never"',
      ),
    );
    await said(agent, "value one");
    await write("two");
    // Each says it in its own words.
    const known =
      side.is === "real" ? /not restarting process/ : /rendered: .* changed=true.*rendered: .* changed=true/s;
    await agent.until("it knew of the change", () => known.exec(agent.output())?.[0]);
    expect(await lines(agent)).toEqual(["value one"]);
  });

  it("ends with the application's exit code", async () => {
    const { configuration } = await secret("one");
    const agent = await world.start(side, configuration("exit 7"));
    expect(await agent.ended).toEqual({ code: 7, signal: null });
  });

  it("sends the stop signal that it is told, and ends with 0", { timeout: 60_000 }, async () => {
    const { configuration } = await secret("one");
    const agent = await world.start(
      side,
      configuration(
        `trap 'echo usr1 >>FOLDER/out; exit 0' USR1; echo up >>FOLDER/out; ${LOOP}`,
        'restart_stop_signal = "SIGUSR1"',
      ),
    );
    await said(agent, "up");
    agent.signal("SIGTERM");
    expect(await agent.ended).toEqual({ code: 0, signal: null });
    expect(await lines(agent)).toEqual(["up", "usr1"]);
  });

  it.skipIf(process.env.VAULT_BIN === undefined)(
    "kills an application that does not listen, 30 s later",
    { timeout: 90_000 },
    async () => {
      const { configuration } = await secret("one");
      const agent = await world.start(
        side,
        configuration(`trap '' TERM INT; echo up >>FOLDER/out; echo $$ >>FOLDER/out; ${LOOP}`),
      );
      await said(agent, "up");
      const asked = performance.now();
      agent.signal("SIGTERM");
      await agent.ended;
      expect(performance.now() - asked).toBeGreaterThan(29_000);
      const [, pid] = await lines(agent);
      const state = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => ") X");
      expect(state).toMatch(/\) [ZX]/);
    },
  );

  it("passes on what else it is sent", { timeout: 60_000 }, async () => {
    const { configuration } = await secret("one");
    const agent = await world.start(
      side,
      configuration(`trap 'echo hup >>FOLDER/out' HUP; echo up >>FOLDER/out; ${LOOP}`),
    );
    await said(agent, "up");
    agent.signal("SIGHUP");
    const heard = differs(side, "In exec mode SIGHUP and the like end with the agent", { real: [], lessee: ["hup"] });
    if (heard.length > 0) await said(agent, "hup");
    else await agent.until("it has read its files again", () => /reload triggered/.exec(agent.output())?.[0]);
    expect(await lines(agent)).toEqual(["up", ...heard]);
    agent.signal("SIGTERM");
    expect((await agent.ended).code).toBe(0);
  });
});
