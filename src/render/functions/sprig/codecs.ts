/** Base32 and Adler-32. */
import { fail } from "../../go/values.ts";

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

export function encodeBase32(bytes: Uint8Array): string {
  let out = "";
  for (let at = 0; at < bytes.length; at += 5) {
    const group = Array.from({ length: 5 }, (_, i) => bytes[at + i] ?? 0).reduce(
      (sum, byte) => sum * 256n + BigInt(byte),
      0n,
    );
    const shown = Math.ceil((Math.min(5, bytes.length - at) * 8) / 5);
    for (let i = 0; i < shown; i++) out += ALPHABET[Number((group >> BigInt(35 - 5 * i)) & 31n)];
    out += "=".repeat(8 - shown);
  }
  return out;
}

export function decodeBase32(text: string): Uint8Array {
  const clean = text.replace(/[\r\n]/g, "");
  const digits = clean.replace(/=+$/, "");
  const bad = [...digits].findIndex((digit) => !ALPHABET.includes(digit));
  if (bad >= 0) fail(`illegal base32 data at input byte ${bad}`);
  if (clean.length % 8 !== 0 || [1, 3, 6].includes(digits.length % 8))
    fail(`illegal base32 data at input byte ${digits.length}`);
  const bytes: number[] = [];
  let bits = 0;
  let value = 0;
  for (const digit of digits) {
    value = ((value << 5) | ALPHABET.indexOf(digit)) & 0xfff;
    bits += 5;
    if (bits >= 8) {
      bits -= 8;
      bytes.push((value >> bits) & 255);
    }
  }
  return Uint8Array.from(bytes);
}

export function adler32(bytes: Uint8Array): number {
  let a = 1;
  let b = 0;
  for (const byte of bytes) {
    a = (a + byte) % 65521;
    b = (b + a) % 65521;
  }
  return b * 65536 + a;
}
