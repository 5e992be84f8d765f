/**
 * The token for one reader only: X25519 between a key pair made for this one message and the reader's public key,
 * AES-256-GCM under what they share. The reader takes our public key from the message.
 */
import {
  createCipheriv,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  hkdfSync,
  type KeyObject,
  randomBytes,
} from "node:crypto";
import { LesseeError } from "../errors.ts";

const KEY_LENGTH = 32;
const NONCE_LENGTH = 12;

export interface EnvelopeOptions {
  /** The key is derived from the shared secret and both public keys; else the shared secret is the key. */
  readonly deriveKey: boolean;
  /** Authenticated with the message, and not in it. */
  readonly aad: string;
}

/** The message as JSON, every part of it base64. @throws LesseeError for a public key that no secret can be shared with. */
export function sealFor(readersKey: Uint8Array, plaintext: string, { aad, deriveKey }: EnvelopeOptions): string {
  const pair = generateKeyPairSync("x25519");
  const ours = rawKey(pair.publicKey);
  const shared = agree(pair.privateKey, readersKey);
  const nonce = randomBytes(NONCE_LENGTH);
  const cipher = createCipheriv("aes-256-gcm", deriveKey ? derive(shared, ours, readersKey) : shared, nonce);
  cipher.setAAD(Buffer.from(aad));
  const sealed = Buffer.concat([cipher.update(plaintext, "utf8"), cipher.final(), cipher.getAuthTag()]);
  const message = {
    curve25519_public_key: ours.toString("base64"),
    nonce: nonce.toString("base64"),
    encrypted_payload: sealed.toString("base64"),
  };
  return `${JSON.stringify(message)}\n`;
}

/** What a reader puts into the file of `dh_path`. @throws LesseeError for anything else. */
export function readersKeyFrom(text: string, path: string): Uint8Array {
  let key: Buffer | undefined;
  try {
    const encoded: unknown = JSON.parse(text).curve25519_public_key;
    if (typeof encoded === "string") key = Buffer.from(encoded, "base64");
  } catch {
    // Said below.
  }
  if (key?.length === KEY_LENGTH) return key;
  throw new LesseeError("sink", `dh_path: there is no public key in ${path}`, {
    hint: '{"curve25519_public_key": "…"} with the 32 bytes of the key in base64',
  });
}

// ---- internal ----

function agree(privateKey: KeyObject, readersKey: Uint8Array): Buffer {
  const jwk = { kty: "OKP", crv: "X25519", x: Buffer.from(readersKey).toString("base64url") };
  try {
    return diffieHellman({ privateKey, publicKey: createPublicKey({ key: jwk, format: "jwk" }) });
  } catch (error) {
    throw new LesseeError("sink", "dh_path: no secret can be shared with the public key in it", { cause: error });
  }
}

/** Both sides have to come to the same: the smaller public key, byte by byte, is the salt and the other one the info. */
function derive(shared: Buffer, ours: Buffer, theirs: Uint8Array): Buffer {
  const [salt, info] = [ours, theirs].sort(Buffer.compare) as [Uint8Array, Uint8Array];
  return Buffer.from(hkdfSync("sha256", shared, salt, info, KEY_LENGTH));
}

function rawKey(key: KeyObject): Buffer {
  return Buffer.from(key.export({ format: "jwk" }).x!, "base64url");
}
