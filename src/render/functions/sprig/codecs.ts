/** Base32 and Adler-32. */
import { byteLength } from "../../go/text.ts";
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

/** Line breaks are skipped, and nobody looks at what stands behind the padding. */
export function decodeBase32(text: string): Uint8Array {
  const clean = text.replace(/[\r\n]/g, "");
  const { length } = clean;
  const corrupt = (at: number): never => fail(`illegal base32 data at input byte ${at}`);
  const bytes: number[] = [];
  let bits = 0;
  let value = 0;
  for (let at = 0; at < length; at++) {
    const place = at % 8;
    if (clean[at] === "=" && place >= 2 && length - at <= 8) {
      if (length - at + place < 8) corrupt(length);
      const wrong = [...clean.slice(at + 1, at + 8 - place)].findIndex((character) => character !== "=");
      if (wrong >= 0) corrupt(at + wrong);
      if ([1, 3, 6].includes(place)) corrupt(at);
      return Uint8Array.from(bytes);
    }
    const digit = ALPHABET.indexOf(clean[at]!);
    if (digit < 0) corrupt(byteLength(clean.slice(0, at)));
    value = ((value << 5) | digit) & 0xfff;
    bits += 5;
    if (bits < 8) continue;
    bits -= 8;
    bytes.push((value >> bits) & 255);
  }
  return length % 8 === 0 ? Uint8Array.from(bytes) : corrupt(length - (length % 8));
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
