/** What template functions have of Node's cryptography. It is loaded by the first that asks: few templates do. */
import type * as crypto from "node:crypto";
import { createRequire } from "node:module";
import { promisify } from "node:util";
import type { Cryptography, KeyKind, PrivateKey } from "../render/template.ts";

export function createCryptography(): Cryptography {
  return {
    aes(way, key, iv, data) {
      const { createCipheriv, createDecipheriv } = nodeCrypto();
      const cipher = (way === "encrypt" ? createCipheriv : createDecipheriv)("aes-256-cbc", key, iv);
      cipher.setAutoPadding(false);
      return Buffer.concat([cipher.update(data), cipher.final()]);
    },
    async bcrypt(text) {
      const { genSalt, hash } = (await import("bcryptjs")).default;
      // As Go writes it: the same algorithm under its older name.
      const salt = (await genSalt(BCRYPT_COST)).replace(/^\$2b/, "$2a");
      return hash(Buffer.from(text).toString("utf8"), salt);
    },
    scrypt(password, salt) {
      const { scrypt } = nodeCrypto();
      const cost = { N: 32_768, r: 8, p: 2, maxmem: 64 * 1024 * 1024 };
      return new Promise((resolve, reject) => {
        scrypt(password, salt, 64, cost, (error, key) => (error ? reject(error) : resolve(key)));
      });
    },
    async makeKey(kind) {
      const { privateKey } = await promisifiedKeyPair(kind);
      return privateKey.export({ type: "pkcs8", format: "pem" }).toString();
    },
    readKey: (pem) => describeKey(nodeCrypto().createPrivateKey(pem)),
    sign(pem, data) {
      const key = nodeCrypto().createPrivateKey(pem);
      const curve = key.asymmetricKeyDetails?.namedCurve;
      const hash = key.asymmetricKeyType === "ed25519" ? null : (CURVE_HASHES.get(curve ?? "") ?? "sha256");
      return nodeCrypto().sign(hash, data, key);
    },
  };
}

/** Go's default. */
const BCRYPT_COST = 10;

const CURVE_HASHES: ReadonlyMap<string, string> = new Map([
  ["secp384r1", "sha384"],
  ["secp521r1", "sha512"],
]);

const CURVE_NAMES: ReadonlyMap<string, string> = new Map([
  ["prime256v1", "P-256"],
  ["secp384r1", "P-384"],
  ["secp521r1", "P-521"],
]);

function promisifiedKeyPair(kind: KeyKind): Promise<crypto.KeyPairKeyObjectResult> {
  const make = promisify(nodeCrypto().generateKeyPair);
  switch (kind) {
    case "rsa-2048":
      return make("rsa", { modulusLength: 2048 });
    case "rsa-4096":
      return make("rsa", { modulusLength: 4096 });
    case "dsa":
      return make("dsa", { modulusLength: 2048, divisorLength: 256 });
    case "ecdsa":
      return make("ec", { namedCurve: "P-256" });
    case "ed25519":
      return make("ed25519", {});
  }
}

function describeKey(key: crypto.KeyObject): PrivateKey {
  const { asymmetricKeyType = "unknown", asymmetricKeyDetails } = key;
  const curve = asymmetricKeyDetails?.namedCurve ?? "";
  const own = asymmetricKeyType === "rsa" ? "pkcs1" : asymmetricKeyType === "ec" ? "sec1" : undefined;
  return {
    type: asymmetricKeyType === "ec" ? `ec ${CURVE_NAMES.get(curve) ?? curve}` : asymmetricKeyType,
    pkcs8: key.export({ type: "pkcs8", format: "der" }),
    own: own === undefined ? undefined : key.export({ type: own, format: "der" }),
    publicKey: nodeCrypto().createPublicKey(key).export({ type: "spki", format: "der" }),
  };
}

function nodeCrypto(): typeof crypto {
  return createRequire(import.meta.url)("node:crypto");
}
