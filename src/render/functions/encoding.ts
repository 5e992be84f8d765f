/** Base64, hashes and percent encoding. */
import { define, type TemplateFunction } from "../go/function.ts";
import { byteLength, decodeText, encodeText } from "../go/text.ts";
import { fail } from "../go/values.ts";

const S = "string";

export const ENCODING_FUNCTIONS: readonly TemplateFunction[] = [
  define("base64Decode", [S], ([text]) => decodeText(decodeBase64(text, STANDARD, "base64Decode: "))),
  define("base64Encode", [S], ([text]) => encodeBase64(encodeText(text), STANDARD)),
  define("base64URLDecode", [S], ([text]) => decodeText(decodeBase64(text, URL_SAFE, "base64URLDecode: "))),
  define("base64URLEncode", [S], ([text]) => encodeBase64(encodeText(text), URL_SAFE)),
  define("sha256Hex", [S], ([text], { session }) => hexOf(session.host.hash("sha256", encodeText(text)))),
  define("md5sum", [S], ([text], { session }) => hexOf(session.host.hash("md5", encodeText(text)))),
  define("hmacSHA256Hex", [S, S], ([message, key], { session }) =>
    hexOf(session.host.hmac("sha256", encodeText(key), encodeText(message))),
  ),
];

export const STANDARD = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
export const URL_SAFE = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

export function hexOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export function encodeBase64(bytes: Uint8Array, alphabet: string): string {
  let out = "";
  for (let i = 0; i < bytes.length; i += 3) {
    const group = (bytes[i]! << 16) | ((bytes[i + 1] ?? 0) << 8) | (bytes[i + 2] ?? 0);
    const count = Math.min(3, bytes.length - i) + 1;
    for (let k = 0; k < count; k++) out += alphabet[(group >> (18 - 6 * k)) & 63];
    out += "=".repeat(4 - count);
  }
  return out;
}

/** Line breaks are skipped, as Go does; everything else that does not belong is named with its place. */
export function decodeBase64(text: string, alphabet: string, prefix = ""): Uint8Array {
  const bytes: number[] = [];
  let group = 0;
  let count = 0;
  let at = 0;
  const corrupt = (place: number): never => fail(`${prefix}illegal base64 data at input byte ${place}`);
  const skipBreaks = () => {
    while (text[at] === "\n" || text[at] === "\r") at++;
  };
  for (skipBreaks(); at < text.length && text[at] !== "="; skipBreaks()) {
    const value = alphabet.indexOf(text[at]!);
    if (value < 0) corrupt(byteLength(text.slice(0, at)));
    at++;
    group = ((group << 6) | value) & 0xffffff;
    if (++count % 4 === 0) bytes.push(group >> 16, (group >> 8) & 255, group & 255);
  }
  const left = count % 4;
  if (at === text.length) return left === 0 ? Uint8Array.from(bytes) : corrupt(at - left);
  if (left < 2) corrupt(at);
  at++;
  skipBreaks();
  if (left === 2) {
    if (at === text.length) corrupt(at);
    if (text[at] !== "=") corrupt(at - 1);
    at++;
    skipBreaks();
  }
  if (at < text.length) corrupt(at);
  if (left === 3) bytes.push((group >> 10) & 255, (group >> 2) & 255);
  else bytes.push((group >> 4) & 255);
  return Uint8Array.from(bytes);
}
