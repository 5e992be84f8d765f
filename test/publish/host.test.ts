import { execFileSync, spawn } from "node:child_process";
import * as fs from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createHost } from "../../src/publish/host.ts";
import { createFakeClock } from "../support/fake-clock.ts";

const clock = createFakeClock(5_000);
let folder = "";
let sandbox = "";
beforeEach(async () => {
  folder = await fs.mkdtemp(join(tmpdir(), "host-"));
  sandbox = join(folder, "box");
  await fs.mkdir(sandbox);
  await fs.writeFile(join(sandbox, "inside"), "inside");
  await fs.writeFile(join(folder, "outside"), "outside");
});
afterEach(() => fs.rm(folder, { recursive: true }));

const host = (sandboxPath?: string) =>
  createHost({
    spawn,
    clock,
    env: { NAME: "value" },
    print: () => {},
    ...(sandboxPath === undefined ? {} : { sandboxPath }),
  });

describe("a file", () => {
  it("is read, and undefined where there is none", () => {
    expect(host().readFile(join(folder, "outside"))).toBe("outside");
    expect(host().readFile(join(folder, "missing"))).toBeUndefined();
  });

  it("that cannot be read is an error and not an absence", () => {
    expect(() => host().readFile(folder)).toThrow(/EISDIR/);
  });

  it("that is none, as a pipe, is not waited for", () => {
    execFileSync("mkfifo", [join(folder, "pipe")]);
    expect(() => host().readFile(join(folder, "pipe"))).toThrow(/pipe is not a file/);
  });
});

describe("a sandbox", () => {
  it("lets files inside be read, and absent ones be absent", () => {
    expect(host(sandbox).readFile(join(sandbox, "inside"))).toBe("inside");
    expect(host(sandbox).readFile(join(sandbox, "missing"))).toBeUndefined();
    expect(host(`${sandbox}/`).readFile(join(sandbox, "..", "box", "inside"))).toBe("inside");
  });

  it("lets none outside be read: not by its path, not by .., not by a link, not beside it", async () => {
    await fs.symlink(join(folder, "outside"), join(sandbox, "link"));
    await fs.symlink(folder, join(sandbox, "folder"));
    await fs.writeFile(`${sandbox}-other`, "outside");
    for (const path of [
      join(folder, "outside"),
      `${sandbox}/../outside`,
      join(sandbox, "link"),
      join(sandbox, "folder", "outside"),
      `${sandbox}-other`,
    ])
      expect(() => host(sandbox).readFile(path), path).toThrow(`'${path}' is outside of sandbox`);
  });

  it("that is itself a link is where it leads", async () => {
    await fs.symlink(sandbox, join(folder, "link"));
    expect(host(join(folder, "link")).readFile(join(sandbox, "inside"))).toBe("inside");
  });

  it("of everything is none", () => {
    expect(host("/").readFile(join(folder, "outside"))).toBe("outside");
  });

  it("that is not there lets nothing be read", () => {
    expect(() => host(join(folder, "missing")).readFile(join(folder, "outside"))).toThrow();
  });
});

it("the rest of the machine is the clock's time, chance, hashes and the environment that was handed in", () => {
  const { now, random, hash, hmac, env } = host();
  const text = Buffer.from("abc");
  expect(now()).toBe(5_000);
  expect(random(16)).toHaveLength(16);
  expect(Buffer.from(random(16))).not.toEqual(Buffer.from(random(16)));
  expect(Buffer.from(hash("sha256", text)).toString("hex")).toMatch(/^ba7816bf8f01cfea414140de5dae2223/);
  expect(Buffer.from(hmac("sha256", Buffer.from("key"), text)).toString("hex")).toMatch(/^9c196e32dc0175f8/);
  expect([env("NAME"), env("PATH")]).toEqual(["value", undefined]);
});
