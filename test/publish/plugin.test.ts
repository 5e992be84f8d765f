/** A program of a template, as the process that it is. */
import { spawn } from "node:child_process";
import { expect, it } from "vitest";
import { runPlugin, warnOfSecrets } from "../../src/publish/plugin.ts";
import { createSystemClock } from "../../src/system/clock.ts";

const clock = createSystemClock(Date.now, () => performance.now());

it("gets its arguments as they are; that one of them is a secret is said once for each program, without it", async () => {
  const said: string[] = [];
  const onStart = warnOfSecrets(
    (text) => text.replaceAll("hunter22", "[redacted]"),
    (message) => said.push(message),
  );
  const run = (...args: string[]) =>
    runPlugin("echo", args, { spawn, clock, env: { PATH: process.env.PATH }, onStart });
  expect(await run("open")).toBe("open\n");
  expect(said).toEqual([]);
  expect(await run("a", "password=hunter22")).toBe("a password=hunter22\n");
  expect(await run("hunter22")).toBe("hunter22\n");
  expect(said).toEqual(['plugin "echo" gets a secret as an argument, which any process beside it can read']);
});
