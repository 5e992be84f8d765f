/** `pkiCert`: issued, taken up by the next run, renewed by the certificate's own dates, each apart from the others. */
import { X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { configuration, template } from "../support/configuration.ts";
import { type Pod, startWorld, type World } from "../support/world.ts";

let world: World;

beforeAll(async () => {
  world = await startWorld();
});

afterAll(() => world.stop());

/** Key, certificate and authority of each name, in one file. */
function bundle(...names: readonly string[]): string {
  return names
    .map(
      (name) =>
        `{{ with pkiCert "pki/issue/web" "common_name=${name}" "ttl=1h" }}{{ .Data.Key }}{{ .Data.Cert }}{{ .Data.CA }}{{ end }}\n`,
    )
    .join("");
}

async function podWithPki(): Promise<Pod> {
  const pod = await world.pod({ ttl: { default: "60s", max: "10m" } });
  const { api, policy, databaseMount } = pod.seed;
  await api.expect("POST", "sys/mounts/pki", { type: "pki" });
  await api.expect("POST", "pki/root/generate/internal", { common_name: "root" });
  await api.expect("POST", "pki/roles/web", { allowed_domains: "example.com", allow_subdomains: true, max_ttl: "72h" });
  await api.expect("PUT", `sys/policies/acl/${policy}`, {
    policy: `path "${databaseMount}/creds/*" { capabilities = ["read"] }\npath "pki/issue/*" { capabilities = ["update"] }\n`,
  });
  return pod;
}

async function certificatesIn(path: string): Promise<readonly X509Certificate[]> {
  const blocks = (await readFile(path, "utf8")).match(/-----BEGIN CERTIFICATE[\s\S]*?-----END CERTIFICATE-----\n/g);
  return (blocks ?? []).map((block) => new X509Certificate(block));
}

const issues = (pod: Pod) => pod.requests(({ path }) => path === "/v1/pki/issue/web");

describe("Certificates", () => {
  it("are issued one by one, and taken up by the next run", async () => {
    const pod = await podWithPki();
    const path = pod.path("secrets", "tls.pem");
    const run = (contents: string) => pod.agent(configuration(pod, { template: template(path, contents) }));

    const first = await run(bundle("a.example.com", "b.example.com"));
    await first.event("rendered", ({ destination }) => destination === path);
    const written = await readFile(path, "utf8");
    const [a, root, b] = await certificatesIn(path);
    expect([a?.subject, b?.subject]).toEqual(["CN=a.example.com", "CN=b.example.com"]);
    expect(a?.verify(root!.publicKey)).toBe(true);
    expect(issues(pod)).toBe(2);
    await first.stop();

    const second = await run(bundle("a.example.com", "b.example.com"));
    const { changed } = await second.event("rendered", ({ destination }) => destination === path);
    expect(changed).toBe(false);
    expect(await readFile(path, "utf8")).toBe(written);
    expect(issues(pod)).toBe(2);
    await second.stop();

    const third = await run(bundle("a.example.com", "c.example.com"));
    await third.event("rendered", ({ destination }) => destination === path);
    const [stillA, , c] = await certificatesIn(path);
    expect([stillA?.fingerprint256, c?.subject]).toEqual([a?.fingerprint256, "CN=c.example.com"]);
    expect(issues(pod)).toBe(3);
    await third.stop();
  });

  it("of which one is refused do not hold up the others", async () => {
    const pod = await podWithPki();
    const [good, bad] = [pod.path("secrets", "good.pem"), pod.path("secrets", "bad.pem")];
    const agent = await pod.agent(
      configuration(pod, {
        template: template(bad, bundle("a.elsewhere.org")) + template(good, bundle("a.example.com")),
      }),
    );
    const { error } = await agent.event("read failed");
    expect(error).toContain("common name a.elsewhere.org not allowed by this role");
    await agent.event("rendered", ({ destination }) => destination === good);
    await agent.stop();
  });

  it("are renewed while the old one is good, and a server that fails loses none", async () => {
    const pod = await podWithPki();
    const path = pod.path("secrets", "tls.pem");
    // Half a minute of its life is over when it is issued: with this threshold it is renewed after a second.
    const agent = await pod.agent(
      configuration(pod, {
        template: template(path, bundle("a.example.com").replace("1h", "20s")),
        rest: "template_config { lease_renewal_threshold = 0.55 }",
      }),
    );
    const rendered = (count: number) => agent.events("rendered", count);
    await rendered(1);
    const [first] = await certificatesIn(path);
    await rendered(2);
    const [second] = await certificatesIn(path);
    expect(second?.fingerprint256).not.toBe(first?.fingerprint256);
    expect(first!.validToDate.getTime()).toBeGreaterThan(Date.now());

    pod.vault.faults.inject(({ path }) => path === "/v1/pki/issue/web", {
      kind: "answer",
      status: 503,
      body: { errors: ["not now"] },
    });
    const since = agent.entries.length;
    await agent.event("read failed", () => true, since);
    const [kept] = await certificatesIn(path);
    expect(kept!.validToDate.getTime()).toBeGreaterThan(Date.now());
    await agent.stop();
  });
});
