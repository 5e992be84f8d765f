/** Sprig's random text. */
import type { CallContext, TemplateFunction } from "../../go/function.ts";
import { fail } from "../../go/values.ts";
import { encodeBase64, hexOf, STANDARD } from "../encoding.ts";
import { S, sprig } from "./define.ts";

const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const DIGITS = "0123456789";
const MAX_LENGTH = 1_000_000n;

export const SPRIG_RANDOM: readonly TemplateFunction[] = [
  sprig("randAlphaNum", ["int"], ([length], context) => pick(LETTERS + DIGITS, length, context)),
  sprig("randAlpha", ["int"], ([length], context) => pick(LETTERS, length, context)),
  sprig("randNumeric", ["int"], ([length], context) => pick(DIGITS, length, context)),
  sprig("randAscii", ["int"], ([length], context) => pick(printableAscii(), length, context)),
  sprig("randBytes", ["int"], ([length], { session }) => encodeBase64(session.host.random(bounded(length)), STANDARD)),
  sprig("shuffle", [S], ([text], { session }) => shuffle([...text], session.host.random(4 * text.length)).join("")),
  sprig("uuidv4", [], (_, { session }) => uuid(session.host.random(16))),
];

/** Bytes that would favour some characters are thrown away. */
function pick(alphabet: string, length: bigint, { session }: CallContext): string {
  const wanted = bounded(length);
  const limit = 256 - (256 % alphabet.length);
  let text = "";
  while (text.length < wanted) {
    for (const byte of session.host.random(wanted - text.length))
      if (byte < limit) text += alphabet[byte % alphabet.length];
  }
  return text;
}

function bounded(length: bigint): number {
  if (length < 0n || length > MAX_LENGTH) fail(`length must be from 0 to ${MAX_LENGTH}`);
  return Number(length);
}

function shuffle(items: string[], bytes: Uint8Array): string[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  for (let i = items.length - 1; i > 0; i--) {
    const j = view.getUint32(4 * i) % (i + 1);
    [items[i], items[j]] = [items[j]!, items[i]!];
  }
  return items;
}

function uuid(bytes: Uint8Array): string {
  const set = Uint8Array.from(bytes, (byte, i) =>
    i === 6 ? (byte & 0x0f) | 0x40 : i === 8 ? (byte & 0x3f) | 0x80 : byte,
  );
  return hexOf(set).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

function printableAscii(): string {
  return String.fromCharCode(...Array.from({ length: 95 }, (_, i) => 32 + i));
}
