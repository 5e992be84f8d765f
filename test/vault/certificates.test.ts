/** Certificates that an earlier run has left in files: which of them are used on, and what is known of them. */
import { generateKeyPairSync, type KeyObject } from "node:crypto";
import * as fs from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { signCertificate } from "../../dev/kubernetes/certificate.ts";
import { Sensitive } from "../../src/sensitive.ts";
import { secretFrom } from "../../src/vault/answer.ts";
import { certificateIn, clientFor } from "../../src/vault/certificates.ts";
import type { VaultClient } from "../../src/vault/client.ts";
import { createFakeClock } from "../support/fake-clock.ts";

const NOW = Date.UTC(2026, 5, 1);
const DAY = 86_400_000;
const WANTED = { common_name: "app.example.com", ttl: "10d" };

interface Issued {
  readonly certificate: string;
  readonly key: string;
}

const root = { commonName: "root", ...generateKeyPairSync("ec", { namedCurve: "P-256" }) };
const pem = (key: KeyObject) => key.export({ type: "pkcs8", format: "pem" }).toString();
const authority = issue("root", { authority: true, from: NOW - 100 * DAY, to: NOW + 100 * DAY }).certificate;

/** A leaf of the root for a name and more, half of its ten days over. */
function issue(
  name: string,
  { hosts = [name], from = NOW - 5 * DAY, to = NOW + 5 * DAY, authority = false } = {},
): Issued {
  const keys = authority ? root : generateKeyPairSync("ec", { namedCurve: "P-256" });
  const certificate = signCertificate({
    commonName: name,
    hosts,
    publicKey: keys.publicKey,
    issuer: root,
    notBefore: from,
    notAfter: to,
    authority,
    use: [],
  });
  return { certificate: certificate.toString(), key: pem(keys.privateKey) };
}

function found(text: string, wanted: Record<string, string> = WANTED, threshold = 0.9): string | undefined {
  const data = certificateIn(text, wanted, NOW, threshold)?.data.reveal();
  return data === undefined || data === null ? undefined : String(data.certificate);
}

describe("A certificate in a file", () => {
  const app = issue("app.example.com", { hosts: ["app.example.com", "other.example.com"] });
  const bundle = `# written by a template\n${app.key}some text\n${app.certificate}${authority}`;

  it("is taken up with its key, its issuer and its dates", () => {
    const data = certificateIn(bundle, WANTED, NOW, 0.9)?.data.reveal();
    expect(data).toMatchObject({ certificate: app.certificate, issuing_ca: authority, ca_chain: [authority] });
    expect(String(data?.private_key).trim()).toBe(app.key.trim());
    expect(data?.not_before).toMatchObject({ text: String((NOW - 5 * DAY) / 1_000) });
    expect(data?.expiration).toMatchObject({ text: String((NOW + 5 * DAY) / 1_000) });
  });

  const refusals: Readonly<Record<string, readonly [string, Record<string, string>?, number?]>> = {
    "that is of another name": [bundle, { common_name: "web.example.com" }],
    "that lacks one of the names": [bundle, { ...WANTED, alt_names: "other.example.com, third.example.com" }],
    "without its key": [app.certificate + authority],
    "with the key of another": [issue("x").key + app.certificate],
    "most of whose life is over": [bundle, WANTED, 0.49],
    "that is over": [issueBundle("app.example.com", NOW - 5 * DAY, NOW - DAY)],
    "that is not valid yet": [issueBundle("app.example.com", NOW + DAY, NOW + 5 * DAY)],
    "that is an authority's": [authority + pem(root.privateKey), { common_name: "root" }],
    "that is garbage": [bundle.replace(/^MI/gm, "xx")],
    "that is not there": [""],
  };
  it.for(Object.entries(refusals))("is left alone %s", ([, [text, wanted, threshold]]) => {
    expect(found(text, wanted, threshold)).toBeUndefined();
  });

  it("may carry more names than are asked for, and any name when none is", () => {
    expect(found(bundle, { ...WANTED, alt_names: "other.example.com" })).toBe(app.certificate);
    expect(found(bundle, {})).toBe(app.certificate);
  });

  it("needs no key beside it when a signing request was brought", () => {
    expect(found(app.certificate, { csr: "…", common_name: "app.example.com" })).toBe(app.certificate);
  });

  it("is the one that lives longest, of several", () => {
    const longer = issue("app.example.com", { to: NOW + 6 * DAY });
    expect(found(bundle + longer.certificate + longer.key)).toBe(longer.certificate);
  });

  it("is found beside those of other names", () => {
    const web = issue("web.example.com");
    const both = bundle + web.certificate + web.key;
    expect(found(both)).toBe(app.certificate);
    expect(found(both, { common_name: "web.example.com" })).toBe(web.certificate);
  });
});

function issueBundle(name: string, from: number, to: number): string {
  const { certificate, key } = issue(name, { from, to });
  return key + certificate;
}

describe("A client for one certificate", () => {
  let folder = "";
  beforeAll(async () => {
    folder = await fs.mkdtemp(join(tmpdir(), "certificates-"));
    return () => fs.rm(folder, { recursive: true });
  });

  const fresh = issue("app.example.com", { from: NOW, to: NOW + 10 * DAY });
  const token = new Sensitive("t");

  async function open(content: string, reproduces = false, answered = fresh.certificate) {
    const path = join(folder, "app.pem");
    await fs.writeFile(path, content);
    let writes = 0;
    const server = {
      write: async () => {
        writes++;
        return secretFrom({ request_id: `r${writes}`, data: { certificate: answered, private_key: fresh.key } });
      },
    } as unknown as VaultClient;
    const publisher = { destinationsOf: () => [join(folder, "absent.pem"), path], reproduces: async () => reproduces };
    const deps = { files: fs, clock: createFakeClock(NOW), threshold: () => 0.9, publisher: () => publisher };
    const client = clientFor({ kind: "pki", path: "pki/issue/web", data: WANTED }, server, deps);
    return {
      write: async () => (await client.write(token, "pki/issue/web", WANTED))?.data.reveal() ?? {},
      writes: () => writes,
    };
  }

  it("asks the server where the files have none, and adds the dates of what it gives", async () => {
    const { write } = await open("");
    const data = await write();
    expect(data.certificate).toBe(fresh.certificate);
    expect(data.not_before).toMatchObject({ text: String(NOW / 1_000) });
    expect(data.expiration).toMatchObject({ text: String((NOW + 10 * DAY) / 1_000) });
  });

  it("takes the one in the files first, and asks for another the next time", async () => {
    const old = issue("app.example.com");
    const { write, writes } = await open(old.key + old.certificate + authority);
    expect((await write()).certificate).toBe(old.certificate);
    expect(writes()).toBe(0);
    expect((await write()).certificate).toBe(fresh.certificate);
  });

  it("takes one without its issuer only where the files would stay as they are", async () => {
    const old = issue("app.example.com");
    const without = await open(old.key + old.certificate, false);
    expect((await without.write()).certificate).toBe(fresh.certificate);
    const shown = await open(old.key + old.certificate, true);
    expect((await shown.write()).certificate).toBe(old.certificate);
  });

  it("refuses an answer that is no certificate", async () => {
    const { write } = await open("", false, "-----BEGIN CERTIFICATE-----\nbm90\n-----END CERTIFICATE-----");
    await expect(write()).rejects.toThrow("pki/issue/web: the answer is without a certificate");
  });
});
