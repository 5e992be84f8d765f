/** The overlays for Tetrate Service Bridge: applied as its operator does, they make the pods that an injection makes. */
import { describe, expect, it } from "vitest";
import { applyPatch } from "../../src/inject/json-patch.ts";
import { injectManifest } from "../../src/inject/manifest.ts";
import { type OverlayOptions, tsbOverlay } from "../../src/inject/tsb.ts";
import { configOf, SEED, SETTINGS, VAULT } from "./pods.ts";

interface Patch {
  readonly path: string;
  readonly value: unknown;
}

interface KubeSpec {
  readonly deployment?: { readonly podAnnotations: Record<string, string> };
  readonly job?: object;
  readonly overlays: readonly { readonly kind: string; readonly name: string; readonly patches: readonly Patch[] }[];
}

const OPTIONS: OverlayOptions = { settings: SETTINGS, namespace: "tsb", annotations: {}, present: [] };

function componentsOf(options: Partial<OverlayOptions> = {}): Record<"apiServer" | "spmServer", KubeSpec> {
  const { resource } = tsbOverlay({ ...OPTIONS, ...options });
  const { apiVersion, kind, spec } = resource as {
    apiVersion: string;
    kind: string;
    spec: { components: Record<"apiServer" | "spmServer", { kubeSpec: KubeSpec }> };
  };
  expect([apiVersion, kind]).toEqual(["install.tetrate.io/v1alpha1", "ManagementPlane"]);
  return { apiServer: spec.components.apiServer.kubeSpec, spmServer: spec.components.spmServer.kubeSpec };
}

function overlay(name: string, options: Partial<OverlayOptions> = {}) {
  const { apiServer, spmServer } = componentsOf(options);
  const found = [...apiServer.overlays, ...spmServer.overlays].find((one) => one.name === name);
  return found ?? expect.fail(`no overlay for ${name}`);
}

/** As the operator keeps it, with the arguments of Tetrate's documentation. */
function workload(name: string, annotations: Readonly<Record<string, string>> = {}, more: object = {}) {
  const template = {
    metadata: { annotations },
    spec: {
      containers: [
        {
          name,
          image: "registry.example/tsb:1",
          args: ["--config", "/etc/db/config.yaml", "--lifetime", "86400s"],
          volumeMounts: [{ name: "db", mountPath: "/etc/db" }],
        },
      ],
      volumes: [{ name: "db", secret: { secretName: "postgres-credentials" } }],
      ...more,
    },
  };
  return name === "spmsync"
    ? { apiVersion: "batch/v1", kind: "CronJob", metadata: { name }, spec: { jobTemplate: { spec: { template } } } }
    : { apiVersion: "apps/v1", kind: "Deployment", metadata: { name }, spec: { template } };
}

/** The part of the Istio operator's path language that is used: `.key`, `[name:x]`, `[:pattern]`, `[-1]`. */
function applyOverlay(object: unknown, patches: readonly Patch[]): unknown {
  const result = structuredClone(object) as Record<string, unknown>;
  for (const { path, value } of patches) {
    const steps = [...path.matchAll(/\[(?:name:([^\]]+)|:([^\]]+)|(-1))\]|((?:\\\.|[^.[\]])+)/g)];
    let at: unknown = result;
    for (const [i, [, name, pattern, end, key]] of steps.entries()) {
      const last = i === steps.length - 1;
      if (key !== undefined) {
        const parent = at as Record<string, unknown>;
        if (last) parent[key] = value;
        else at = parent[key] ?? expect.fail(`${path}: there is no ${key}`);
        continue;
      }
      const list = at as unknown[];
      const index =
        end !== undefined
          ? list.length
          : list.findIndex((one) =>
              name === undefined
                ? new RegExp(pattern as string).test(String(one))
                : (one as { name: string }).name === name,
            );
      expect(index, `${path} finds its element`).toBeGreaterThanOrEqual(0);
      if (last) list[index] = value;
      else at = list[index];
    }
  }
  return result;
}

describe("the overlay for Tetrate Service Bridge", () => {
  it.each(["tsb", "spm", "spmsync"])("makes of %s what an injection makes of it", (name) => {
    const { patches } = overlay(name, { present: [workload(name)] });
    const made = JSON.stringify(applyOverlay(workload(name), patches));
    const once: Record<string, string> = name === "spmsync" ? { [`${VAULT}/agent-pre-populate-only`]: "true" } : {};
    const annotated = workload(name, { ...SEED, ...once, "lessee/connection-max-lifetime": "1h" });
    const { operations } = injectManifest(annotated, OPTIONS);
    const injected = applyPatch(annotated, operations) as ReturnType<typeof workload>;
    const expected = JSON.stringify(injected)
      .replace("/etc/db/config.yaml", "/etc/dbvault/config.yaml")
      .replace("86400s", "1h");
    const podOf = (json: string) => {
      const { spec } = JSON.parse(json);
      return (spec.template ?? spec.jobTemplate.spec.template).spec;
    };
    expect(podOf(made)).toEqual(podOf(expected));
  });

  it("fits objects that it has not seen, as long as they have no init container", () => {
    expect(overlay("tsb").patches).toEqual(overlay("tsb", { present: [workload("tsb")] }).patches);
    const other = workload("tsb", {}, { initContainers: [{ name: "wait" }] });
    const paths = overlay("tsb", { present: [{ kind: "List", items: [other] }] }).patches.map(({ path }) => path);
    expect(paths).toContain("spec.template.spec.initContainers.[-1]");
    expect(paths).not.toContain("spec.template.spec.initContainers");
  });

  it("has the arguments of Tetrate's documentation, and a sidecar for tsb and spm alone", () => {
    const { apiServer, spmServer } = componentsOf();
    expect(apiServer.overlays.map(({ kind, name }) => `${kind} ${name}`)).toEqual(["Deployment tsb"]);
    expect(spmServer.overlays.map(({ kind, name }) => `${kind} ${name}`)).toEqual([
      "Deployment spm",
      "CronJob spmsync",
    ]);
    expect(apiServer.deployment?.podAnnotations).toMatchObject({ "prometheus.io/port": "9102" });
    expect(spmServer.job).toBeUndefined();
    const sync = spmServer.overlays[1]?.patches ?? [];
    expect(sync.slice(0, 2)).toEqual([
      {
        path: "spec.jobTemplate.spec.template.spec.containers[name:spmsync].args.[:/etc/db/config\\.yaml]",
        value: "/etc/dbvault/config.yaml",
      },
      { path: "spec.jobTemplate.spec.template.spec.containers[name:spmsync].args.[:86400s]", value: "1h" },
    ]);
    expect(sync.some(({ path }) => path.endsWith("containers.[-1]"))).toBe(false);
    expect(sync.some(({ path }) => path.endsWith("initContainers"))).toBe(true);
  });

  it("changes only arguments that are there as Tetrate has them, and says which are not", () => {
    const other = workload("tsb");
    const [container] = (other.spec.template ?? expect.fail()).spec.containers;
    container!.args = ["--config=/etc/db/config.yaml", "--lifetime", "86400s"];
    const { resource, warnings } = tsbOverlay({ ...OPTIONS, present: [other] });
    const paths = JSON.stringify(resource);
    expect(paths).toContain("[name:tsb].args.[:86400s]");
    expect(paths).not.toContain("[name:tsb].args.[:/etc/db/config");
    expect(paths).toContain("[name:spm].args.[:/etc/db/config");
    expect(warnings).toEqual([
      "Deployment tsb has no argument /etc/db/config.yaml: make /etc/dbvault/config.yaml of what stands there in its place, by hand",
    ]);
  });

  it("takes other annotations, and says what is wrong with them", () => {
    const annotations = { [`${VAULT}/role`]: "spm", "lessee/connection-max-lifetime": "30m" };
    const sidecar = overlay("spm", { annotations }).patches.find(({ path }) => path.endsWith("containers.[-1]"));
    expect(configOf(sidecar?.value as never)).toMatchObject({
      auto_auth: { method: { config: { role: "spm" } } },
      credential: { "database/creds/pg-role": { connection_max_lifetime: "30m" } },
    });
    expect(() => tsbOverlay({ ...OPTIONS, annotations: { "lessee/lifetim": "1h" } })).toThrow(
      "Deployment tsb: unknown annotation lessee/lifetim",
    );
    const already = applyOverlay(workload("tsb", { [`${VAULT}/agent-inject-status`]: "injected" }), []);
    expect(() => tsbOverlay({ ...OPTIONS, present: [already] })).toThrow("Deployment tsb would not be injected");
  });
});
