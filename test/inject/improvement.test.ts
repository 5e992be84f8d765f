/** What lessee does better than the injector whose annotations it reads. */
import { existsSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { inject } from "../../src/inject/inject.ts";
import { misspelt } from "../../src/inject/known-annotations.ts";
import type { Pod } from "../../src/inject/kubernetes.ts";
import { sharedFile } from "../support/shared.ts";
import { configOf, container, injected, isInjected, podOf, refusalOf, SETTINGS, VAULT } from "./pods.ts";

describe("an improved pod", () => {
  it("has one folder for the credential that init container and sidecar share, which the application does not mount", () => {
    const { initContainer, sidecarContainer, spec, pod } = injected(podOf());
    const mount = { name: "lessee-state", mountPath: "/run/lessee" };
    expect(initContainer.volumeMounts).toContainEqual(mount);
    expect(sidecarContainer.volumeMounts).toContainEqual(mount);
    expect(spec.containers[0]?.volumeMounts?.map(({ name }) => name)).toEqual(["kube-api-access", "vault-secrets"]);
    expect(spec.volumes).toContainEqual({ name: "lessee-state", emptyDir: { medium: "Memory", sizeLimit: "4Mi" } });
    for (const one of [initContainer, sidecarContainer])
      expect(configOf(one)).toMatchObject({ state: { path: "/run/lessee" } });
    expect(isInjected(pod)).toBe(true);
  });

  it("that is populated once has no folder for a state that nobody takes up", () => {
    const { initContainer, sidecarContainer, spec } = injected(podOf({ [`${VAULT}/agent-pre-populate-only`]: "true" }));
    expect(sidecarContainer).toBeUndefined();
    expect(configOf(initContainer)).not.toHaveProperty("state");
    expect(spec.volumes?.map(({ name }) => name)).not.toContain("lessee-state");
  });

  it("has probes, and a port with metrics that Prometheus is told of", () => {
    const { sidecarContainer, initContainer, pod } = injected(podOf());
    expect(sidecarContainer).toMatchObject({
      ports: [{ name: "lessee-health", containerPort: 9102 }],
      startupProbe: { httpGet: { path: "/startupz", port: 9102 } },
      readinessProbe: { httpGet: { path: "/readyz", port: 9102 } },
      livenessProbe: { httpGet: { path: "/livez", port: 9102 } },
    });
    expect(initContainer.livenessProbe).toBeUndefined();
    expect(configOf(sidecarContainer)).toMatchObject({ health: { address: ":9102" } });
    expect(pod.metadata?.annotations).toMatchObject({
      "prometheus.io/scrape": "true",
      "prometheus.io/port": "9102",
      "prometheus.io/path": "/metrics",
    });
  });

  it("takes the next port where a container has that one, and leaves the application's scraping alone", () => {
    const pod = podOf(
      { "prometheus.io/port": "8080" },
      {
        containers: [container("tsb", { ports: [{ containerPort: 9102 }, { containerPort: 9103 }] })],
      },
    );
    const done = injected(pod);
    expect(done.sidecarContainer.ports).toEqual([{ name: "lessee-health", containerPort: 9104 }]);
    expect(configOf(done.sidecarContainer)).toMatchObject({ health: { address: ":9104" } });
    expect(done.pod.metadata?.annotations).not.toHaveProperty("prometheus.io/scrape");
    expect(done.warnings.join()).toContain("prometheus.io");
    expect(
      refusalOf({
        ...pod,
        metadata: { ...pod.metadata, annotations: { ...pod.metadata?.annotations, "lessee/health-port": "9103" } },
      }),
    ).toContain("lessee/health-port: the container tsb has port 9103");
  });

  it("is not scraped, or has no health at all, where its annotations say so", () => {
    const unscraped = injected(podOf({ "lessee/scrape": "false" }));
    expect(Object.keys(unscraped.pod.metadata?.annotations ?? {}).join()).not.toContain("prometheus.io");
    expect(unscraped.sidecarContainer.ports).toMatchObject([{ containerPort: 9102 }]);
    const off = injected(podOf({ "lessee/health-port": "off" }));
    expect(Object.keys(off.pod.metadata?.annotations ?? {}).join()).not.toContain("prometheus.io");
    expect(off.sidecarContainer).not.toHaveProperty("ports");
    expect(off.sidecarContainer).not.toHaveProperty("livenessProbe");
    expect(configOf(off.sidecarContainer)).toMatchObject({ health: { address: "" } });
    expect(off.warnings).toEqual([]);
    expect(refusalOf(podOf({ "lessee/scrape": "maybe" }))).toContain("lessee/scrape must be true or false");
  });

  it("on the node's network has no health port by chance", () => {
    const done = injected(podOf({}, { hostNetwork: true }));
    expect(done.sidecarContainer.livenessProbe).toBeUndefined();
    expect(configOf(done.sidecarContainer)).toMatchObject({ health: { address: "" } });
    expect(done.warnings.join()).toContain("lessee/health-port");
    const chosen = injected(podOf({ "lessee/health-port": "19102" }, { hostNetwork: true }));
    expect(chosen.sidecarContainer.ports).toMatchObject([{ containerPort: 19102 }]);
    expect(chosen.warnings).toEqual([]);
  });

  it("has what namespaces of the restricted standard ask for", () => {
    const { sidecarContainer, initContainer } = injected(podOf());
    for (const one of [sidecarContainer, initContainer])
      expect(one.securityContext).toMatchObject({
        runAsNonRoot: true,
        allowPrivilegeEscalation: false,
        capabilities: { drop: ["ALL"] },
        seccompProfile: { type: "RuntimeDefault" },
      });
  });

  it("never has its users revoked while the application drains", () => {
    const revoking = { [`${VAULT}/agent-revoke-on-shutdown`]: "true" };
    const ordinary = injected(podOf(revoking));
    expect(ordinary.sidecarContainer.lifecycle).toEqual({});
    expect(configOf(ordinary.sidecarContainer)).not.toHaveProperty("release_on_exit");
    expect(ordinary.warnings.join()).toContain("agent-revoke-on-shutdown");
    // A native sidecar is stopped when the application has ended.
    const native = injected(podOf(revoking), { nativeSidecar: "true" });
    expect(configOf(native.sidecarContainer)).toMatchObject({ release_on_exit: "always" });
    expect(native.warnings).toEqual([]);
  });

  it("gives a job's user back, whose sessions it cannot see, when it is a native one and stopped after the job", () => {
    const job = (annotations: Record<string, string>): Pod => {
      const pod = podOf(annotations);
      return { ...pod, spec: { ...pod.spec, restartPolicy: "Never" } };
    };
    const configFor = (pod: Pod, native: "true" | "false") =>
      configOf(injected(pod, { nativeSidecar: native }).sidecarContainer);
    expect(configFor(job({}), "true")).toMatchObject({ release_on_exit: "always" });
    // An ordinary one is stopped together with it, and one that is started anew looks the same.
    expect(configFor(job({}), "false")).not.toHaveProperty("release_on_exit");
    expect(configFor(podOf(), "true")).not.toHaveProperty("release_on_exit");
    // Where sessions are seen they tell it better, and whoever says something else knows better.
    const seen = { "lessee/postgres-connection-url": "postgresql://{{username}}:{{password}}@postgres/tsb" };
    expect(configFor(job(seen), "true")).not.toHaveProperty("release_on_exit");
    const said = { "lessee/release-on-exit": "drained" };
    expect(configFor(job(said), "true")).toMatchObject({ release_on_exit: "drained" });
  });

  it("may be one of Vault's injector after all", () => {
    const { sidecarContainer, warnings } = injected(podOf({ "lessee/improve": "false", "lessee/drain": "off" }));
    expect(sidecarContainer.livenessProbe).toBeUndefined();
    expect(warnings).toEqual(["without improvement lessee/drain have no effect"]);
  });
});

describe("an annotation that Vault's injector does not know", () => {
  it("is said, with the nearest that it knows, and changes nothing else", () => {
    const name = (key: string) => `${VAULT}/${key}`;
    const typos = {
      [name("agent-inject-secert-db")]: "database/creds/x",
      [name("agent-pre-poplate")]: "false",
      [name("xyz")]: "1",
    };
    const { spec, warnings } = injected(podOf(typos));
    expect(spec).toEqual(injected(podOf()).spec);
    expect(warnings).toEqual([
      `${VAULT}/agent-inject-secert-db is no annotation of Vault's injector, and has no effect (did you mean ${VAULT}/agent-inject-secret-db?)`,
      `${VAULT}/agent-pre-poplate is no annotation of Vault's injector, and has no effect (did you mean ${VAULT}/agent-pre-populate?)`,
      expect.stringMatching(/^vault\.hashicorp\.com\/xyz is no annotation/),
    ]);
  });

  it.skipIf(!existsSync(sharedFile("reference/vault-agent.md")))("is none of its documented ones", () => {
    const table =
      readFileSync(sharedFile("reference/vault-agent.md"), "utf8").split("### 6.5")[1]?.split("\n---")[0] ?? "";
    const rows = [...table.matchAll(/^\| ([a-z][^|]*) \|/gm)].map(([, names = ""]) => names);
    expect(rows.length).toBeGreaterThan(30);
    // `-limits-cpu/-mem`, `left-delim-NAME / right-delim-NAME` and the like stand for several.
    const names = rows
      .flatMap((row) => row.split(/, | \/ /))
      .filter((one) => /^[a-z][a-zA-Z-]*$/.test(one) && !one.startsWith("right-delim"));
    expect(names.length).toBeGreaterThan(25);
    const annotations = Object.fromEntries(names.map((one) => [`${VAULT}/${one.replace(/NAME$|X$/, "x")}`, ""]));
    expect(misspelt(annotations)).toEqual([]);
  });
});

describe("a native sidecar", () => {
  it.each([
    ["v1.28.9", false],
    ["v1.29.0", true],
    ["1.31", true],
    ["v2.0.0", true],
    ["", false],
    ["garbage", false],
  ])("of Kubernetes %j: %s", (kubernetesVersion, native) => {
    const { spec } = injected(podOf(), { kubernetesVersion });
    const names = (all: readonly { readonly name: string }[] = []) => all.map(({ name }) => name);
    expect(names(spec.initContainers)).toEqual(native ? ["vault-agent-init", "vault-agent"] : ["vault-agent-init"]);
    expect(names(spec.containers)).toEqual(native ? ["tsb"] : ["tsb", "vault-agent"]);
    if (native) expect(spec.initContainers?.at(-1)).toMatchObject({ restartPolicy: "Always", startupProbe: {} });
  });

  it("is wanted or not by annotation, whatever the cluster", () => {
    const wanted = injected(podOf({ "lessee/native-sidecar": "true" }), { kubernetesVersion: "1.25" });
    expect(wanted.spec.containers).toHaveLength(1);
    const unwanted = injected(podOf({ "lessee/native-sidecar": "false" }), { nativeSidecar: "true" });
    expect(unwanted.spec.containers).toHaveLength(2);
  });

  it("comes after the init container, before the application's where that is first", () => {
    const spec = { initContainers: [container("migrate")] };
    const first = injected(podOf({ [`${VAULT}/agent-init-first`]: "true" }, spec), { nativeSidecar: "true" });
    expect(first.spec.initContainers?.map(({ name }) => name)).toEqual(["vault-agent-init", "vault-agent", "migrate"]);
    const last = injected(podOf({}, spec), { nativeSidecar: "true" });
    expect(last.spec.initContainers?.map(({ name }) => name)).toEqual(["migrate", "vault-agent-init", "vault-agent"]);
    expect(last.spec.initContainers?.[0]?.volumeMounts?.map(({ name }) => name)).toContain("vault-secrets");
  });

  it("holds up nobody who does not populate beforehand", () => {
    const { spec, sidecarContainer } = injected(podOf({ [`${VAULT}/agent-pre-populate`]: "false" }), {
      nativeSidecar: "true",
    });
    expect(spec.initContainers?.map(({ name }) => name)).toEqual(["vault-agent"]);
    expect(sidecarContainer.startupProbe).toBeUndefined();
  });

  it("is what a Job needs, which otherwise never ends", () => {
    const job = podOf({}, { restartPolicy: "Never" });
    expect(injected(job).warnings.join()).toContain("a Job does not end");
    expect(injected(job, { nativeSidecar: "true" }).warnings).toEqual([]);
  });
});

describe("an init container that leaves its user to a job", () => {
  const once = { [`${VAULT}/agent-pre-populate-only`]: "true" };
  const lifetimeOf = (annotations: object, spec: object, settings = {}) =>
    injected(podOf({ ...once, ...annotations }, spec), settings).initContainer.env?.find(
      ({ name }) => name === "LESSEE_JOB_LIFETIME",
    );

  it("is told how long that may run, with the time in which it is stopped", () => {
    const said = (value: string) => ({ name: "LESSEE_JOB_LIFETIME", value });
    expect(lifetimeOf({}, { activeDeadlineSeconds: 600 })).toEqual(said("630s"));
    expect(lifetimeOf({}, { activeDeadlineSeconds: 600, terminationGracePeriodSeconds: 5 })).toEqual(said("605s"));
    expect(lifetimeOf({ "lessee/lifetime-config.yaml": "5m" }, { activeDeadlineSeconds: 600 })).toEqual(said("630s"));
  });

  it("is told nothing where nobody knows it, the user says it, a sidecar stays, or the pod is the injector's", () => {
    const deadline = { activeDeadlineSeconds: 600 };
    expect(lifetimeOf({}, {})).toBeUndefined();
    expect(lifetimeOf({ "lessee/lifetime": "5m" }, deadline)).toBeUndefined();
    expect(lifetimeOf({ [`${VAULT}/agent-pre-populate-only`]: "false" }, deadline)).toBeUndefined();
    expect(lifetimeOf({}, deadline, { improve: false })).toBeUndefined();
    expect(refusalOf(podOf(once, { activeDeadlineSeconds: "600" as never }))).toContain(
      "spec.activeDeadlineSeconds must be a whole number, and is a text",
    );
  });
});

describe("a signal to the application", () => {
  const annotations = { "lessee/notify-signal": "tsb" };

  it("shares the process namespace, and makes the sidecar of the application's user", () => {
    const { spec, sidecarContainer } = injected(podOf(annotations, { securityContext: { runAsUser: 3000 } }));
    expect(spec.shareProcessNamespace).toBe(true);
    expect(sidecarContainer.securityContext).toMatchObject({ runAsUser: 3000, runAsNonRoot: true });
    expect(configOf(sidecarContainer)).toMatchObject({
      credential: { "database/creds/pg-role": { notify: [{ signal: { process: "tsb" } }] } },
    });
  });

  it("is the only reason to share it", () => {
    expect(injected(podOf()).spec).not.toHaveProperty("shareProcessNamespace");
    expect(injected(podOf({ "lessee/notify-http": "http://127.0.0.1:8080/reload" })).spec).not.toHaveProperty(
      "shareProcessNamespace",
    );
  });

  it("takes the container's user before the pod's, and the annotation's where neither is known", () => {
    const spec = {
      containers: [container("tsb", { securityContext: { runAsUser: 7 } })],
      securityContext: { runAsUser: 8 },
    };
    expect(injected(podOf(annotations, spec)).sidecarContainer.securityContext?.runAsUser).toBe(7);
    const told = injected(podOf({ ...annotations, [`${VAULT}/agent-run-as-user`]: "65532" }));
    expect(told.sidecarContainer.securityContext?.runAsUser).toBe(65532);
  });

  it.each([
    ["nobody knows the user", {}, {}, "the pod does not say who that is (set runAsUser"],
    [
      "containers have different ones",
      {},
      {
        containers: [
          container("a", { securityContext: { runAsUser: 1 } }),
          container("b", { securityContext: { runAsUser: 2 } }),
        ],
      },
      "the containers a, b have different ones",
    ],
    [
      "the annotation names another",
      { [`${VAULT}/agent-run-as-user`]: "5" },
      { securityContext: { runAsUser: 6 } },
      "the application is 6",
    ],
    ["the application is root", {}, { securityContext: { runAsUser: 0 } }, "the application is root"],
    ["the pod turns sharing off", {}, { shareProcessNamespace: false }, "which this pod turns off"],
    [
      "the sidecar has no security context",
      { [`${VAULT}/agent-set-security-context`]: "false" },
      { containers: [container("tsb", { securityContext: { runAsUser: 7 } })] },
      "agent-set-security-context is false",
    ],
  ])("is refused where %s", (_, more, spec, words) => {
    expect(refusalOf(podOf({ ...annotations, ...more }, spec))).toContain(words);
  });
});

describe("a pod that would break later", () => {
  it("with a template that does not parse is refused with its place", () => {
    const text = '{{- with secret "a/creds/b" -}}\nusername: {{ .Data.username }\n{{- end -}}';
    expect(refusalOf(podOf({ [`${VAULT}/agent-inject-template-config.yaml`]: text }))).toContain(
      'vault.hashicorp.com/agent-inject-template-config.yaml: parse: template: :2: unexpected "}" in operand (line 2, behind "username: {{ .Data.username")',
    );
  });

  it("is not refused for a template that nobody reads, as its configuration is in a ConfigMap", () => {
    const unread = { [`${VAULT}/agent-inject-template-config.yaml`]: "{{ nope", [`${VAULT}/agent-configmap`]: "mine" };
    expect(refusalOf(podOf(unread))).toBeUndefined();
  });

  it("with a JSON patch that leaves no image is refused with its cause", () => {
    const patch = JSON.stringify([{ op: "replace", path: "", value: { name: "z" } }]);
    expect(refusalOf(podOf({ [`${VAULT}/agent-init-json-patch`]: patch }))).toContain(
      "the JSON patch leaves the container z no image",
    );
  });

  it.each([
    ["vault-secrets", "containers", "subPath"],
    ["vault-secrets-custom-0", "containers", "subPathExpr"],
    ["vault-secrets", "initContainers", "subPath"],
  ])("M11: that mounts a file of %s is refused (%s, %s)", (name, kind, part) => {
    const mounting = container("tsb", {
      volumeMounts: [{ name, mountPath: "/etc/app/config.yaml", [part]: "config.yaml" }],
    });
    const spec = { containers: [container("web", {})], [kind]: [mounting] };
    expect(refusalOf(podOf({}, spec))).toContain("by subPath, and would never see a new password");
    expect(refusalOf(podOf({ "lessee/publish": "in-place" }, spec))).toBeUndefined();
  });

  it("that has something else where the secrets go is refused", () => {
    const spec = {
      containers: [container("tsb", { volumeMounts: [{ name: "d", mountPath: "/etc/dbvault/" }] })],
      volumes: [{ name: "d", emptyDir: {} }],
    };
    expect(refusalOf(podOf({}, spec))).toContain("the container tsb has the volume d at /etc/dbvault/");
  });

  it("that names our volume itself gets it once", () => {
    const spec = {
      containers: [container("tsb", { volumeMounts: [{ name: "vault-secrets", mountPath: "/etc/dbvault" }] })],
      volumes: [{ name: "vault-secrets", emptyDir: { medium: "Memory" } }],
    };
    const done = injected(podOf({}, spec));
    expect(done.spec.volumes?.filter(({ name }) => name === "vault-secrets")).toHaveLength(1);
    expect(done.spec.containers[0]?.volumeMounts?.filter(({ name }) => name === "vault-secrets")).toHaveLength(1);
    expect(refusalOf(podOf({}, { volumes: [{ name: "vault-secrets", secret: { secretName: "x" } }] }))).toContain(
      "a volume vault-secrets that is no emptyDir",
    );
  });

  it("that has containers of our names is refused", () => {
    expect(refusalOf(podOf({}, { containers: [container("vault-agent")] }))).toContain(
      "the pod has a container vault-agent already",
    );
  });

  it("is refused for what only the agent would have found in its configuration", () => {
    expect(refusalOf(podOf({ [`${VAULT}/agent-inject-perms-config.yaml`]: "rw" }))).toContain("the configuration");
    expect(
      refusalOf(podOf({ [`${VAULT}/auth-type`]: "kubernetes", [`${VAULT}/agent-cache-enable`]: "maybe" })),
    ).toContain("vault.hashicorp.com/agent-cache-enable: true or false");
  });

  it("names what is missing, and how to say it", () => {
    expect(refusalOf(podOf(), { image: "" })).toContain("no Vault image found (set -vault-image");
    expect(refusalOf(podOf(), { address: "" })).toContain("address for Vault required (set -vault-address");
    expect(refusalOf(podOf({ [`${VAULT}/service`]: "http://v:8200" }), { address: "" })).toBeUndefined();
    expect(refusalOf({ ...podOf(), spec: { containers: [{ name: "a" }] } })).toContain("no service account token");
    expect(refusalOf(podOf({ [`${VAULT}/agent-limits-mem`]: "much" }))).toContain(
      "vault.hashicorp.com/agent-limits-mem",
    );
  });

  it.each(["kube-system", "kube-public"])("in the namespace %s is refused", (namespace) => {
    expect(() => inject(podOf(), { settings: SETTINGS, namespace, admitted: true })).toThrow(
      `cannot inject into system namespaces: ${namespace}`,
    );
  });
});

describe("a pod that is to be injected anew", () => {
  it("loses what the last time added", () => {
    const once = injected(podOf()).pod;
    const again = {
      ...once,
      metadata: {
        ...once.metadata,
        annotations: { ...once.metadata?.annotations, [`${VAULT}/agent-inject-status`]: "update" },
      },
    };
    const twice = injected(again).pod;
    expect(twice.spec).toEqual(once.spec);
  });
});
