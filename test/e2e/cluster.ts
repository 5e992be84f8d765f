/** A cluster as kubectl and helm see it, and what the tests ask of it. */
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect } from "vitest";
import type { Report } from "../../dev/app/tally.ts";
import { needs } from "../charts/tool.ts";

export interface DatabaseUser {
  readonly name: string;
  readonly sessions: number;
}

export interface ContainerStatus {
  readonly name: string;
  readonly containerID?: string;
  readonly restartCount: number;
  readonly state?: { readonly running?: object };
}

export interface Pod {
  readonly metadata: { readonly name: string; readonly uid: string; readonly deletionTimestamp?: string };
  readonly spec: {
    readonly volumes: readonly { readonly name: string }[];
    readonly containers: readonly { readonly name: string; readonly image: string }[];
    readonly initContainers?: readonly { readonly name: string; readonly image: string }[];
  };
  readonly status: {
    readonly phase: string;
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
    readonly initContainerStatuses?: readonly ContainerStatus[];
    readonly containerStatuses?: readonly ContainerStatus[];
  };
}

const { KUBECONFIG } = process.env;
/** For the name of a suite that cannot run; empty where it can. */
export const why = KUBECONFIG ? needs("kubectl", "helm") : " (skipped: needs KUBECONFIG)";
export const IMAGE = process.env.LESSEE_E2E_IMAGE ?? "registry.example/lessee:0.1.0";
export const WORLD_IMAGE = process.env.LESSEE_E2E_WORLD_IMAGE ?? "registry.example/lessee-world:1";
/** Undefined without one; made here where a program is given instead of an image. */
export const INJECTOR_IMAGE = othersImage("LESSEE_E2E_INJECTOR", "registry.example/vault-k8s:1");
export const AGENT_IMAGE = othersImage("LESSEE_E2E_AGENT", "registry.example/vault:1");

/** Enough for a user to end whom nobody gives back: the longest max TTL, twice, on a machine that has much to do. */
export const UNTIL_EXPIRY = { timeout: 200_000, interval: 1_000 };
/** For what happens at once: much shorter than any lease. */
export const AT_ONCE = { timeout: 10_000, interval: 250 };

const root = join(import.meta.dirname, "../..");

export async function kubectl(...args: readonly string[]): Promise<string> {
  return run("kubectl", args);
}

export async function helm(...args: readonly string[]): Promise<string> {
  return run("helm", args);
}

/** A file of manifests, with words replaced. */
export async function apply(file: string, words: Readonly<Record<string, string>>): Promise<void> {
  const all: Readonly<Record<string, string>> = { WORLD_IMAGE, ...words };
  const text = Object.entries(all).reduce(
    (so, [word, value]) => so.replaceAll(word, value),
    readFileSync(join(import.meta.dirname, "manifests", file), "utf8"),
  );
  await applyText(text);
}

/** Gives what kubectl said; rejects with what the API server said. */
export async function applyText(text: string, ...flags: readonly string[]): Promise<string> {
  const child = promisify(execFile)("kubectl", ["apply", "-f", "-", ...flags]);
  child.child.stdin?.end(text);
  return (await child).stdout;
}

/** Where the world is; the tests need no DNS in the cluster. */
export async function worldAddress(): Promise<string> {
  return kubectl("get", "svc", "-n", "vault", "world", "-o", "jsonpath={.spec.clusterIP}");
}

/** Registers the hooks of a file: the chart and the applications' namespace, and at the end neither, and no user. */
export function useChart(...values: readonly string[]): void {
  beforeAll(async () => {
    await applyText(JSON.stringify(namespace("tsb")));
    await installChart(...values);
  });
  afterAll(async () => {
    await kubectl("delete", "namespace", "tsb", "--ignore-not-found", "--timeout=180s");
    await uninstallChart();
    await noUserLeft();
  });
}

export async function noUserLeft(): Promise<void> {
  await until(async () => (await users()).length === 0);
  expect(await users()).toEqual([]);
}

/** For hooks, which have no `expect.poll`; gives up after a while. */
export async function until(holds: () => Promise<boolean>, timeout = UNTIL_EXPIRY.timeout): Promise<void> {
  const giveUp = Date.now() + timeout;
  while (!(await holds()) && Date.now() < giveUp) await sleep(UNTIL_EXPIRY.interval);
}

export async function installChart(...values: readonly string[]): Promise<void> {
  // The chart's own pods meet the strictest standard.
  await applyText(JSON.stringify(namespace("lessee", { "pod-security.kubernetes.io/enforce": "restricted" })));
  const repository = IMAGE.slice(0, IMAGE.lastIndexOf(":"));
  const all = [
    `image.repository=${repository}`,
    `image.tag=${IMAGE.slice(repository.length + 1)}`,
    `vault.address=http://${await worldAddress()}:8200`,
    ...values,
  ];
  await helm(
    ...["upgrade", "--install", "lessee", "charts/lessee", "-n", "lessee", "--wait", "--timeout=180s"],
    ...all.flatMap((value) => ["--set", value]),
  );
}

export async function uninstallChart(): Promise<void> {
  await helm("uninstall", "lessee", "-n", "lessee", "--ignore-not-found", "--wait");
  await kubectl("delete", "namespace", "lessee", "--ignore-not-found", "--timeout=120s");
}

/** With the mark by which the next run knows that it may remove it. */
export function namespace(name: string, labels: Readonly<Record<string, string>> = {}): object {
  return { apiVersion: "v1", kind: "Namespace", metadata: { name, labels: { "lessee-e2e": "true", ...labels } } };
}

/** Vault's users in Postgres, with the sessions of each. */
export async function users(): Promise<readonly DatabaseUser[]> {
  const url = "http://127.0.0.1:8080/users";
  return JSON.parse(await kubectl("exec", "-n", "vault", "deploy/world", "--", "wget", "-qO-", url)) as DatabaseUser[];
}

export async function userNames(): Promise<readonly string[]> {
  return (await users()).map(({ name }) => name);
}

/** Writes in Vault, as root. */
export async function vaultWrite(path: string, body: object): Promise<void> {
  const header = "X-Vault-Token: root-of-the-cluster";
  const words = ["wget", "-qO-", "--header", header, "--post-data", JSON.stringify(body)];
  await kubectl("exec", "-n", "vault", "deploy/world", "--", ...words, `http://127.0.0.1:8200/v1/${path}`);
}

async function pods(app: string): Promise<readonly Pod[]> {
  const list = await kubectl("get", "pods", "-n", "tsb", "-l", `app=${app}`, "-o", "json");
  return (JSON.parse(list) as { items: readonly Pod[] }).items;
}

/** The one pod of an application that is ready and not going; not that of this name. */
export async function readyPod(app: string, not?: string): Promise<string> {
  let found: readonly Pod[] = [];
  await expect
    .poll(
      async () => {
        found = (await pods(app)).filter(
          ({ metadata, status }) =>
            metadata.name !== not &&
            metadata.deletionTimestamp === undefined &&
            status.conditions?.some(({ type, status: is }) => type === "Ready" && is === "True"),
        );
        return found.length;
      },
      { timeout: 180_000, interval: 500 },
    )
    .toBe(1);
  return found[0]!.metadata.name;
}

export async function getPod(pod: string): Promise<Pod> {
  return JSON.parse(await kubectl("get", "pod", "-n", "tsb", pod, "-o", "json")) as Pod;
}

/** What the application counted last, once it has a connection; of its container before this one, if that is asked for. */
export async function report(pod: string, ...previous: readonly "--previous"[]): Promise<Report> {
  let last: Report | undefined;
  await expect
    .poll(
      async () => {
        const log = await kubectl("logs", "-n", "tsb", pod, "-c", "app", "--tail=2", ...previous);
        // Its last line may be half a line still.
        const line = log.slice(0, log.lastIndexOf("\n") + 1).trimEnd();
        last = line === "" ? undefined : (JSON.parse(line.slice(line.lastIndexOf("\n") + 1)) as Report);
        return last?.user ?? null;
      },
      { timeout: 60_000, interval: 500 },
    )
    .not.toBeNull();
  return last!;
}

/** No query has failed, and there were some. */
export async function unharmed(pod: string, ...previous: readonly "--previous"[]): Promise<Report> {
  const now = await report(pod, ...previous);
  expect(now, pod).toMatchObject({ failed: 0, lastFailure: null });
  return now;
}

/** Waits until the application has had so many users, and gives them. */
export async function usersOf(pod: string, count: number): Promise<ReadonlySet<string>> {
  const seen = new Set<string>();
  await expect
    .poll(async () => seen.add((await report(pod)).user!).size, { timeout: 400_000, interval: 1_000 })
    .toBeGreaterThanOrEqual(count);
  return seen;
}

/** The sidecar's lines with this message. */
export async function logged(pod: string, message: string, container = "vault-agent"): Promise<readonly string[]> {
  const log = await kubectl("logs", "-n", "tsb", pod, "-c", container);
  return log.split("\n").filter((line) => line.includes(`] ${message}:`) || line.includes(`]  ${message}:`));
}

/** The user that a container of lessee found at its start. */
export async function adoptedBy(pod: string, container = "vault-agent"): Promise<string> {
  const [line = ""] = await logged(pod, "adopted", container);
  return / user=(\S+) /.exec(line)?.[1] ?? "";
}

export function statuses({ status }: Pod): readonly ContainerStatus[] {
  return [...(status.initContainerStatuses ?? []), ...(status.containerStatuses ?? [])];
}

export async function restarts(pod: string, container = "vault-agent"): Promise<number> {
  return statuses(await getPod(pod)).find(({ name }) => name === container)?.restartCount ?? 0;
}

/** What still runs of the pod, as the runtime knows it. */
export async function running(pod: string): Promise<readonly string[]> {
  return statuses(await getPod(pod)).flatMap(({ containerID = "", state }) =>
    state?.running ? [containerID.slice(containerID.indexOf("://") + 3)] : [],
  );
}

async function run(program: string, args: readonly string[]): Promise<string> {
  return (await promisify(execFile)(program, args, { cwd: root, maxBuffer: 64 * 1024 * 1024 })).stdout;
}

function othersImage(variable: string, made: string): string | undefined {
  return process.env[`${variable}_IMAGE`] ?? (process.env[`${variable}_BIN`] ? made : undefined);
}
