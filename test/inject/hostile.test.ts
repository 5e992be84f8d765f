/** The webhook among callers that mean it ill, and pods by chance: a clear answer each time, and memory with a bound. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import https from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect as connectTls } from "node:tls";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { applyPatch, type Operation } from "rfc6902";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { container, podOf, reviewOf, VAULT } from "./pods.ts";
import { ask, makeCertificate, mounted, openssl, type Running, startWebhook } from "./webhook-process.ts";

/** From PyPI, where somebody has installed it: Kubernetes' own schemas. */
const VALIDATE = process.env.KUBERNETES_VALIDATE ?? "kubernetes-validate";
const validates = (() => {
  try {
    return execFileSync(VALIDATE, ["--version"], { stdio: ["ignore", "pipe", "ignore"] }).length > 0;
  } catch {
    return false;
  }
})();

describe.skipIf(!openssl)("the webhook among hostile callers (openssl makes the certificates)", () => {
  const folder = mkdtempSync(join(tmpdir(), "lessee-hostile-"));
  const agent = new https.Agent({ keepAlive: true });
  let webhook: Running;

  beforeAll(async () => {
    makeCertificate(join(folder, "first"));
    webhook = await startWebhook(...mounted(folder).flags, "-log-level=info");
  });
  afterAll(async () => {
    agent.destroy();
    await webhook?.end("SIGKILL");
    rmSync(folder, { recursive: true });
  });

  const send = (body: string | Buffer, more: object = {}) => ask(webhook.port, { body, agent, ...more });
  const deep = (levels: number) => "[".repeat(levels) + "]".repeat(levels);

  it.each([
    [
      "compressed",
      gzipSync(JSON.stringify(reviewOf(podOf()))),
      { headers: { "Content-Encoding": "gzip" } },
      415,
      "not as gzip",
    ],
    ["asked for by HEAD", "", { method: "HEAD" }, 405, ""],
    ["nested without end", deep(1_000_000), {}, 400, "nested 1000000 deep"],
    ["of a million objects", `[${"{},".repeat(1_000_000)}0]`, {}, 400, "objects and lists, and at most 150000"],
    ["with a byte order mark", `\ufeff${JSON.stringify(reviewOf(podOf()))}`, {}, 400, "is no JSON"],
    ["of bytes that are no text", Buffer.from([0x7b, 0xff, 0xfe, 0x7d]), {}, 400, "is no JSON"],
    [
      "of tomorrow",
      JSON.stringify({ ...reviewOf(podOf()), apiVersion: "admission.k8s.io/v2" }),
      {},
      400,
      "unknown version",
    ],
    ["without a uid", JSON.stringify(reviewOf(podOf(), { uid: undefined })), {}, 400, "no request with a uid"],
    ["a list", "[]", {}, 400, "no AdmissionReview"],
    ["of another kind", JSON.stringify({ ...reviewOf(podOf()), kind: "TokenReview" }), {}, 400, "no AdmissionReview"],
  ] as const)("tells whoever sends a review %s what is wrong", async (_, body, more, status, words) => {
    const answer = await send(body, more);
    expect([answer.status, answer.body]).toEqual([status, expect.stringContaining(words)]);
    if (status === 405) expect(answer.headers.allow).toBe("POST");
  });

  it.each([
    ["a DELETE", reviewOf(null, { operation: "DELETE", oldObject: podOf() })],
    ["an UPDATE", reviewOf(podOf(), { operation: "UPDATE", oldObject: podOf() })],
    ["a subresource", reviewOf(podOf(), { subResource: "ephemeralcontainers" })],
    ["somebody else's Pod", reviewOf(podOf(), { kind: { group: "example.org", version: "v1", kind: "Pod" } })],
    ["no object", reviewOf(null)],
  ])("lets %s pass as it is", async (_, review) => {
    const { status, body } = await send(JSON.stringify(review));
    expect([status, JSON.parse(body).response]).toEqual([200, { uid: "0d2c0a4e", allowed: true }]);
  });

  it.each([
    ["a dry run", reviewOf(podOf(), { dryRun: true })],
    [
      "a pod whose name is still to be made",
      reviewOf({ ...podOf(), metadata: { ...podOf().metadata, name: undefined, generateName: "tsb-" } }),
    ],
    ["a review of the version before", { ...reviewOf(podOf()), apiVersion: "admission.k8s.io/v1beta1" }],
    ["keys that stand twice", JSON.stringify(reviewOf(podOf())).replace('"uid":', '"uid":"another","uid":')],
    [
      "what would be a prototype",
      JSON.stringify(reviewOf(podOf())).replace('"spec":{', '"spec":{"__proto__":{"hostNetwork":true},'),
    ],
  ])("injects %s", async (_, review) => {
    const text = typeof review === "string" ? review : JSON.stringify(review);
    const { status, body } = await send(text);
    const { apiVersion, response } = JSON.parse(body);
    expect([status, apiVersion, response.uid, response.allowed]).toEqual([
      200,
      JSON.parse(text).apiVersion,
      "0d2c0a4e",
      true,
    ]);
    expect(Buffer.from(response.patch, "base64").toString()).toContain('"containerPort":9102');
  });

  it("keeps a refusal short, whatever was written", async () => {
    const pod = podOf({ [`${VAULT}/agent-limits-mem`]: "x".repeat(50_000) });
    const { response } = JSON.parse((await send(JSON.stringify(reviewOf(pod)))).body);
    expect(response).toMatchObject({ allowed: false, status: { code: 422, reason: "Invalid" } });
    expect(response.status.message.length).toBeLessThan(2_100);
    expect(response.status.message).toMatch(/characters more\)$/);
  });

  it("speaks HTTP/1.1 with who would rather speak HTTP/2", async () => {
    const spoken = await new Promise<string | false | null>((resolve, reject) => {
      const options = {
        port: webhook.port,
        host: "127.0.0.1",
        rejectUnauthorized: false,
        ALPNProtocols: ["h2", "http/1.1"],
      };
      const socket = connectTls(options, () => {
        resolve(socket.alpnProtocol);
        socket.destroy();
      });
      socket.on("error", reject);
    });
    expect(spoken).toBe("http/1.1");
  });

  it.skipIf(process.platform !== "linux")(
    "has its memory bounded, whoever sends what at once",
    async () => {
      const env = Array.from({ length: 40_000 }, (_, at) => ({ name: `V${at}`, value: "x".repeat(70) }));
      const large = JSON.stringify(reviewOf(podOf({}, { containers: [container("tsb", { env })] })));
      const objects = JSON.stringify(reviewOf({ x: Array.from({ length: 145_000 }, (_, at) => ({ [`k${at}`]: 1 })) }));
      const wide = `{"a":[${"1,".repeat(2_000_000)}1]}`;
      const all = [large, objects, wide, deep(2_000_000), "x".repeat(4_000_000)];
      const statuses: number[] = [];
      for (let wave = 0; wave < 2; wave++) {
        const answers = all.map((body) =>
          // On a machine that is busy some are slow, and cut off.
          ask(webhook.port, { body, agent }).catch(() => ({ status: 408 })),
        );
        statuses.push(...(await Promise.all(answers)).map(({ status }) => status));
      }
      expect(statuses.filter((status) => ![200, 400, 408, 503].includes(status))).toEqual([]);
      expect(statuses.filter((status) => status !== 408).length).toBeGreaterThan(0);
      const peak = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${webhook.pid}/status`, "utf8"))?.[1];
      // The limit of the chart is 256 MiB.
      expect(Number(peak) / 1024).toBeLessThan(250);
      expect((await send(JSON.stringify(reviewOf(podOf())))).status).toBe(200);
    },
    60_000,
  );

  describe(`pods by chance${validates ? "" : " (skipped: the schemas of kubernetes-validate)"}`, () => {
    const made: object[] = [];

    it("are injected by a patch that applies, let through, or refused in words", async () => {
      await fc.assert(
        fc.asyncProperty(anyPod, async (pod) => {
          const review = JSON.stringify(reviewOf(pod, { uid: "u-1" }));
          const { status, body, headers } = await send(review);
          expect([status, headers["content-type"]]).toEqual([200, "application/json"]);
          const { apiVersion, kind, response } = JSON.parse(body);
          expect([apiVersion, kind, response.uid]).toEqual(["admission.k8s.io/v1", "AdmissionReview", "u-1"]);
          if (!response.allowed) {
            expect(response.status).toEqual({ code: 422, reason: "Invalid", message: expect.stringMatching(/\S/) });
            expect(Object.keys(response).sort()).toEqual(["allowed", "status", "uid"]);
            return;
          }
          if (response.patch === undefined) return;
          expect(response.patchType).toBe("JSONPatch");
          const operations = JSON.parse(Buffer.from(response.patch, "base64").toString()) as Operation[];
          const after = JSON.parse(review).request.object;
          expect(applyPatch(after, operations).filter(Boolean)).toEqual([]);
          const names = [...after.spec.containers, ...(after.spec.initContainers ?? [])].map(({ name }) => name);
          expect(names.some((name) => /^vault-agent/.test(name))).toBe(true);
          made.push(after);
        }),
        { numRuns: 200 },
      );
      expect(made.length, "many are injected at all").toBeGreaterThan(30);
    }, 60_000);

    it.skipIf(!validates)(
      "are pods that Kubernetes' schema takes, strictly",
      () => {
        const files = made.slice(0, 60).map((pod, at) => {
          const file = join(folder, `pod-${at}.json`);
          writeFileSync(file, JSON.stringify(pod));
          return file;
        });
        const said = execFileSync(VALIDATE, ["--strict", ...files], { encoding: "utf8" });
        expect(said.match(/passed/g)).toHaveLength(files.length);
      },
      60_000,
    );
  });
});

// ---- internal ----

const name = fc.stringMatching(/^[a-z]([a-z0-9]{0,8}[a-z0-9])?$/);
const anyContainer = fc
  .record(
    {
      name,
      image: fc.constant("registry.example/app:1"),
      command: fc.array(fc.string(), { maxLength: 2 }),
      env: fc.array(fc.record({ name: fc.constantFrom("A", "B"), value: fc.string() }), { maxLength: 2 }),
      ports: fc.array(fc.record({ containerPort: fc.integer({ min: 9_100, max: 9_104 }) }), { maxLength: 3 }),
      securityContext: fc.record({ runAsUser: fc.nat(3), readOnlyRootFilesystem: fc.boolean() }, { requiredKeys: [] }),
      volumeMounts: fc.array(fc.record({ name, mountPath: fc.constantFrom("/a", "/etc/dbvault", "/vault/secrets") }), {
        maxLength: 2,
      }),
    },
    { requiredKeys: ["name", "image"] },
  )
  .map(({ name: own, ...rest }) => container(own, rest as object));

const texts = fc.oneof(
  fc.constantFrom(
    "true",
    "false",
    "",
    "1h",
    "-1",
    "0",
    "100Mi",
    "5Gi",
    "/x",
    "x y",
    "../..",
    "a,b",
    "map",
    "json",
    "{{ x",
    "__proto__",
  ),
  fc.string(),
  fc.string({ unit: "binary", maxLength: 60 }),
  fc.json(),
);
const keys = fc.constantFrom(
  ...[
    ...[
      "agent-inject",
      "agent-inject-status",
      "agent-inject-secret-a",
      "agent-inject-template-a",
      "agent-inject-file-a",
    ],
    ...[
      "agent-inject-perms-a",
      "agent-inject-command-a",
      "secret-volume-path",
      "secret-volume-path-a",
      "role",
      "service",
    ],
    ...["agent-inject-containers", "agent-inject-token", "agent-image", "agent-init-first", "agent-pre-populate"],
    ...[
      "agent-pre-populate-only",
      "agent-configmap",
      "agent-extra-secret",
      "agent-copy-volume-mounts",
      "agent-limits-mem",
    ],
    ...[
      "agent-requests-mem",
      "agent-requests-cpu",
      "agent-revoke-on-shutdown",
      "agent-revoke-grace",
      "agent-run-as-user",
    ],
    ...["agent-run-as-same-user", "agent-set-security-context", "agent-share-process-namespace", "agent-cache-enable"],
    ...["agent-enable-quit", "auth-min-backoff", "agent-json-patch", "agent-init-json-patch", "agent-telemetry-x"],
    ...[
      "auth-type",
      "auth-config-x",
      "tls-secret",
      "tls-skip-verify",
      "ca-cert",
      "log-level",
      "agent-template-left-delim-a",
    ],
  ].map((key) => `${VAULT}/${key}`),
  ...["lessee/connection-max-lifetime", "lessee/drain", "lessee/notify-signal", "lessee/config", "lessee/health-port"],
  ...["lessee/job", "lessee/improve", "lessee/native-sidecar", "lessee/postgres-connection-url", "lessee/typo"],
  ...["prometheus.io/port", "__proto__", "constructor", "x/y"],
);
const sensible = fc.constantFrom(
  ...Object.entries({
    [`${VAULT}/agent-pre-populate-only`]: "true",
    [`${VAULT}/agent-init-first`]: "true",
    [`${VAULT}/agent-cache-enable`]: "true",
    [`${VAULT}/agent-inject-secret-kv`]: "secret/data/app",
    [`${VAULT}/secret-volume-path-kv`]: "/etc/kv",
    [`${VAULT}/tls-secret`]: "ca",
    [`${VAULT}/agent-configmap`]: "agent",
    "lessee/native-sidecar": "true",
    "lessee/notify-http": "http://127.0.0.1/reload",
    "lessee/postgres-connection-url": "postgresql://{{username}}:{{password}}@db/app",
  }),
);
const anyPod = fc
  .record({
    chaos: fc.array(fc.tuple(keys, texts), { maxLength: 2 }),
    order: fc.array(sensible, { maxLength: 3 }),
    containers: fc.uniqueArray(anyContainer, { minLength: 1, maxLength: 3, selector: (one) => one.name }),
    initContainers: fc.option(fc.uniqueArray(anyContainer, { maxLength: 2, selector: (one) => one.name }), {
      nil: undefined,
    }),
    more: fc.record(
      {
        restartPolicy: fc.constantFrom("Always", "Never", "OnFailure"),
        activeDeadlineSeconds: fc.integer({ min: 1, max: 1_000 }),
        hostNetwork: fc.boolean(),
        shareProcessNamespace: fc.boolean(),
      },
      { requiredKeys: [] },
    ),
  })
  .map(({ chaos, order, containers, initContainers, more }) => {
    const mounts = [...containers, ...(initContainers ?? [])].flatMap(({ volumeMounts = [] }) => volumeMounts);
    const volumes = [...new Set(mounts.map((one) => one.name))].filter((one) => one !== "kube-api-access");
    const pod = podOf(Object.fromEntries([...order, ...chaos]), {
      containers,
      ...(initContainers === undefined ? {} : { initContainers }),
      ...more,
      volumes: volumes.map((one) => ({ name: one, emptyDir: {} })),
    });
    return { apiVersion: "v1", kind: "Pod", ...pod };
  });
