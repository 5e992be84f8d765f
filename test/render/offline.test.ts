/** `lessee render`, as a process. */
import { spawnSync } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { selfSignedCertificate, signCertificate } from "../../dev/kubernetes/certificate.ts";

const folder = mkdtempSync(join(tmpdir(), "lessee-render-"));
afterAll(() => rmSync(folder, { recursive: true }));

const SECRETS = JSON.stringify({
  reads: {
    "kv/text": '{"data": {"n": 1.50}}',
    "kv/object": { data: { u: "a" } },
    "kv/app?version=2": { data: { v: 2 } },
  },
  lists: { kv: { data: { keys: ["z", "a"] } } },
  writes: [{ path: "sign", data: { n: "1" }, response: { data: { s: "signed" } } }],
});

function file(name: string, content: string): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

function leafOf(commonName: string): { certificate: string; key: string } {
  const keys = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const certificate = signCertificate({
    commonName,
    hosts: [commonName],
    publicKey: keys.publicKey,
    issuer: { commonName: "root", ...keys },
    notBefore: Date.now() - 60_000,
    notAfter: Date.now() + 60_000,
    authority: false,
    use: [],
  });
  return {
    certificate: certificate.toString(),
    key: keys.privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
  };
}

function render(args: readonly string[], input = ""): { code: number | null; out: Buffer; err: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, ["src/main.ts", "render", ...args], {
    input,
    env: { PATH: process.env.PATH, NAME: "object" },
  });
  return { code: status, out: stdout, err: stderr.toString() };
}

describe("lessee render", () => {
  const secrets = file("secrets.json", SECRETS);

  it("writes the bytes, from reads, lists, writes and the environment", () => {
    const template = file(
      "t.ctmpl",
      '{{ with secret "kv/text" }}{{ .Data.n }}{{ end }} {{ (secret (printf "kv/%s" (env "NAME"))).Data.u }} {{ (secret "kv/app?version=2").Data.v }} {{ secrets "kv" }} {{ (secret "sign" "n=1").Data.s }}{{ "\\xff" }}',
    );
    const { code, out, err } = render(["-template", template, `--secrets=${secrets}`]);
    expect({ code, err, out: out.toString("latin1") }).toEqual({ code: 0, err: "", out: "1.50 a 2 [a z] signed\xff" });
  });

  it("prints when a lease would end that was granted now; its horizon where that is the same", () => {
    const grant = (renewable: boolean) => ({ lease_id: "l", lease_duration: 3_600, renewable, data: {} });
    const known = JSON.stringify({
      reads: { "db/creds/a": grant(true), "db/creds/b": grant(false), kv: { data: {} } },
    });
    const source = ["db/creds/a", "db/creds/b", "kv"]
      .map((path) => `{{ lesseeExpiryUnix "${path}" }} {{ lesseeHorizonUnix "${path}" }}`)
      .join(" ");
    const before = Math.floor(Date.now() / 1_000);
    const [a, aMost, b, bMost, kv, kvMost] = render(["-template", file("ends.ctmpl", source), "-secrets=-"], known)
      .out.toString()
      .split(" ")
      .map(Number);
    expect(a).toBeGreaterThanOrEqual(before + 3_600);
    expect(a).toBeLessThan(before + 3_660);
    expect([b, bMost]).toEqual([a, a]);
    expect([aMost, kv, kvMost]).toEqual([0, 0, 0]);
  });

  it("takes the template from standard input, and other delimiters", () => {
    const { out } = render(
      ["-template=-", `-secrets=${secrets}`, "-left-delimiter=[[", "-right-delimiter=]]"],
      "[[ 1 ]]{{ 2 }}",
    );
    expect(out.toString()).toBe("1{{ 2 }}");
  });

  it("takes the secrets from standard input, and Handlebars by the name of the file", () => {
    const template = file("t.hbs", '{{#with (secret "kv/object")}}{{Data.u}}{{/with}}');
    expect(render([`-template=${template}`, "-secrets=-"], SECRETS).out.toString()).toBe("a");
  });

  it("takes for pkiCert what the secrets say, else what stands in the destination", () => {
    const template = file(
      "tls.ctmpl",
      '{{ with pkiCert "pki/issue/web" "common_name=a.example.com" }}{{ .Data.Cert }}{{ .Key }}|{{ len .CAChain }}{{ end }}',
    );
    const { certificate, privateKey } = selfSignedCertificate(["a.example.com"]);
    const root = selfSignedCertificate(["root"]).certificate;
    const leaf = leafOf("a.example.com");
    const standing = file("tls.pem", leaf.key + leaf.certificate + root);
    const args = [`-template=${template}`, `-destination=${standing}`];
    expect(render([...args, `-secrets=${secrets}`]).out.toString()).toBe(`${leaf.certificate}${leaf.key}|0`);

    const answer = { data: { certificate: certificate.trim(), private_key: privateKey.trim(), ca_chain: [root] } };
    const issued = { path: "pki/issue/web", data: { common_name: "a.example.com" }, response: answer };
    const known = JSON.stringify({ writes: [issued] });
    expect(render([...args, "-secrets=-"], known).out.toString()).toBe(`${certificate}${privateKey}|1`);

    const absent = render([`-template=${template}`, "-destination=/nowhere", `-secrets=${secrets}`]);
    expect(absent.err).toContain("not to be had: vault.pki(pki/issue/web)");
  });

  const refusals: Readonly<Record<string, readonly [string, readonly string[], string]>> = {
    "a secret that is not in the file": ['{{ secret "kv/x" }}', [], "vault.read(kv/x)"],
    "a template that does not parse": ["{{ if }}", [], "parse: template: :1: missing value for if"],
    "a template that fails": ['{{ sprig_fail "no" }}', [], "error calling sprig_fail: no"],
    "a missing key, if asked": [
      '{{ (secret "kv/text").Data.x }}',
      ["-error-on-missing-key"],
      'map has no entry for key "x"',
    ],
    "a denied function": ['{{ env "NAME" }}', ["-function-denylist=e*"], "function is disabled"],
    "an unknown engine": ["x", ["-engine=jinja"], "-engine must be go or handlebars"],
    "an unknown flag": ["x", ["-templat=x"], "templat"],
  };
  for (const [name, [template, flags, message]] of Object.entries(refusals)) {
    it(`says so and exits 1 for ${name}`, () => {
      const { code, out, err } = render(["-template=-", `-secrets=${secrets}`, ...flags], template);
      expect({ code, out: out.toString() }).toEqual({ code: 1, out: "" });
      expect(err).toContain(message);
    });
  }

  it("says what is wrong with the secrets file", () => {
    const template = file("x.ctmpl", "x");
    const bad = (content: string) => render([`-template=${template}`, "-secrets=-"], content).err;
    expect(bad("{")).toContain("the secrets file cannot be used");
    expect(bad('{"reads": []}')).toContain("reads must be an object");
    expect(bad('{"reads": {"a": "{"}}')).toContain('reads["a"]');
    expect(bad('{"writes": [{}]}')).toContain("writes[0] must have path, data and response");
  });
});
