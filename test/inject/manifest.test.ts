/** Manifests: what is injected, what stays, and how little of the text changes. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parse, parseAllDocuments } from "yaml";
import { injectText } from "../../src/inject/manifest-text.ts";
import type { Settings } from "../../src/inject/settings.ts";
import { SEED, SETTINGS } from "./pods.ts";

const OPTIONS = { settings: SETTINGS, namespace: "default" };

const text = async (yaml: string, settings: Partial<Settings> = {}) =>
  (await injectText(yaml, { ...OPTIONS, settings: { ...SETTINGS, ...settings } })).text;

const annotations = (indent: string) =>
  Object.entries(SEED)
    .map(([name, value]) => `${indent}${name}: ${JSON.stringify(value)}`)
    .join("\n");

const DEPLOYMENT = `# Who reads this: the platform team
apiVersion: apps/v1
kind: Deployment
metadata:
  name: tsb   # the API server
spec:
  replicas: 2
  template:
    metadata:
      annotations:
        # asked for by the platform team
${annotations("        ")}
    spec:
      containers:
      - name: tsb
        image: registry.example/tsb:1 # pinned
        args: ["--config", '/etc/dbvault/config.yaml']
        env: [{name: MODE, value: 0640}, {name: ON, value: yes}]
      # no more containers
      volumes: []
`;

const OTHERS = `apiVersion: v1
kind: Service
metadata: {name:   odd,  labels: {"a": 'b'}}
spec:
    ports:   [ ]
`;

describe("a manifest in YAML", () => {
  it("keeps its comments, its order, its quotes and its numbers", async () => {
    const done = await text(DEPLOYMENT);
    // Spaces alone may differ: between a value and its comment, and inside of braces.
    const plain = (all: string) => all.split("\n").map((line) => line.replace(/\s+/g, ""));
    const lines = plain(done);
    let at = 0;
    for (const line of plain(DEPLOYMENT.replace("      volumes: []\n", ""))) {
      const found = lines.indexOf(line, at);
      expect(found, `${line} stands after what stood before it`).toBeGreaterThanOrEqual(at);
      at = found;
    }
    const { spec } = parse(done).spec.template;
    expect(spec.containers.map(({ name }: { name: string }) => name)).toEqual(["tsb", "vault-agent"]);
  });

  it("is injected once", async () => {
    const once = await text(DEPLOYMENT);
    expect(await text(once)).toBe(once);
  });

  it("is a stream of documents, of which those without such pods stay to the byte", async () => {
    const stream = `${OTHERS}--- # Source: chart/templates/tsb.yaml\n${DEPLOYMENT}---\n# only a comment\n---\n${OTHERS}`;
    const done = await text(stream);
    expect(done.startsWith(`${OTHERS}--- # Source: chart/templates/tsb.yaml\n# Who reads this`)).toBe(true);
    expect(done.endsWith(`---\n# only a comment\n---\n${OTHERS}`)).toBe(true);
    expect(parseAllDocuments(done)).toHaveLength(4);
    expect(await text(OTHERS)).toBe(OTHERS);
    expect(await text("")).toBe("");
  });

  it("keeps the line ends of Windows, and directives with their document", async () => {
    const windows = `${OTHERS}---\n${DEPLOYMENT}`.replaceAll("\n", "\r\n");
    const done = await text(windows);
    expect(done.replaceAll("\r\n", "\n")).toBe(await text(`${OTHERS}---\n${DEPLOYMENT}`));
    expect(done.replaceAll("\r\n", "")).not.toContain("\n");
    const directed = await text(`%YAML 1.2\n---\n${DEPLOYMENT}...\n---\n${OTHERS}`);
    expect(directed).toMatch(/^%YAML 1.2\n---\n/);
    expect(parseAllDocuments(directed).map((one) => one.errors)).toEqual([[], []]);
    expect(directed.endsWith(`---\n${OTHERS}`)).toBe(true);
  });

  it("with anchors is right, if without its comments where they cannot stay", async () => {
    const anchored = DEPLOYMENT.replace(
      "      # no more containers\n",
      "        volumeMounts: &mounts [{name: d, mountPath: /d}]\n      - name: second\n        volumeMounts: *mounts\n",
    );
    const { text: done, warnings } = await injectText(anchored, OPTIONS);
    const { containers } = parse(done, { merge: true }).spec.template.spec;
    expect(containers.map(({ name }: { name: string }) => name)).toEqual(["tsb", "second", "vault-agent"]);
    for (const one of containers.slice(0, 2))
      expect(one.volumeMounts.map(({ name }: { name: string }) => name)).toEqual(["d", "vault-secrets"]);
    expect(warnings).toEqual(["Deployment tsb: written anew, without its comments and anchors"]);
  });

  it("gets a token of its own, because the cluster has not given the pod one", async () => {
    const { spec } = parse(await text(DEPLOYMENT)).spec.template;
    expect(spec.volumes).toContainEqual({
      name: "lessee-token",
      projected: { sources: [{ serviceAccountToken: { path: "token", expirationSeconds: 3600 } }] },
    });
    const without = DEPLOYMENT.replace("      volumes: []", "      automountServiceAccountToken: false");
    await expect(text(without)).rejects.toThrow(
      "Deployment tsb: error creating new agent sidecar: failed to find service account",
    );
    await expect(text(DEPLOYMENT, { improve: false })).rejects.toThrow("failed to find service account volume mount");
  });

  it("that does not parse, or whose annotation is no text, is refused with its place", async () => {
    await expect(text(`${OTHERS}---\na: [1\nb: 2\n`)).rejects.toThrow(/^line [78]: /);
    await expect(text(DEPLOYMENT.replace('agent-inject: "true"', "agent-inject: true"))).rejects.toThrow(
      "Deployment tsb: the annotation vault.hashicorp.com/agent-inject must be a text, and is the boolean true",
    );
  });

  it("that asks at the wrong place is told so", async () => {
    const misplaced = `apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: a\n  annotations:\n${annotations("    ")}\nspec: {template: {spec: {containers: [{name: a}]}}}\n`;
    const { text: done, warnings } = await injectText(misplaced, OPTIONS);
    expect(done).toBe(misplaced);
    expect(warnings.join()).toContain("has its effect only in its pod template");
  });
});

const template = { metadata: { annotations: SEED }, spec: { containers: [{ name: "app", image: "i" }] } };
const KINDS = {
  Pod: { apiVersion: "v1", ...template },
  Deployment: { apiVersion: "apps/v1", spec: { template } },
  StatefulSet: { apiVersion: "apps/v1", spec: { template } },
  DaemonSet: { apiVersion: "apps/v1", spec: { template } },
  ReplicaSet: { apiVersion: "apps/v1", spec: { template } },
  ReplicationController: { apiVersion: "v1", spec: { template } },
  Job: { apiVersion: "batch/v1", spec: { template } },
  CronJob: { apiVersion: "batch/v1", spec: { schedule: "* * * * *", jobTemplate: { spec: { template } } } },
};

function objectOf(kind: keyof typeof KINDS): Record<string, unknown> {
  const { apiVersion, ...rest } = KINDS[kind];
  const metadata = { name: `a-${kind.toLowerCase()}`, ...("metadata" in rest ? rest.metadata : {}) };
  return { apiVersion, kind, ...rest, metadata };
}

describe("a manifest in JSON", () => {
  it.each(Object.keys(KINDS) as (keyof typeof KINDS)[])("of a %s has its pods injected", async (kind) => {
    const done = await injectText(JSON.stringify(objectOf(kind), null, 2), OPTIONS);
    expect(done.injected).toEqual([`${kind} a-${kind.toLowerCase()}`]);
    expect(done.text).toMatch(/^\{\n {2}"apiVersion"/);
    expect(JSON.stringify(JSON.parse(done.text))).toContain('"name":"vault-agent"');
    expect(await text(done.text)).toBe(done.text);
  });

  it.each([
    ["Job", 600, undefined, "630s"],
    ["CronJob", 600, undefined, "630s"],
    ["CronJob", 600, 60, "90s"],
    ["Job", undefined, 60, "90s"],
    ["Job", undefined, undefined, undefined],
  ] as const)("of a %s of %s s, its pods of %s s, says how long the job may run", async (kind, ofJob, ofPod, value) => {
    const pod = structuredClone(template) as { metadata: { annotations: object }; spec: object };
    pod.metadata.annotations = { ...SEED, "vault.hashicorp.com/agent-pre-populate-only": "true" };
    pod.spec = { ...pod.spec, activeDeadlineSeconds: ofPod };
    const spec = { activeDeadlineSeconds: ofJob, template: pod };
    const object = { kind, metadata: { name: "a" }, spec: kind === "Job" ? spec : { jobTemplate: { spec } } };
    const done = JSON.parse(await text(JSON.stringify(object)));
    const { initContainers } = (kind === "Job" ? done : done.spec.jobTemplate).spec.template.spec;
    const { env } = initContainers[0] as { env: readonly { name: string; value?: string }[] };
    expect(env.find(({ name }) => name === "LESSEE_JOB_LIFETIME")?.value).toBe(value);
  });

  it("of a List has those of all its items injected", async () => {
    const list = { apiVersion: "v1", kind: "List", items: [objectOf("Pod"), { kind: "Service" }, objectOf("CronJob")] };
    const done = await injectText(JSON.stringify(list), OPTIONS);
    expect(done.injected).toEqual(["Pod a-pod", "CronJob a-cronjob"]);
    expect(JSON.parse(done.text).items[1]).toEqual({ kind: "Service" });
  });

  it.each(["[]", "{}", '{"kind": "Deployment"}', '{"kind": "Job", "spec": {"tasks": []}}', '{"kind": 1, "items": 2}'])(
    "%s stays as it is",
    async (json) => expect(await text(json)).toBe(json),
  );

  it("that does not parse is refused", async () => {
    await expect(text('{"kind": ')).rejects.toThrow("neither YAML nor JSON");
  });
});

/** From PyPI, where somebody has installed it: Kubernetes' own schemas. */
const VALIDATE = process.env.KUBERNETES_VALIDATE ?? "kubernetes-validate";
const validates = (() => {
  try {
    execFileSync(VALIDATE, ["--version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
})();

describe.skipIf(!validates)("Kubernetes' schemas (kubernetes-validate)", () => {
  it.each([
    ["ordinary", {}],
    ["native", { nativeSidecar: "true" as const }],
  ])("take every kind with an %s sidecar, strictly", async (_, settings) => {
    const folder = mkdtempSync(join(tmpdir(), "lessee-manifests-"));
    const files = await Promise.all(
      (Object.keys(KINDS) as (keyof typeof KINDS)[]).map(async (kind) => {
        const object = objectOf(kind);
        const spec = object.spec as Record<string, unknown>;
        const whole = ["Deployment", "StatefulSet", "DaemonSet", "ReplicaSet"].includes(kind)
          ? { ...object, spec: { serviceName: kind === "StatefulSet" ? "a" : undefined, selector: {}, ...spec } }
          : object;
        const file = join(folder, `${kind}.json`);
        writeFileSync(file, await text(JSON.stringify(whole), settings));
        return file;
      }),
    );
    const said = execFileSync(VALIDATE, ["--strict", ...files], { encoding: "utf8" });
    rmSync(folder, { recursive: true });
    expect(said.match(/passed/g)).toHaveLength(files.length);
  });
});
