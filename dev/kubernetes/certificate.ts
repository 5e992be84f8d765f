/** X.509 certificates on P-256 keys, made without any program outside Node. */
import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign, X509Certificate } from "node:crypto";
import { isIP } from "node:net";
import * as der from "../../src/render/functions/x509/der.ts";

export interface ServerCertificate {
  /** PEM. It is its own authority, so a client trusts it by naming it as CA. */
  readonly certificate: string;
  /** PEM, PKCS #8. */
  readonly privateKey: string;
}

/** For the given names and IP addresses, valid from five minutes ago for `days` days. */
export function selfSignedCertificate(hosts: readonly string[], days = 30): ServerCertificate {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const commonName = hosts[0] ?? "localhost";
  const now = Date.now();
  const certificate = signCertificate({
    commonName,
    hosts,
    publicKey,
    issuer: { commonName, publicKey, privateKey },
    notBefore: now - 5 * 60_000,
    notAfter: now + days * 86_400_000,
    authority: true,
    use: ["server"],
  });
  return {
    certificate: certificate.toString(),
    privateKey: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
  };
}

export interface CertificateRequest {
  readonly commonName: string;
  /** Names and IPv4 addresses. */
  readonly hosts: readonly string[];
  readonly publicKey: KeyObject;
  readonly issuer: Issuer;
  /** Milliseconds since 1970. */
  readonly notBefore: number;
  readonly notAfter: number;
  /** May sign others. */
  readonly authority: boolean;
  readonly use: readonly (keyof typeof USES)[];
}

export interface Issuer {
  readonly commonName: string;
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

export function signCertificate(request: CertificateRequest): X509Certificate {
  const body = der.sequence(
    der.explicit(0, der.integer(Buffer.of(2))),
    der.integer(Buffer.concat([Buffer.of(1), randomBytes(19)])),
    ECDSA_WITH_SHA256,
    distinguishedName(request.issuer.commonName),
    der.sequence(der.time(new Date(request.notBefore)), der.time(new Date(request.notAfter))),
    distinguishedName(request.commonName),
    publicKeyInfo(request.publicKey),
    der.explicit(3, extensions(request)),
  );
  const signature = der.bits(sign("sha256", body, request.issuer.privateKey));
  return new X509Certificate(der.sequence(body, ECDSA_WITH_SHA256, signature));
}

const ECDSA_WITH_SHA256 = der.sequence(der.oid("1.2.840.10045.4.3.2"));
const USES = { server: "1.3.6.1.5.5.7.3.1", client: "1.3.6.1.5.5.7.3.2" };
/** The bits of KeyUsage, from the left, and how many on the right are unused. */
const SIGN_CERTIFICATES = der.bits(Buffer.of(0b1000_0110), 1);
const AGREE_ON_KEYS = der.bits(Buffer.of(0b1010_1000), 3);

function extensions({ publicKey, issuer, authority, use, hosts }: CertificateRequest): der.Bytes {
  return der.sequence(
    extension("2.5.29.15", true, authority ? SIGN_CERTIFICATES : AGREE_ON_KEYS),
    ...(use.length > 0 ? [extension("2.5.29.37", false, der.sequence(...use.map((name) => der.oid(USES[name]))))] : []),
    ...(authority ? [extension("2.5.29.19", true, der.sequence(der.boolean(true)))] : []),
    extension("2.5.29.14", false, der.octets(keyId(publicKey))),
    extension("2.5.29.35", false, der.sequence(der.implicit(0, keyId(issuer.publicKey)))),
    extension("2.5.29.17", false, der.sequence(...hosts.map(alternativeName))),
  );
}

function extension(id: string, critical: boolean, value: der.Bytes): der.Bytes {
  return der.sequence(der.oid(id), ...(critical ? [der.boolean(true)] : []), der.octets(value));
}

function distinguishedName(commonName: string): der.Bytes {
  return der.sequence(der.set(der.sequence(der.oid("2.5.4.3"), der.utf8(commonName))));
}

function publicKeyInfo(key: KeyObject): der.Bytes {
  return key.export({ type: "spki", format: "der" });
}

function keyId(key: KeyObject): der.Bytes {
  return createHash("sha1").update(publicKeyInfo(key)).digest();
}

function alternativeName(host: string): der.Bytes {
  if (isIP(host) === 4) return der.implicit(7, Buffer.from(host.split(".").map(Number)));
  if (isIP(host) === 6) throw new Error(`an IPv6 address is not supported in a certificate: ${host}`);
  return der.implicit(2, Buffer.from(host));
}
