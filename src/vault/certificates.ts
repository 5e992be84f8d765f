/**
 * Certificates of `pkiCert`: what an earlier run has left in the files is used on while it is good, and everything is
 * known from the certificate itself, its own dates above all.
 */
import type { X509Certificate } from "node:crypto";
import { createRequire } from "node:module";
import { JsonNumber, type JsonValue } from "../json.ts";
import type { Clock, Files } from "../ports.ts";
import type { Publisher } from "../publish/publisher.ts";
import { type Dependency, dependencyKey } from "../render/template.ts";
import { Sensitive } from "../sensitive.ts";
import { secretFrom, strange } from "./answer.ts";
import type { VaultClient } from "./client.ts";
import type { VaultSecret } from "./secret.ts";

export interface CertificateDeps {
  readonly files: Pick<Files, "readFile">;
  readonly clock: Clock;
  /** The part of its life, from 0 to 1, after which a certificate is not taken up any more. */
  threshold(): number;
  /** Knows the files of the templates that ask for it, and whether these would stay as they are with this secret. */
  publisher(): Pick<Publisher, "destinationsOf" | "reproduces">;
}

/** What a certificate is asked for with. */
type Wanted = Readonly<Record<string, unknown>>;

/** The client for one dependency; for a certificate the first `write` may be answered by the files. */
export function clientFor(dependency: Dependency, client: VaultClient, deps: CertificateDeps): VaultClient {
  if (dependency.kind !== "pki") return client;
  const key = dependencyKey(dependency);
  let obtained = false;
  return {
    ...client,
    async write(token, path, wanted) {
      const kept = obtained ? null : await keptIn(key, wanted, deps);
      const secret = kept ?? dated(await client.write(token, path, wanted), path);
      obtained = true;
      return secret;
    },
  };
}

/** The certificate that was asked for with `wanted` among the PEM blocks of a text, with its key; null where none is good. */
export function certificateIn(text: string, wanted: Wanted, now: number, threshold: number): VaultSecret | null {
  const found = foundIn(text, wanted, now, threshold);
  return found === null ? null : secretOf(found);
}

// ---- internal ----

interface Found {
  readonly certificate: X509Certificate;
  readonly key: string;
  /** From the issuer upward, as far as the files have them. */
  readonly authorities: readonly X509Certificate[];
}

async function keptIn(key: string, wanted: Wanted, deps: CertificateDeps): Promise<VaultSecret | null> {
  const publisher = deps.publisher();
  const paths = publisher.destinationsOf(key);
  const texts = await Promise.all(paths.map((path) => deps.files.readFile(path, "utf8").catch(() => "")));
  const found = foundIn(texts.join("\n"), wanted, deps.clock.now(), deps.threshold());
  if (found === null) return null;
  const secret = secretOf(found);
  // Without its authority a file could lose what it has; where the templates show none there is nothing to lose.
  return found.authorities.length > 0 || (await publisher.reproduces(key, secret)) ? secret : null;
}

function foundIn(text: string, wanted: Wanted, now: number, threshold: number): Found | null {
  const { createPrivateKey } = crypto();
  const blocks = text.match(/-----BEGIN ([A-Z0-9 ]+)-----[\s\S]*?-----END \1-----/g) ?? [];
  const keys = blocks.filter((block) => /^-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(block));
  const all = blocks.filter((block) => block.startsWith("-----BEGIN CERTIFICATE-----")).flatMap(parsed);
  const belongs = (certificate: X509Certificate) => (key: string) => {
    try {
      return certificate.checkPrivateKey(createPrivateKey(key));
    } catch {
      return false;
    }
  };
  const good = all
    .filter((one) => !one.ca && isFor(one, wanted) && isGood(one, now, threshold))
    .sort((a, b) => endOf(b) - endOf(a));
  for (const certificate of good) {
    const key = keys.find(belongs(certificate));
    // Who brings a request has the key elsewhere.
    if (key !== undefined || "csr" in wanted)
      return { certificate, key: key ?? "", authorities: authoritiesOf(certificate, all) };
  }
  return null;
}

/** Whose certificate it is: all names that are asked for stand in it. */
function isFor(certificate: X509Certificate, wanted: Wanted): boolean {
  const subject = /^CN=(.*)$/m.exec(certificate.subject)?.[1];
  const names = (certificate.subjectAltName ?? "").split(", ").map((name) => name.slice(name.indexOf(":") + 1));
  const has = (name: string) => name === subject || names.includes(name);
  return ["common_name", "alt_names", "ip_sans", "uri_sans"]
    .flatMap((field) => String(wanted[field] ?? "").split(","))
    .map((name) => name.trim())
    .every((name) => name === "" || has(name));
}

function isGood(certificate: X509Certificate, now: number, threshold: number): boolean {
  const start = startOf(certificate);
  return start <= now && now < start + (endOf(certificate) - start) * threshold;
}

function authoritiesOf(certificate: X509Certificate, all: readonly X509Certificate[]): readonly X509Certificate[] {
  const chain: X509Certificate[] = [];
  for (let below = certificate; ; ) {
    const issuer = all.find((one) => one.ca && below.checkIssued(one) && below.verify(one.publicKey));
    if (issuer === undefined || chain.some((one) => one.fingerprint256 === issuer.fingerprint256)) return chain;
    chain.push(issuer);
    below = issuer;
  }
}

/** As the server would have answered. */
function secretOf({ certificate, key, authorities }: Found): VaultSecret {
  const [issuer] = authorities;
  return secretFrom({
    request_id: certificate.fingerprint256,
    data: {
      certificate: certificate.toString(),
      private_key: key,
      issuing_ca: issuer === undefined ? "" : issuer.toString(),
      ca_chain: authorities.map(String),
      ...datesOf(certificate),
    },
  });
}

/** The server's answer with the dates of the certificate in it, which not every server says. */
function dated(secret: VaultSecret | null, path: string): VaultSecret {
  const data = secret?.data.reveal();
  const [certificate] = parsed(String(data?.certificate ?? ""));
  if (!secret || !data || certificate === undefined) throw strange(path, "without a certificate");
  return { ...secret, data: new Sensitive({ ...data, ...datesOf(certificate) }) };
}

function datesOf(certificate: X509Certificate): Readonly<Record<"not_before" | "expiration", JsonValue>> {
  const seconds = (time: number) => new JsonNumber(String(Math.floor(time / 1_000)));
  return { not_before: seconds(startOf(certificate)), expiration: seconds(endOf(certificate)) };
}

function parsed(pem: string): X509Certificate[] {
  try {
    return [new (crypto().X509Certificate)(pem)];
  } catch {
    return [];
  }
}

function startOf(certificate: X509Certificate): number {
  return certificate.validFromDate.getTime();
}

function endOf(certificate: X509Certificate): number {
  return certificate.validToDate.getTime();
}

/** Loaded by the first certificate: few templates have one, and it costs some milliseconds of every start. */
function crypto(): typeof import("node:crypto") {
  return createRequire(import.meta.url)("node:crypto");
}
