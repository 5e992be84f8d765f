/** A command is run once for all that was written, whoever asks for it, until it has succeeded. */
import { describe, expect, it } from "vitest";
import type { CredentialChange } from "../../src/ports.ts";
import { createCommand } from "../../src/publish/command.ts";

const CHANGE: CredentialChange = { path: "p", username: undefined, leaseId: "", files: [], previousEnds: undefined };
const { signal } = new AbortController();

function open() {
  let runs = 0;
  let answer = Promise.withResolvers<void>();
  const command = createCommand({
    kind: "exec",
    target: "reload",
    notify: () => {
      runs++;
      return answer.promise;
    },
  });
  return {
    command,
    ask: (again = false) => command.notify({ ...CHANGE, again }, signal),
    runs: () => runs,
    end(error?: Error) {
      const last = answer;
      answer = Promise.withResolvers();
      if (error) last.reject(error);
      else last.resolve();
    },
  };
}

describe("A command", () => {
  it("is run once for two who ask, and not again before something is written", async () => {
    const { command, ask, runs, end } = open();
    command.owe();
    command.owe();
    const both = [ask(), ask()];
    end();
    await Promise.all(both);
    await ask();
    expect(runs()).toBe(1);
  });

  it("is run again for what was written while it ran", async () => {
    const { command, ask, runs, end } = open();
    command.owe();
    const first = ask();
    command.owe();
    end();
    await Promise.resolve();
    await expect.poll(runs).toBe(2);
    end();
    await first;
    expect(runs()).toBe(2);
  });

  it("that fails fails for all who wait, and is run again when one of them asks again", async () => {
    const { command, ask, runs, end } = open();
    command.owe();
    const both = [ask(), ask()];
    end(new Error("exit code 1"));
    expect((await Promise.allSettled(both)).map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    const again = ask();
    end();
    await again;
    expect(runs()).toBe(2);
  });

  it("is run again without a write where nobody has heard", async () => {
    const { command, ask, runs, end } = open();
    command.owe();
    const first = ask();
    end();
    await first;
    const reminder = ask(true);
    end();
    await reminder;
    expect(runs()).toBe(2);
  });
});
