/** A cluster as kubectl and helm see it, with the world of the tests in it. */
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect } from "vitest";
import type { Report } from "../../dev/app/tally.ts";

export interface DatabaseUser {
  readonly name: string;
  readonly sessions: number;
}

interface Pod {
  readonly metadata: { readonly name: string; readonly deletionTimestamp?: string };
  readonly status: {
    readonly phase: string;
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
    readonly initContainerStatuses?: readonly { readonly name: string; readonly restartCount: number }[];
    readonly containerStatuses?: readonly { readonly name: string; readonly restartCount: number }[];
  };
}

const root = join(import.meta.dirname, "../..");

export async function kubectl(...args: readonly string[]): Promise<string> {
  return run("kubectl", args);
}

export async function helm(...args: readonly string[]): Promise<string> {
  return run("helm", args);
}

/** A file of manifests, with words replaced. */
export async function apply(file: string, words: Readonly<Record<string, string>>): Promise<void> {
  const text = Object.entries(words).reduce(
    (all, [word, value]) => all.replaceAll(word, value),
    readFileSync(join(import.meta.dirname, "manifests", file), "utf8"),
  );
  await applyText(text);
}

/** Rejects with what the API server said. */
export async function applyText(text: string): Promise<void> {
  const child = promisify(execFile)("kubectl", ["apply", "-f", "-"]);
  child.child.stdin?.end(text);
  await child;
}

/** Vault's users in Postgres, with the sessions of each. */
export async function users(): Promise<readonly DatabaseUser[]> {
  const url = "http://127.0.0.1:8080/users";
  return JSON.parse(await kubectl("exec", "-n", "vault", "deploy/world", "--", "wget", "-qO-", url)) as DatabaseUser[];
}

/** The one pod of an application that is ready and not going. */
export async function readyPod(app: string, not?: string): Promise<string> {
  let found = "";
  await expect
    .poll(
      async () => {
        const { items } = JSON.parse(await kubectl("get", "pods", "-n", "tsb", "-l", `app=${app}`, "-o", "json")) as {
          items: readonly Pod[];
        };
        const ready = items.filter(
          ({ metadata, status }) =>
            metadata.name !== not &&
            metadata.deletionTimestamp === undefined &&
            status.conditions?.some(({ type, status: is }) => type === "Ready" && is === "True"),
        );
        found = ready[0]?.metadata.name ?? "";
        return ready.length;
      },
      { timeout: 120_000, interval: 500 },
    )
    .toBe(1);
  return found;
}

/** What the application counted last. */
export async function report(pod: string): Promise<Report> {
  const log = await kubectl("logs", "-n", "tsb", pod, "-c", "app", "--tail=1");
  return JSON.parse(log) as Report;
}

/** The sidecar's lines with this message. */
export async function logged(pod: string, message: string): Promise<readonly string[]> {
  const log = await kubectl("logs", "-n", "tsb", pod, "-c", "vault-agent");
  return log.split("\n").filter((line) => line.includes(`] ${message}:`) || line.includes(`]  ${message}:`));
}

export async function restarts(pod: string): Promise<number> {
  const { status } = JSON.parse(await kubectl("get", "pod", "-n", "tsb", pod, "-o", "json")) as Pod;
  const all = [...(status.initContainerStatuses ?? []), ...(status.containerStatuses ?? [])];
  return all.find(({ name }) => name === "vault-agent")?.restartCount ?? 0;
}

async function run(program: string, args: readonly string[]): Promise<string> {
  return (await promisify(execFile)(program, args, { cwd: root, maxBuffer: 64 * 1024 * 1024 })).stdout;
}
