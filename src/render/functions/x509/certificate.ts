/** X.509 certificates as Go's x509.CreateCertificate makes them of what Sprig gives it. */
import { fail } from "../../go/values.ts";
import type { PrivateKey, TemplateHost } from "../../template.ts";
import * as der from "./der.ts";
import { formatKey } from "./key.ts";
import { readPem, writePem } from "./pem.ts";

export interface Subject {
  readonly commonName: string;
  readonly ips: readonly der.Bytes[];
  readonly dns: readonly string[];
  readonly days: number;
  /** May sign others. */
  readonly authority: boolean;
}

export interface Issuer {
  /** Its name, DER. */
  readonly name: der.Bytes;
  readonly keyId: der.Bytes | undefined;
  readonly publicKey: der.Bytes;
  readonly key: PrivateKey;
  readonly pem: string;
}

export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

/** Without an issuer it is its own. */
export function makeCertificate(
  subject: Subject,
  key: PrivateKey,
  pem: string,
  host: TemplateHost,
  issuer?: Issuer,
): Certificate {
  const name = distinguishedName(subject.commonName);
  const signer = issuer ?? { name, keyId: undefined, publicKey: key.publicKey, key, pem };
  const algorithm = ALGORITHMS[signer.key.type];
  if (algorithm === undefined)
    fail("error creating certificate: x509: certificate private key does not implement crypto.Signer");
  if (!isSame(signer.publicKey, signer.key.publicKey))
    fail("error creating certificate: x509: provided PrivateKey doesn't match parent's PublicKey");
  const start = host.now();
  const body = der.sequence(
    der.explicit(0, der.integer(Uint8Array.of(2))),
    der.integer(host.random(16)),
    algorithm!,
    signer.name,
    der.sequence(der.time(new Date(start)), der.time(new Date(start + subject.days * DAY))),
    name,
    key.publicKey,
    der.explicit(3, der.sequence(...extensions(subject, key, signer, host))),
  );
  const signature = der.bits(host.cryptography.sign(signer.pem, body));
  return {
    cert: writePem({ type: "CERTIFICATE", bytes: der.sequence(body, algorithm!, signature) }),
    key: formatKey(key),
  };
}

/** @throws FunctionError in Sprig's words. */
export function readIssuer(cert: string, key: PrivateKey, pem: string): Issuer {
  const block = readPem(cert);
  if (block === undefined) return fail("unable to decode certificate");
  try {
    const [body] = der.elements(der.elements(block.bytes)[0]!.content);
    const parts = der.elements(body!.content);
    // The version stands first where there is one.
    const [, , , , , name, open] = parts[0]!.tag === 0xa0 ? parts : [undefined, ...parts];
    if (name === undefined || open === undefined) throw new RangeError("not a certificate");
    const keyId = subjectKeyId(parts.find(({ tag }) => tag === 0xa3)?.content);
    return { name: name.whole, keyId, publicKey: open.whole, key, pem };
  } catch {
    return fail("error parsing certificate: decodedSignerCert.Bytes: x509: malformed certificate");
  }
}

const DAY = 86_400_000;
const SUBJECT_KEY_ID = "2.5.29.14";

const withNothing = (id: string) => der.sequence(der.oid(id), der.nothing());
const ALGORITHMS: Readonly<Record<string, der.Bytes>> = {
  rsa: withNothing("1.2.840.113549.1.1.11"),
  "ec P-256": der.sequence(der.oid("1.2.840.10045.4.3.2")),
  "ec P-384": der.sequence(der.oid("1.2.840.10045.4.3.3")),
  "ec P-521": der.sequence(der.oid("1.2.840.10045.4.3.4")),
  ed25519: der.sequence(der.oid("1.3.101.112")),
};

function extensions(
  { commonName, ips, dns, authority }: Subject,
  key: PrivateKey,
  issuer: Omit<Issuer, "pem">,
  host: TemplateHost,
): der.Bytes[] {
  const own = host.hash("sha1", publicBits(key.publicKey));
  const names = [...dns.map((one) => der.implicit(2, ascii(one))), ...ips.map((one) => der.implicit(7, one))];
  const isOwn = isSame(issuer.name, distinguishedName(commonName));
  return [
    // Signs, enciphers keys, and as an authority signs certificates.
    extension("2.5.29.15", true, authority ? der.bits(Uint8Array.of(0xa4), 2) : der.bits(Uint8Array.of(0xa0), 5)),
    extension("2.5.29.37", false, der.sequence(der.oid("1.3.6.1.5.5.7.3.1"), der.oid("1.3.6.1.5.5.7.3.2"))),
    extension("2.5.29.19", true, authority ? der.sequence(der.boolean(true)) : der.sequence()),
    ...(authority ? [extension(SUBJECT_KEY_ID, false, der.octets(own))] : []),
    ...(issuer.keyId !== undefined && !isOwn
      ? [extension("2.5.29.35", false, der.sequence(der.implicit(0, issuer.keyId)))]
      : []),
    ...(names.length > 0 ? [extension("2.5.29.17", commonName === "", der.sequence(...names))] : []),
  ];
}

function extension(id: string, critical: boolean, value: der.Bytes): der.Bytes {
  return der.sequence(der.oid(id), ...(critical ? [der.boolean(true)] : []), der.octets(value));
}

function distinguishedName(commonName: string): der.Bytes {
  if (commonName === "") return der.sequence();
  const text = /^[A-Za-z0-9 '()+,\-./:=?]*$/.test(commonName) ? der.printable(commonName) : der.utf8(commonName);
  return der.sequence(der.set(der.sequence(der.oid("2.5.4.3"), text)));
}

function subjectKeyId(extensions: der.Bytes | undefined): der.Bytes | undefined {
  if (extensions === undefined) return undefined;
  const wanted = der.oid(SUBJECT_KEY_ID);
  for (const { content } of der.elements(der.elements(extensions)[0]!.content)) {
    const parts = der.elements(content);
    if (isSame(parts[0]!.whole, wanted)) return der.elements(parts.at(-1)!.content)[0]!.content;
  }
  return undefined;
}

function publicBits(publicKey: der.Bytes): der.Bytes {
  const [, bits] = der.elements(der.elements(publicKey)[0]!.content);
  return bits!.content.subarray(1);
}

function ascii(text: string): der.Bytes {
  return Uint8Array.from(text, (character) => {
    const code = character.charCodeAt(0);
    return code < 0x80
      ? code
      : fail(`error creating certificate: x509: ${JSON.stringify(text)} cannot be encoded as an IA5String`);
  });
}

function isSame(a: der.Bytes, b: der.Bytes): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
