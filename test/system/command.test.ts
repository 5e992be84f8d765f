import { spawn } from "node:child_process";
import * as fs from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { CommandConfig } from "../../src/config/types.ts";
import { createSystemClock } from "../../src/system/clock.ts";
import { createRunCommand } from "../../src/system/command.ts";
import { createFakeClock } from "../support/fake-clock.ts";

const clock = createSystemClock(Date.now, () => performance.now());
const never = new AbortController().signal;
const env = { PATH: process.env.PATH, HOME: "/home/of-ours", PRIVATE: "x" };
const run = createRunCommand({ spawn, kill: process.kill, clock, random: () => 0.5, env });

let folder = "";
beforeEach(async () => {
  folder = await fs.mkdtemp(join(tmpdir(), "lessee-command-"));
});
afterEach(async () => {
  await fs.rm(folder, { recursive: true, force: true });
});

function config(command: readonly string[], more: Partial<CommandConfig> = {}): CommandConfig {
  return { command, timeout: 30_000, ...more };
}

describe("a command", () => {
  it("as one string goes through a shell", async () => {
    expect(await run(config(["echo $HOME | tr a-z A-Z"]), {}, never)).toBe("/HOME/OF-OURS\n");
  });

  it("as a list is run directly, and nothing in it is expanded", async () => {
    expect(await run(config(["printf", "%s|", "$HOME", "a b; c"]), {}, never)).toBe("$HOME|a b; c|");
  });

  it("with a splay waits for a part of it by chance, and is not begun after a stop", async () => {
    const splayed = createFakeClock(0);
    const late = createRunCommand({ spawn, kill: process.kill, clock: splayed, random: () => 0.5, env });
    let ended = false;
    const running = late(config(["printf", "x"], { splay: 8_000 }), {}, never).finally(() => (ended = true));
    await splayed.advance(3_999);
    expect(ended).toBe(false);
    await splayed.advance(1);
    expect(await running).toBe("x");
    const stop = new AbortController();
    const given = late(config([`touch ${folder}/begun; :`], { splay: 8_000 }), {}, stop.signal);
    stop.abort();
    await expect(given).rejects.toThrow();
    await expect(fs.stat(join(folder, "begun"))).rejects.toThrow("ENOENT");
  });

  it("as one word is a program", async () => {
    await run(config(["true"]), {}, never);
  });

  it("that fails says how, and what it wrote on both streams", async () => {
    const failed = run(config(["echo out; echo err >&2; exit 3"]), {}, never);
    await expect(failed).rejects.toMatchObject({ code: "command", message: expect.stringMatching(/: exit code 3: /) });
    await expect(failed).rejects.toThrow(/out/);
    await expect(failed).rejects.toThrow(/err/);
  });

  it("that is killed says by what", async () => {
    await expect(run(config(["kill -9 $$"]), {}, never)).rejects.toThrow(/killed by SIGKILL/);
  });

  it("that does not exist says so", async () => {
    await expect(run(config(["no-such-program"]), {}, never)).rejects.toThrow(/there is no such program/);
  });

  it("that may not be run says so", async () => {
    const file = join(folder, "script");
    await fs.writeFile(file, "#!/bin/sh\n", { mode: 0o644 });
    await expect(run(config([file]), {}, never)).rejects.toThrow(/cannot be started.*EACCES/);
  });

  it("keeps only the end of a long output", async () => {
    const output = await run(config(["i=0; while [ $i -lt 2000 ]; do echo line $i; i=$((i+1)); done"]), {}, never);
    expect(output.length).toBe(4096);
    expect(output).toMatch(/line 1999\n$/);
  });

  it("that leaves a child behind has ended when it has ended", async () => {
    const before = Date.now();
    expect(await run(config(["sleep 20 & echo $!"]), {}, never)).toMatch(/^\d+\n$/);
    expect(Date.now() - before).toBeLessThan(10_000);
  });

  it("finds a shell where PATH names none", async () => {
    const bare = createRunCommand({ spawn, kill: process.kill, clock, random: Math.random, env: { PATH: folder } });
    expect(await bare(config(["echo a b"]), {}, never)).toBe("a b\n");
  });
});

describe("its end", () => {
  it("comes at the timeout", async () => {
    await expect(run(config(["sleep 60; :"], { timeout: 50 }), {}, never)).rejects.toThrow(/no end within 0.05 s/);
  });

  it("comes for the whole group", async () => {
    await stopped(`sleep 60 & echo $$ $! > started.new; mv started.new started; wait`);
    for (const pid of (await fs.readFile(join(folder, "started"), "utf8")).trim().split(" ")) await gone(Number(pid));
  });

  it("comes by force where the signal is ignored", async () => {
    await stopped("trap '' INT; echo $$ > started; while :; do sleep 0.01; done", { killTimeout: 50 });
  });

  it("begins with the signal that is asked for", async () => {
    const script = "trap 'echo heard > heard; exit 1' USR1; echo $$ > started; while :; do sleep 0.01; done";
    await stopped(script, { killSignal: "SIGUSR1" });
    expect(await fs.readFile(join(folder, "heard"), "utf8")).toBe("heard\n");
  });

  /** Runs a script in the folder until it has made the file `started`, and then stops as lessee does. */
  async function stopped(script: string, more: Partial<CommandConfig> = {}): Promise<void> {
    const stop = new AbortController();
    const ended = run(config([`cd ${folder}; ${script}`], more), {}, stop.signal);
    const rejected = expect(ended).rejects.toThrow(/because lessee is stopping/);
    while (!(await fs.readdir(folder)).includes("started")) await new Promise((resolve) => setTimeout(resolve, 5));
    stop.abort();
    await rejected;
  }
});

describe("its environment", () => {
  const print = ["env | grep -E '^(HOME|PRIVATE|ADDED|CUSTOM)=' | sort"];
  const rules = { pristine: false, custom: [], allowlist: [], denylist: [] };

  it("is ours with what is added", async () => {
    expect(await run(config(print), { ADDED: "1" }, never)).toBe("ADDED=1\nHOME=/home/of-ours\nPRIVATE=x\n");
  });

  it("passes what the lists let through", async () => {
    const allowed = { ...rules, allowlist: ["PRIVAT?", "P*"], denylist: ["PRIV*"], custom: ["CUSTOM=a=b"] };
    expect(await run(config(print, { env: allowed }), { ADDED: "1" }, never)).toBe("ADDED=1\nCUSTOM=a=b\n");
  });

  it("may hold nothing of ours", async () => {
    const pristine = { ...rules, pristine: true, custom: [`PATH=${process.env.PATH}`, "ADDED=2"] };
    expect(await run(config(print, { env: pristine }), { ADDED: "1" }, never)).toBe("ADDED=2\n");
  });
});

async function gone(pid: number): Promise<void> {
  const state = async () => await fs.readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  while (!/^$|\) Z /.test(await state())) await new Promise((resolve) => setTimeout(resolve, 5));
}
