/** Sprig's random text. */
import type { CallContext, TemplateFunction } from "../../go/function.ts";
import { fail } from "../../go/values.ts";
import { encodeBase64, hexOf, STANDARD } from "../encoding.ts";
import { S, sprig } from "./define.ts";

const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const DIGITS = "0123456789";
const MAX_LENGTH = 1_000_000n;

export const SPRIG_RANDOM: readonly TemplateFunction[] = [
  drawn("randAlphaNum", ["int"], ([length], random) => pick(LETTERS + DIGITS, length, random)),
  drawn("randAlpha", ["int"], ([length], random) => pick(LETTERS, length, random)),
  drawn("randNumeric", ["int"], ([length], random) => pick(DIGITS, length, random)),
  drawn("randAscii", ["int"], ([length], random) => pick(printableAscii(), length, random)),
  drawn("randBytes", ["int"], ([length], random) => encodeBase64(random(bounded(length)), STANDARD)),
  drawn("shuffle", [S], ([text], random) => shuffle([...text], random(4 * text.length)).join("")),
  drawn("uuidv4", [], (_, random) => uuid(random(16))),
];

type Draw = CallContext["session"]["host"]["random"];

/** Drawn once for each call of a template: a text that was another one each time would change its file each time. */
function drawn<const P extends readonly ("int" | "string")[]>(
  name: string,
  parameters: P,
  draw: (args: { readonly [I in keyof P]: P[I] extends "int" ? bigint : string }, random: Draw) => string,
): TemplateFunction {
  return sprig(name, parameters, (args, { session }) => {
    const given = args as unknown as Parameters<typeof draw>[0];
    return session.once({ name, args: [...args].map(String), each: true }, () => draw(given, session.host.random));
  });
}

/** Bytes that would favour some characters are thrown away. */
function pick(alphabet: string, length: bigint, random: Draw): string {
  const wanted = bounded(length);
  const limit = 256 - (256 % alphabet.length);
  let text = "";
  while (text.length < wanted) {
    for (const byte of random(wanted - text.length)) if (byte < limit) text += alphabet[byte % alphabet.length];
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
