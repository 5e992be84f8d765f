/** Sprig's ciphers and password hashes. What it draws by chance stays the same as long as a template asks for the same. */
import type { CallContext, TemplateFunction } from "../../go/function.ts";
import { decodeText, encodeText, joined } from "../../go/text.ts";
import { fail } from "../../go/values.ts";
import type { KeyKind } from "../../template.ts";
import { decodeBase64, encodeBase64, STANDARD } from "../encoding.ts";
import { formatKey } from "../x509/key.ts";
import { S, sprig } from "./define.ts";
import { CHARACTERS, PATTERNS } from "./password-patterns.ts";

export const SPRIG_CRYPTOGRAPHY: readonly TemplateFunction[] = [
  sprig("bcrypt", [S], ([text], context) => bcrypt(text, context)),
  sprig("htpasswd", [S, S], ([user, password], context) =>
    user.includes(":") ? `invalid username: ${user}` : `${user}:${bcrypt(password, context)}`,
  ),
  sprig("derivePassword", ["int", S, S, S, S], ([counter, type, password, user, site], context) =>
    derivePassword(counter, type, { password, user, site }, context),
  ),
  sprig("encryptAES", [S, S], ([password, text], context) => encryptAes(password, text, context)),
  sprig("decryptAES", [S, S], ([password, text], context) => decryptAes(password, text, context)),
  sprig("genPrivateKey", [S], ([type], { session }) => {
    const kind = KEY_KINDS.get(type);
    if (kind === undefined) return `Unknown type ${type}`;
    const { cryptography } = session.host;
    return session.later({ name: "sprig_genPrivateKey", args: [type], each: true }, async () =>
      formatKey(cryptography.readKey(await cryptography.makeKey(kind))),
    );
  }),
];

const KEY_KINDS: ReadonlyMap<string, KeyKind> = new Map([
  ["", "rsa-4096"],
  ["rsa", "rsa-4096"],
  ["dsa", "dsa"],
  ["ecdsa", "ecdsa"],
  ["ed25519", "ed25519"],
]);

/** As much as bcrypt takes in. */
const LONGEST_PASSWORD = 72;

function bcrypt(text: string, { session }: CallContext): string {
  const bytes = encodeText(text);
  if (bytes.length > LONGEST_PASSWORD)
    return "failed to encrypt string with bcrypt: bcrypt: password length exceeds 72 bytes";
  const call = { name: "sprig_bcrypt", args: [text], each: true };
  return session.later(call, () => session.host.cryptography.bcrypt(bytes));
}

interface PasswordFor {
  readonly password: string;
  readonly user: string;
  readonly site: string;
}

const SEED = "com.lyndir.masterpassword";

/** The algorithm of Master Password. */
function derivePassword(counter: bigint, type: string, of: PasswordFor, { session }: CallContext): string {
  const { host } = session;
  if (counter < 0n || counter > 0xffffffffn) fail(`${counter} overflows uint32`);
  const patterns = Object.hasOwn(PATTERNS, type) ? PATTERNS[type]! : undefined;
  if (patterns === undefined) return `cannot find password template ${type}`;
  const user = encodeText(of.user);
  const site = encodeText(of.site);
  const seed = encodeText(SEED);
  const key = session.later({ name: "sprig_derivePassword", args: [of.password, of.user] }, () =>
    host.cryptography.scrypt(encodeText(of.password), joined(seed, uint32(user.length), user)),
  );
  const hash = host.hmac("sha256", key, joined(seed, uint32(site.length), site, uint32(Number(counter))));
  const pattern = patterns[hash[0]! % patterns.length]!;
  return [...pattern].map((kind, i) => pick(CHARACTERS[kind]!, hash[i + 1]!)).join("");
}

function pick(characters: string, byte: number): string {
  return characters[byte % characters.length]!;
}

function uint32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value);
  return bytes;
}

const BLOCK = 16;

function encryptAes(password: string, text: string, { session }: CallContext): string {
  if (text === "") return "";
  const { host } = session;
  return session.once({ name: "sprig_encryptAES", args: [password, text], each: true }, () => {
    const content = encodeText(text);
    const padding = BLOCK - (content.length % BLOCK);
    const padded = joined(content, new Uint8Array(padding).fill(padding));
    const iv = host.random(BLOCK);
    return encodeBase64(joined(iv, host.cryptography.aes("encrypt", aesKey(password), iv, padded)), STANDARD);
  });
}

function decryptAes(password: string, text: string, { session }: CallContext): string {
  if (text === "") return "";
  const bytes = decodeBase64(text, STANDARD);
  if (bytes.length <= BLOCK || bytes.length % BLOCK !== 0) fail("the ciphertext is not made of whole blocks");
  const iv = bytes.subarray(0, BLOCK);
  const padded = session.host.cryptography.aes("decrypt", aesKey(password), iv, bytes.subarray(BLOCK));
  const padding = padded.at(-1)!;
  if (padding > padded.length) fail("the ciphertext was not made with this password");
  return decodeText(padded.subarray(0, padded.length - padding));
}

/** 32 bytes of the password, with zeros behind a shorter one. */
function aesKey(password: string): Uint8Array {
  const key = new Uint8Array(32);
  key.set(encodeText(password).subarray(0, 32));
  return key;
}
