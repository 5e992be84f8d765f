/** Sprig's certificates. They are made anew when nine tenths of their life are over, and not before. */

import { formatPlain } from "../../go/format.ts";
import type { CallContext, TemplateFunction } from "../../go/function.ts";
import { decodeText } from "../../go/text.ts";
import { fail, type Slice, Struct, type StructType, type Value } from "../../go/values.ts";
import { decodeBase64, STANDARD } from "../encoding.ts";
import { parseAddress } from "../x509/address.ts";
import { type Certificate, type Issuer, makeCertificate, readIssuer, type Subject } from "../x509/certificate.ts";
import { parseKey } from "../x509/key.ts";
import { ANY, S, sprig } from "./define.ts";

const LIST = `[]${ANY}` as const;
const CERTIFICATE: StructType = { name: "sprig.certificate", fields: ["Cert", "Key"], methods: {} };

export const SPRIG_CERTIFICATES: readonly TemplateFunction[] = [
  sprig("genCA", [S, "int"], ([name, days], context) => withNewKey("genCA", authority(name, days), context)),
  sprig("genCAWithKey", [S, "int", S], ([name, days, key], context) =>
    withKey("genCAWithKey", authority(name, days), key, context),
  ),
  sprig("genSelfSignedCert", [S, LIST, LIST, "int"], ([name, ips, dns, days], context) =>
    withNewKey("genSelfSignedCert", leaf(name, ips, dns, days), context),
  ),
  sprig("genSelfSignedCertWithKey", [S, LIST, LIST, "int", S], ([name, ips, dns, days, key], context) =>
    withKey("genSelfSignedCertWithKey", leaf(name, ips, dns, days), key, context),
  ),
  sprig("genSignedCert", [S, LIST, LIST, "int", "sprig.certificate"], ([name, ips, dns, days, by], context) =>
    withNewKey("genSignedCert", leaf(name, ips, dns, days), context, by),
  ),
  sprig(
    "genSignedCertWithKey",
    [S, LIST, LIST, "int", "sprig.certificate", S],
    ([name, ips, dns, days, by, key], context) =>
      withKey("genSignedCertWithKey", leaf(name, ips, dns, days), key, context, by),
  ),
  sprig("buildCustomCert", [S, S], ([cert, key], context) => custom(cert, key, context)),
];

const DAY = 86_400_000;
const MADE_ANEW = 0.9;

function authority(commonName: string, days: bigint): Subject {
  return { commonName, ips: [], dns: [], days: Number(days), authority: true };
}

function leaf(commonName: string, ips: Slice, dns: Slice, days: bigint): Subject {
  return {
    commonName,
    ips: ips.items.map((item) => {
      const text = textOf(item, "parsing ip");
      return parseAddress(text) ?? fail(`error parsing ip: ${text}`);
    }),
    dns: dns.items.map((item) => textOf(item, "processing alternate dns name")),
    days: Number(days),
    authority: false,
  };
}

function textOf(item: Value, doing: string): string {
  return typeof item === "string" ? item : fail(`error ${doing}: ${formatPlain(item)} is not a string`);
}

/** Making an RSA key takes its time. */
function withNewKey(name: string, subject: Subject, { session }: CallContext, by?: Struct): Struct {
  const { host } = session;
  const issuer = by && issuerOf(by, session);
  const made = session.later(call(name, subject, by), async () => {
    const pem = await host.cryptography.makeKey("rsa-2048");
    return makeCertificate(subject, host.cryptography.readKey(pem), pem, host, issuer);
  });
  return certificate(made);
}

function withKey(name: string, subject: Subject, pem: string, { session }: CallContext, by?: Struct): Struct {
  const { host } = session;
  const key = inWords("parsing private key", () => parseKey(pem, host.cryptography));
  const issuer = by && issuerOf(by, session);
  const made = session.once(call(name, subject, by, pem), () => makeCertificate(subject, key, pem, host, issuer));
  return certificate(made);
}

function call(name: string, subject: Subject, by?: Struct, pem = "") {
  const of = [...subject.ips, ...subject.dns, subject.days].map(String);
  const args = [subject.commonName, ...of, by === undefined ? "" : field(by, "Cert"), pem];
  return { name: `sprig_${name}`, args, each: true, life: subject.days * DAY * MADE_ANEW };
}

function issuerOf(by: Struct, { host }: CallContext["session"]): Issuer {
  const pem = field(by, "Key");
  const key = inWords("error parsing private key", () => parseKey(pem, host.cryptography));
  return readIssuer(field(by, "Cert"), key, pem);
}

/** Base64 of both. */
function custom(cert: string, key: string, { session }: CallContext): Struct {
  const [certText, keyText] = [decoded(cert, "certificate"), decoded(key, "private key")];
  const parsed = inWords("error parsing private key", () => parseKey(keyText, session.host.cryptography));
  readIssuer(certText, parsed, keyText);
  return certificate({ cert: certText, key: keyText });
}

function decoded(base64: string, what: string): string {
  try {
    return decodeText(decodeBase64(base64, STANDARD));
  } catch {
    return fail(`unable to decode base64 ${what}`);
  }
}

function inWords<T>(what: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    return fail(`${what}: ${(error as Error).message}`);
  }
}

function field(by: Struct, name: string): string {
  return String(by.fields.get(name) ?? "");
}

function certificate({ cert, key }: Certificate): Struct {
  return new Struct(
    CERTIFICATE,
    new Map([
      ["Cert", cert],
      ["Key", key],
    ]),
    false,
  );
}
