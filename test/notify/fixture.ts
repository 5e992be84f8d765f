/** Notifiers over the real world, and a folder for each test. */
import { spawn } from "node:child_process";
import * as fs from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach } from "vitest";
import type { NotifyConfig } from "../../src/config/types.ts";
import { NotifyError } from "../../src/errors.ts";
import { createNotifier } from "../../src/notify/notifiers.ts";
import type { NotifyPorts } from "../../src/notify/ports.ts";
import type { CredentialChange } from "../../src/ports.ts";
import { createSystemClock } from "../../src/system/clock.ts";
import { createRunCommand } from "../../src/system/command.ts";
import { createTransport } from "../../src/vault/transport.ts";

export const never = new AbortController().signal;

export const change: CredentialChange = {
  path: "database/creds/pg-role",
  username: "v-pg-role-1",
  leaseId: "database/creds/pg-role/abc",
  files: ["/etc/dbvault/config.yaml", "/etc/dbvault/other.yaml"],
  previousEnds: 1_700_000_000_500,
};

/** A notify block of any kind, whose timeout may be left out. */
type Block = NotifyConfig extends infer C
  ? C extends { timeout: number }
    ? Omit<C, "timeout"> & { timeout?: number }
    : never
  : never;

export interface Fixture {
  readonly folder: string;
  readonly ports: NotifyPorts;
  notify(block: Block): Promise<void>;
  /** The NotifyError with which it must fail. */
  failure(block: Block): Promise<NotifyError>;
}

/** Registers the hooks of the test file that calls it. */
export function useNotifiers(): Fixture {
  let folder = "";
  let transport = createTransport({});
  const clock = createSystemClock(Date.now, () => performance.now());
  const ports: NotifyPorts = {
    clock,
    files: fs,
    kill: process.kill,
    transport: (request) => transport.send(request),
    run: createRunCommand({ spawn, kill: process.kill, clock, random: Math.random, env: process.env }),
    pid: process.pid,
    uid: process.getuid?.() ?? -1,
  };
  const notify = async (block: Block) => {
    await createNotifier({ timeout: 10_000, ...block } as NotifyConfig, ports).notify(change, never);
  };

  beforeEach(async () => {
    transport = createTransport({});
    folder = await fs.mkdtemp(join(tmpdir(), "lessee-notify-"));
  });
  afterEach(async () => {
    transport.close();
    await fs.rm(folder, { recursive: true, force: true });
  });
  return {
    get folder() {
      return folder;
    },
    ports,
    notify,
    failure: (block) => caught(notify(block)),
  };
}

export async function caught(work: Promise<void>): Promise<NotifyError> {
  const error = await work.then(
    () => new Error("it was heard"),
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof NotifyError)) throw error;
  return error;
}
