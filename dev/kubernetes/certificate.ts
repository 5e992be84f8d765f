/** A self-signed server certificate, made without any program outside Node. */
import { createHash, generateKeyPairSync, randomBytes, sign, X509Certificate } from "node:crypto";
import { isIP } from "node:net";
import * as der from "./der.ts";

export interface ServerCertificate {
  /** PEM. It is its own authority, so a client trusts it by naming it as CA. */
  readonly certificate: string;
  /** PEM, PKCS #8. */
  readonly privateKey: string;
}

/** For the given names and IP addresses, valid from five minutes ago for `days` days. */
export function selfSignedCertificate(hosts: readonly string[], days = 30): ServerCertificate {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const publicKeyInfo = publicKey.export({ type: "spki", format: "der" });
  const name = distinguishedName(hosts[0] ?? "localhost");
  const now = Date.now();
  const body = der.sequence(
    der.explicit(0, der.integer(Buffer.of(2))),
    der.integer(Buffer.concat([Buffer.of(1), randomBytes(15)])),
    ECDSA_WITH_SHA256,
    name,
    der.sequence(der.time(new Date(now - 5 * 60_000)), der.time(new Date(now + days * 86_400_000))),
    name,
    publicKeyInfo,
    der.explicit(3, extensions(hosts, createHash("sha1").update(publicKeyInfo).digest())),
  );
  const certificate = der.sequence(body, ECDSA_WITH_SHA256, der.bits(sign("sha256", body, privateKey)));
  return {
    certificate: new X509Certificate(certificate).toString(),
    privateKey: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
  };
}

const ECDSA_WITH_SHA256 = der.sequence(der.oid("1.2.840.10045.4.3.2"));

function distinguishedName(commonName: string): Buffer {
  return der.sequence(der.set(der.sequence(der.oid("2.5.4.3"), der.utf8(commonName))));
}

function extensions(hosts: readonly string[], keyId: Buffer): Buffer {
  const digitalSignatureAndCertSign = der.bits(Buffer.of(0x84), 2);
  return der.sequence(
    extension("2.5.29.14", false, der.octets(keyId)),
    extension("2.5.29.19", true, der.sequence(der.boolean(true))),
    extension("2.5.29.15", true, digitalSignatureAndCertSign),
    extension("2.5.29.37", false, der.sequence(der.oid("1.3.6.1.5.5.7.3.1"))),
    extension("2.5.29.17", false, der.sequence(...hosts.map(alternativeName))),
  );
}

function extension(id: string, critical: boolean, value: Buffer): Buffer {
  return der.sequence(der.oid(id), ...(critical ? [der.boolean(true)] : []), der.octets(value));
}

function alternativeName(host: string): Buffer {
  if (isIP(host) === 4) return der.implicit(7, Buffer.from(host.split(".").map(Number)));
  if (isIP(host) === 6) throw new Error(`an IPv6 address is not supported in a certificate: ${host}`);
  return der.implicit(2, Buffer.from(host));
}
