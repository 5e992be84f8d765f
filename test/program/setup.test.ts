import { spawn } from "node:child_process";
import * as fs from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { loadConfig } from "../../src/config/load.ts";
import { ConfigError } from "../../src/errors.ts";
import { leadOf } from "../../src/lease/schedule.ts";
import type { World } from "../../src/ports.ts";
import { createSetup, type Setup } from "../../src/program/setup.ts";
import { anyClaim } from "../support/claims.ts";
import { createFakeClock } from "../support/fake-clock.ts";

let folder = "";
const opened: Setup[] = [];
beforeEach(async () => {
  folder = await fs.mkdtemp(join(tmpdir(), "setup-"));
});
afterEach(async () => {
  await Promise.all(opened.splice(0).map((setup) => setup.close()));
  await fs.rm(folder, { recursive: true });
});

async function setUp(blocks: string): Promise<Setup> {
  const path = join(folder, "agent.hcl");
  await fs.writeFile(
    path,
    `auto_auth {\n  method "kubernetes" {\n    config = { role = "pg" }\n  }\n  sink "file" {\n    config = { path = "${folder}/sink" }\n  }\n}\n${blocks}`,
  );
  const flags = { values: new Map(), positional: [] };
  const { config } = await loadConfig({ paths: [path], files: fs, env: {}, flags });
  const output = { write: () => true };
  const world: World = {
    clock: createFakeClock(),
    random: Math.random,
    files: fs,
    spawn,
    kill: process.kill,
    claim: anyClaim,
    env: { POD_NAME: "tsb-0" },
    pid: process.pid,
    uid: 0,
    stdin: Readable.from([]),
    stdout: output,
    stderr: output,
  };
  const setup = await createSetup(config, {
    world,
    notify: {
      clock: world.clock,
      files: fs,
      kill: world.kill,
      transport: async () => ({ status: 200, headers: {}, body: "" }),
      run: async () => "",
      pid: world.pid,
      uid: world.uid,
    },
    brain: { recall: () => undefined, list: () => undefined },
    inUse: () => undefined,
    onProgress: () => {},
    emit: () => {},
    restart: null,
    redact: (text) => text,
  });
  opened.push(setup);
  return setup;
}

const CREDENTIAL = `
credential "database/creds/pg-role" {
  connection_max_lifetime = "1h"
  postgres {
    connection_url = "postgresql://{{username}}:{{password}}@127.0.0.1:1/tsb?sslmode=disable"
  }
  notify "signal" {
    process = "tsb"
    signal = "SIGHUP"
  }
}
`;

describe("what follows from a configuration", () => {
  it("is a credential's policy, its servers and whom it tells, the same at every question", async () => {
    const setup = await setUp(CREDENTIAL);
    const one = setup.credential({ kind: "read", path: "database/creds/pg-role" });
    expect(one.policy).toMatchObject({ connectionMaxLifetime: 3_600_000, verifies: true, notifies: true });
    expect(one.databases).not.toBeNull();
    expect(one.notifiers.map(({ kind, target }) => [kind, target])).toEqual([
      ["signal", expect.stringContaining("tsb")],
    ]);
    expect(setup.credential({ kind: "read", path: "database/creds/pg-role", version: "2" })).toBe(one);
  });

  it("is defaults for a path without a block", async () => {
    const { policy, databases, notifiers } = (await setUp("")).credential({ kind: "read", path: "secret/x" });
    expect([policy.connectionMaxLifetime, policy.notifies, databases, notifiers]).toEqual([null, false, null, []]);
  });

  it("has somebody to tell where a template has a command", async () => {
    const setup = await setUp(`template {\n  contents = "x"\n  destination = "${folder}/x"\n  command = "true"\n}\n`);
    expect(setup.credential({ kind: "read", path: "secret/x" }).policy.notifies).toBe(true);
  });

  it("gives the token the longest lead of those that are known, and none where no lifetime is", async () => {
    expect((await setUp("")).longestLead()).toBe(0);
    const setup = await setUp(
      `${CREDENTIAL}credential "database/creds/other" {\n  connection_max_lifetime = "3h"\n}\n`,
    );
    expect(setup.longestLead()).toBe(
      leadOf(setup.credential({ kind: "read", path: "database/creds/other" }).policy, 0),
    );
    expect(setup.longestLead()).toBeGreaterThan(3 * 3_600_000);
  });

  it("waits for the horizon of those credentials only whose own templates print it", async () => {
    const of = (path: string, text: string) =>
      `template {\n  contents = "{{ with secret \\"${path}\\" }}${text}{{ end }}"\n  destination = "${folder}/${text.length}"\n}\n`;
    const [printed, silent] = ["database/creds/printed", "database/creds/silent"];
    const setup = await setUp(of(printed, `{{ lesseeHorizon \\"${printed}\\" }}`) + of(silent, "{{ .Data.username }}"));
    const waits = (path: string) => setup.credential({ kind: "read", path }).policy.printsHorizon;
    // As long as nobody knows what a template asks for.
    expect([waits(printed), waits(silent)]).toEqual([true, true]);
    setup.publisher.dependencies();
    expect([waits(printed), waits(silent)]).toEqual([true, false]);
    expect(setup.publisher.printsHorizon()).toBe(true);
  });

  it("is refused with every fault of the templates", async () => {
    const broken = (name: string) => `template {\n  contents = "{{ if }}"\n  destination = "${folder}/${name}"\n}\n`;
    const error = await setUp(broken("a") + broken("b")).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ConfigError);
    expect((error as ConfigError).faults.map(({ line }) => line)).toEqual([9, 13]);
  });
});
