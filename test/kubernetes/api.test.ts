import files, { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { selfSignedCertificate } from "../../dev/kubernetes/certificate.ts";
import { API_AUDIENCE } from "../../dev/kubernetes/service-accounts.ts";
import { KubernetesError } from "../../src/errors.ts";
import { createKubernetesApi } from "../../src/kubernetes/api.ts";
import { createSystemClock } from "../../src/system/clock.ts";
import { jobPod, RUNNING, startCluster } from "./support.ts";

const POD = "/api/v1/namespaces/tsb/pods/spmsync-28";
const WATCH = "/api/v1/namespaces/tsb/pods?fieldSelector=metadata.name%3Dspmsync-28&resourceVersion=0";
const ever = () => new AbortController().signal;

async function failure(of: Promise<unknown>): Promise<KubernetesError> {
  const error = await of.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(KubernetesError);
  return error as KubernetesError;
}

it("The pod is known by its token, and its object is got with that", async () => {
  const cluster = await startCluster();
  cluster.kubernetes.pods.allow("get pods");
  cluster.kubernetes.pods.put("pods", jobPod(RUNNING));
  const { api, namespace, pod, uid } = await cluster.open();
  expect({ namespace, pod, uid }).toEqual({ namespace: "tsb", pod: "spmsync-28", uid: jobPod({}).metadata.uid });
  expect(await api.get(POD, ever())).toMatchObject({ metadata: { name: "spmsync-28", resourceVersion: "2" } });
});

it("Every request takes the token and the CA that are mounted then", async () => {
  const cluster = await startCluster();
  cluster.kubernetes.pods.allow("get pods");
  cluster.kubernetes.pods.put("pods", jobPod(RUNNING));
  const { api } = await cluster.open();
  await cluster.project("not a token");
  expect(await failure(api.get(POD, ever()))).toMatchObject({ status: 401, hint: expect.stringContaining("mounted") });
  await cluster.project(
    cluster.kubernetes.signToken({ namespace: "tsb", name: "spm", audiences: [API_AUDIENCE], lifetimeSeconds: 600 }),
  );
  expect(await api.get(POD, ever())).toMatchObject({ kind: "Pod" });
  await writeFile(join(cluster.serviceAccount, "ca.crt"), selfSignedCertificate(["127.0.0.1"]).certificate);
  expect((await failure(api.get(POD, ever()))).message).toMatch(/certificate/);
});

it.each([
  ["get", POD, "get"],
  ["watch", WATCH, "watch"],
  ["create", "/api/v1/namespaces/tsb/events", "create"],
] as const)("What is forbidden names the Role that is missing: %s", async (verb, path, wanted) => {
  const { open } = await startCluster();
  const { api } = await open();
  const ask = async () => {
    if (verb === "get") return api.get(path, ever());
    if (verb === "create") return api.create(path, {}, ever());
    for await (const _ of api.watch(path, ever())) return;
  };
  const { message, status, hint } = await failure(ask());
  expect(status).toBe(403);
  expect(message).toMatch(/is forbidden: User "system:serviceaccount:tsb:spm" cannot/);
  expect(hint).toMatch(
    new RegExp(`Role in tsb with apiGroups: \\[""\\], resources: \\[\\w+\\], verbs: \\[${wanted}\\]`),
  );
});

it("A watch tells what changes, and ends as it is ended", async () => {
  const cluster = await startCluster();
  const { pods } = cluster.kubernetes;
  pods.allow("watch pods");
  const { api } = await cluster.open();
  const watch = api.watch(WATCH, ever())[Symbol.asyncIterator]();
  const first = watch.next();
  await expect.poll(pods.watchers).toBe(1);
  pods.put("pods", jobPod(RUNNING));
  expect((await first).value).toMatchObject({ type: "ADDED", object: { kind: "Pod" } });
  const second = watch.next();
  pods.endWatches("gone");
  expect(await failure(second)).toMatchObject({
    status: 410,
    message: expect.stringContaining("too old resource version"),
  });
});

it.each(["cut", "garbage"] as const)("A watch that breaks is a failure: %s", async (how) => {
  const cluster = await startCluster();
  cluster.kubernetes.pods.allow("watch pods");
  const { api } = await cluster.open();
  const next = api.watch(WATCH, ever())[Symbol.asyncIterator]().next();
  await expect.poll(cluster.kubernetes.pods.watchers).toBe(1);
  cluster.kubernetes.pods.endWatches(how);
  expect((await failure(next)).status).toBe(0);
});

it("Whoever stops a watch has no connection left", async () => {
  const cluster = await startCluster();
  cluster.kubernetes.pods.allow("watch pods");
  const { api } = await cluster.open();
  const stop = new AbortController();
  const next = api.watch(WATCH, stop.signal)[Symbol.asyncIterator]().next();
  await expect.poll(cluster.kubernetes.pods.watchers).toBe(1);
  stop.abort();
  await failure(next);
  await expect.poll(cluster.kubernetes.pods.watchers).toBe(0);
});

it("A server that does not answer is given up", async () => {
  const cluster = await startCluster();
  const api = createKubernetesApi({
    address: cluster.kubernetes.address,
    serviceAccount: cluster.serviceAccount,
    files,
    timeout: 100,
  });
  cluster.kubernetes.pods.inject(() => true, { kind: "hang" });
  expect((await failure(api.get(POD, ever()))).message).toMatch(/no answer within 0\.1 s/);
});

it("A pod without a token, and a process outside of a cluster, hear what is missing", async () => {
  const { openCluster } = await import("../../src/kubernetes/cluster.ts");
  const files = { readFile: () => Promise.reject(Object.assign(new Error("no"), { code: "ENOENT" })) };
  expect((await failure(openCluster("/nowhere", { env: {}, files }))).message).toMatch(
    /KUBERNETES_SERVICE_HOST is not set/,
  );
  const env = { KUBERNETES_SERVICE_HOST: "fd00::1" };
  expect((await failure(openCluster("/nowhere", { env, files }))).hint).toMatch(/automountServiceAccountToken/);
  const named = await openCluster("/nowhere", { env: { ...env, NAMESPACE: "tsb", POD_NAME: "tsb-0" }, files });
  expect((await failure(named.api.get("/api", ever()))).message).toMatch(
    /cannot read \/nowhere\/(token|ca\.crt): ENOENT/,
  );
});

it("A token that is garbage is a failure like any other, and ends nothing later", async () => {
  const cluster = await startCluster();
  const api = createKubernetesApi({
    address: "https://127.0.0.1:9",
    serviceAccount: cluster.serviceAccount,
    files,
    timeout: 20,
  });
  await cluster.project("two\nlines");
  expect((await failure(api.get(POD, ever()))).message).toMatch(/Invalid character/);
  // What nobody catches in that time fails the test's file.
  await createSystemClock(Date.now, () => performance.now()).sleep(Date.now() + 60, ever());
});
