/**
 * A reader of encrypted sinks, written from Vault's documentation of auto-auth: it publishes a Curve25519 key, and opens
 * what comes with AES-256-GCM under the shared secret, or under the key that HKDF-SHA256 makes of it and both public keys.
 */
import { createDecipheriv, createPublicKey, diffieHellman, generateKeyPairSync, hkdfSync } from "node:crypto";

export interface Reader {
  /** For the file of `dh_path`. */
  readonly published: string;
  open(envelope: string, options: { readonly derived: boolean; readonly aad?: string }): string;
}

export function createReader(): Reader {
  const { privateKey, publicKey } = generateKeyPairSync("x25519");
  const own = Buffer.from(publicKey.export({ format: "jwk" }).x!, "base64url");
  return {
    published: JSON.stringify({ curve25519_public_key: own.toString("base64") }),
    open(envelope, { derived, aad = "" }) {
      const fields = JSON.parse(envelope) as Record<string, string>;
      const bytes = (name: string) => Buffer.from(fields[name]!, "base64");
      const theirs = bytes("curve25519_public_key");
      const jwk = { kty: "OKP", crv: "X25519", x: theirs.toString("base64url") };
      const shared = diffieHellman({ privateKey, publicKey: createPublicKey({ key: jwk, format: "jwk" }) });
      const [first, second] = Buffer.compare(own, theirs) < 0 ? [own, theirs] : [theirs, own];
      const key = derived ? Buffer.from(hkdfSync("sha256", shared, first, second, 32)) : shared;
      const sealed = bytes("encrypted_payload");
      const cipher = createDecipheriv("aes-256-gcm", key, bytes("nonce"));
      cipher.setAAD(Buffer.from(aad));
      cipher.setAuthTag(sealed.subarray(-16));
      return Buffer.concat([cipher.update(sealed.subarray(0, -16)), cipher.final()]).toString("utf8");
    },
  };
}
