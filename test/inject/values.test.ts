/** Values that nobody would take who makes or starts the pod: refused at admission, with the annotation they come from. */
import { describe, expect, it } from "vitest";
import { container, injected, podOf, refusalOf, VAULT } from "./pods.ts";

describe("a value that would break the pod", () => {
  it.each([
    ["agent-limits-mem", "-5Mi", "the limits of memory are negative: -5Mi"],
    ["agent-requests-cpu", "-1", "the requests of cpu are negative"],
    ["agent-requests-mem", "5Gi", "the requests of memory are more than the limit: 5Gi of 128Mi"],
    ["agent-requests-cpu", "0.6", "the requests of cpu are more than the limit: 600m of 500m"],
    ["agent-requests-mem", "135e6", "more than the limit: 135e6 of 128Mi"],
    ["agent-run-as-user", "-1", "-1 is no user (from 0 to 2147483647)"],
    ["agent-run-as-group", "4294967296", "4294967296 is no group"],
    ["agent-inject-containers", "tbs", 'the pod has no container "tbs" (did you mean tsb?)'],
    ["agent-inject-containers", "tsb, other", 'the pod has no container " other"'],
    ["agent-inject-containers", "", 'the pod has no container ""'],
    ["secret-volume-path", "etc/app", '"etc/app" is no folder (an absolute path'],
    ["secret-volume-path", "/etc:app", '"/etc:app" is no folder'],
    ["secret-volume-path", "/etc/../app", "is no folder"],
    ["secret-volume-path-config.yaml", "x", '"x" is no folder'],
    ["secret-volume-path", "/home/vault", "would mount two volumes at /home/vault"],
    ["agent-inject-file-config.yaml", "../../etc/passwd", "/etc/passwd lies outside of /etc/dbvault (a path below it)"],
    ["agent-image", " lessee:1", '" lessee:1" is no image'],
    ["tls-secret", "My Secret", '"My Secret" is no name of an object'],
    ["agent-extra-secret", "a_b", '"a_b" is no name'],
    ["agent-configmap", "x".repeat(254), "is no name of an object"],
    ["agent-json-patch", '[{"op":"remove","path":"/name"}]', "the JSON patch leaves no container"],
    ["agent-json-patch", '[{"op":"replace","path":"/env","value":1}]', "number into Go struct field Container.env"],
    [
      "agent-json-patch",
      `[{"op":"add","path":"/x","value":${"[".repeat(200)}${"]".repeat(200)}}]`,
      "nested more than 100",
    ],
  ])("%s: %j is refused", (name, value, words) => {
    expect(refusalOf(podOf({ [`${VAULT}/${name}`]: value }))).toContain(words);
  });

  it("is also to want nothing at all", () => {
    const neither = { [`${VAULT}/agent-pre-populate`]: "false", [`${VAULT}/agent-pre-populate-only`]: "true" };
    expect(refusalOf(podOf(neither))).toContain("agent-pre-populate-only: nothing is left to inject");
  });

  it.each([
    ["agent-requests-mem", "128Mi"],
    ["agent-requests-mem", "134217728"],
    ["agent-requests-cpu", "0.5"],
    ["agent-requests-cpu", "500000u"],
    ["agent-run-as-user", "2147483647"],
    ["secret-volume-path", "/etc/app/"],
    ["agent-inject-file-config.yaml", "sub/folder/config.yaml"],
    ["tls-secret", "vault.ca-1"],
  ])("%s: %j is taken", (name, value) => {
    expect(refusalOf(podOf({ [`${VAULT}/${name}`]: value }))).toBeUndefined();
  });

  it("is left to the cluster where the pod is to be the injector's to the letter", () => {
    const values = { [`${VAULT}/agent-run-as-user`]: "-1", [`${VAULT}/agent-limits-mem`]: "-5Mi" };
    expect(refusalOf(podOf(values), { improve: false })).toBeUndefined();
  });
});

describe("a pod that asks for too much", () => {
  const template = (length: number) => ({ [`${VAULT}/agent-inject-template-config.yaml`]: "x".repeat(length) });
  const many = (count: number, of: (at: number) => readonly (readonly [string, string])[]) =>
    Object.fromEntries(Array.from({ length: count }, (_, at) => of(at)).flat());

  it("of the environment is refused: Linux would not start it", () => {
    expect(refusalOf(podOf(template(90_000)))).toBeUndefined();
    expect(refusalOf(podOf(template(100_000)))).toContain(
      "the configuration is too long: VAULT_CONFIG would be 131 KiB, and Linux takes 128 KiB (put templates into files",
    );
    expect(refusalOf(podOf({ ...template(100_000), [`${VAULT}/agent-configmap`]: "templates" }))).toBeUndefined();
    const patch = [{ op: "add", path: "/env/-", value: { name: "BIG", value: "x".repeat(131_072) } }];
    expect(refusalOf(podOf({ [`${VAULT}/agent-json-patch`]: JSON.stringify(patch) }))).toContain("BIG would be");
  });

  it("of annotations is refused as the API server will, and of lessee's before", () => {
    expect(refusalOf(podOf(many(30_000, (at) => [[`x/${at}`, "1234"]])))).toBe(
      "metadata.annotations: Too long: must have at most 262144 bytes",
    );
    expect(refusalOf(podOf({ "lessee/config": "a {}\n".repeat(20_000) }))).toContain(
      "the annotations of lessee are 98 KiB together, and at most 64 KiB may be",
    );
  });

  it("in a patch that copies itself over and over is refused", () => {
    const bomb = Array.from({ length: 60 }, (_, at) => ({ op: "copy", from: "/x", path: `/x/${at}` }));
    const list = Array.from({ length: 60 }, () => ({ op: "copy", from: "/x", path: "/x/-" }));
    for (const [value, copies] of [
      [{}, bomb],
      [[], list],
    ]) {
      const patch = JSON.stringify([{ op: "add", path: "/x", value }, ...(copies as object[])]);
      for (const improve of [true, false])
        expect(refusalOf(podOf({ [`${VAULT}/agent-json-patch`]: patch }), { improve })).toContain("it copies too much");
    }
  });

  // Bounds for a machine that does something else as well; each took seconds, or the memory, before.
  it.each([
    ["a name of a quarter megabyte", podOf({ [`lessee/${"x".repeat(60_000)}`]: "1" })],
    ["secrets by the thousand", podOf(many(5_000, (at) => [[`${VAULT}/agent-inject-secret-${at}`, "a"]]))],
    [
      "comments by the thousand",
      podOf({ ...template(1), [`${VAULT}/agent-inject-template-config.yaml`]: "{{/* */}}".repeat(9_000) }),
    ],
    [
      "1,000 containers with ports",
      podOf(
        {},
        {
          containers: Array.from({ length: 1_000 }, (_, at) =>
            container(`c${at}`, { ports: [{ containerPort: 9_102 + at }] }),
          ),
        },
      ),
    ],
    [
      "signals by the thousand",
      podOf({ "lessee/notify-signal": "a ".repeat(30_000) }, { securityContext: { runAsUser: 5 } }),
    ],
  ])("%s is answered in no time", (_, pod) => {
    const began = process.cpuUsage();
    refusalOf(pod);
    expect(process.cpuUsage(began).user / 1_000).toBeLessThan(2_000);
  });

  it("of containers gets a port that none of them has", () => {
    const containers = Array.from({ length: 1_000 }, (_, at) =>
      container(`c${at}`, { ports: [{ containerPort: 9_102 + at }] }),
    );
    expect(injected(podOf({}, { containers })).sidecarContainer.ports).toMatchObject([{ containerPort: 10_102 }]);
  });
});

describe("words of JavaScript's own", () => {
  it.each(["__proto__", "constructor", "toString"])("%s are annotations, names and paths like any other", (word) => {
    const annotations = JSON.parse(
      JSON.stringify(podOf().metadata?.annotations).replace(
        "{",
        `{"${word}":"1","${VAULT}/agent-inject-secret-${word}":"database/creds/${word}","lessee/lifetime-${word}":"5m","${VAULT}/auth-config-${word}":"x","${VAULT}/agent-telemetry-${word}":"1",`,
      ),
    ) as Record<string, string>;
    const base = podOf();
    const done = injected({ ...base, metadata: { ...base.metadata, annotations } });
    const config = JSON.stringify(done.sidecarContainer.env);
    const text = Buffer.from(/"VAULT_CONFIG","value":"([^"]+)"/.exec(config)?.[1] ?? "", "base64").toString();
    expect(text).toContain(`"database/creds/${word}":{"lifetime":"5m"}`);
    expect(text).toContain(`"${word}":"x"`);
    expect(Object.keys(done.pod.metadata?.annotations ?? {})).toContain(word);
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });

  it("as the path of a secret keeps what is said of it", () => {
    const path = { [`${VAULT}/agent-inject-secret-config.yaml`]: "secret/__proto__" };
    const { sidecarContainer } = injected(podOf({ ...path, "lessee/lifetime": "5m", "lessee/margin": "1m" }));
    const config = Buffer.from(
      sidecarContainer.env?.find(({ name }) => name === "VAULT_CONFIG")?.value ?? "",
      "base64",
    );
    expect(JSON.parse(config.toString()).credential).toEqual({ "secret/__proto__": { lifetime: "5m", margin: "1m" } });
  });
});
