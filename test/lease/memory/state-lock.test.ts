/** Real processes that want one state at the same instant. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import * as fs from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterEach, beforeEach, expect, it } from "vitest";

let folder = "";
beforeEach(async () => {
  folder = await fs.mkdtemp(join(tmpdir(), "state-"));
});
afterEach(() => fs.rm(folder, { recursive: true }));

/** What a process that was killed has left: nobody has this pid and this time of start. */
const DEAD = "1 1";

function startContender(...args: readonly string[]) {
  const child = spawn(process.execPath, [new URL("./contender.ts", import.meta.url).pathname, ...args], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  return {
    child,
    async ask(line: string): Promise<string> {
      child.stdin.write(`${line}\n`);
      return (await lines.next()).value as string;
    },
    async kill() {
      child.kill("SIGKILL");
      await once(child, "exit");
    },
  };
}

it.skipIf(process.platform !== "linux")(
  "W11: a state is one's alone of all that start at the same instant, whatever was left there, in 200 rounds",
  { timeout: 60_000 },
  async () => {
    const contenders = Array.from({ length: 4 }, () => startContender());
    const winners = new Set<number>();
    try {
      for (let round = 0; round < 200; round++) {
        if (round % 2 === 0) await fs.writeFile(join(folder, "lessee.lock"), DEAD);
        const moment = Date.now() + 15;
        const answers = await Promise.all(contenders.map(({ ask }) => ask(`${folder} ${moment}`)));
        expect(answers.filter((answer) => answer === "held")).toHaveLength(1);
        for (const answer of answers) expect(answer).toMatch(/^held$|is held by another lessee/);
        winners.add(answers.indexOf("held"));
        await Promise.all(contenders.map(({ ask }) => ask("free")));
      }
    } finally {
      await Promise.all(contenders.map(({ kill }) => kill()));
    }
    // It is no order of theirs that has decided.
    expect(winners.size).toBeGreaterThan(1);
  },
);

it("W11: a state is free as soon as whoever had it was killed", async () => {
  const [first, second] = [startContender(), startContender()];
  try {
    expect(await first.ask(`${folder} 0`)).toBe("held");
    expect(await second.ask(`${folder} 0`)).toContain(`is held by another lessee (pid ${first.child.pid})`);
    await first.kill();
    expect(await second.ask(`${folder} 0`)).toBe("held");
  } finally {
    await second.kill();
  }
});
