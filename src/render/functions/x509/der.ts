/** The few words of DER (X.690) that keys and certificates need. Every function gives one complete element. */
import { joined } from "../../go/text.ts";

export type Bytes = Uint8Array;

const encoder = new TextEncoder();

export function sequence(...parts: readonly Bytes[]): Bytes {
  return element(0x30, joined(...parts));
}

export function set(...parts: readonly Bytes[]): Bytes {
  return element(0x31, joined(...parts));
}

/** A context-specific tag that wraps a whole element, as `[3] EXPLICIT`. */
export function explicit(tag: number, content: Bytes): Bytes {
  return element(0xa0 | tag, content);
}

/** A context-specific tag that replaces the element's own, as `[2] IMPLICIT IA5String`. */
export function implicit(tag: number, content: Bytes): Bytes {
  return element(0x80 | tag, content);
}

/** A positive integer given as big-endian bytes. */
export function integer(bytes: Bytes): Bytes {
  const first = bytes.findIndex((byte) => byte !== 0);
  const trimmed = bytes.subarray(first < 0 ? bytes.length - 1 : first);
  // A leading bit of one would make the number negative.
  return element(0x02, trimmed[0]! & 0x80 ? joined(Uint8Array.of(0), trimmed) : trimmed);
}

export function boolean(value: boolean): Bytes {
  return element(0x01, Uint8Array.of(value ? 0xff : 0));
}

export function octets(content: Bytes): Bytes {
  return element(0x04, content);
}

export function bits(content: Bytes, unused = 0): Bytes {
  return element(0x03, joined(Uint8Array.of(unused), content));
}

export function nothing(): Bytes {
  return element(0x05, new Uint8Array());
}

export function utf8(text: string): Bytes {
  return element(0x0c, encoder.encode(text));
}

export function printable(text: string): Bytes {
  return element(0x13, encoder.encode(text));
}

/** An object identifier in dotted form. */
export function oid(dotted: string): Bytes {
  const [first, second, ...rest] = dotted.split(".").map(Number);
  return element(0x06, Uint8Array.from([first! * 40 + second!, ...rest.flatMap(base128)]));
}

/** UTCTime up to the year 2049, as RFC 5280 wants it. */
export function time(at: Date): Bytes {
  const digits = at.toISOString().replace(/[-:T]|\.\d+/g, "");
  return at.getUTCFullYear() < 2050
    ? element(0x17, encoder.encode(digits.slice(2)))
    : element(0x18, encoder.encode(digits));
}

export interface Element {
  readonly tag: number;
  readonly content: Bytes;
  /** With its tag and length. */
  readonly whole: Bytes;
}

/** The elements that stand one behind the other; throws a RangeError where the bytes are none. */
export function elements(bytes: Bytes): readonly Element[] {
  const found: Element[] = [];
  for (let at = 0; at < bytes.length; ) {
    let length = bytes[at + 1] ?? 0;
    let start = at + 2;
    if (length & 0x80) {
      const size = length & 0x7f;
      length = bytes.subarray(start, start + size).reduce((sum, byte) => sum * 256 + byte, 0);
      start += size;
    }
    const end = start + length;
    if (end > bytes.length || start > bytes.length) throw new RangeError("not DER");
    found.push({ tag: bytes[at]!, content: bytes.subarray(start, end), whole: bytes.subarray(at, end) });
    at = end;
  }
  return found;
}

function base128(value: number): number[] {
  const groups = [value & 0x7f];
  for (let rest = value >>> 7; rest > 0; rest >>>= 7) groups.unshift((rest & 0x7f) | 0x80);
  return groups;
}

function element(tag: number, content: Bytes): Bytes {
  return joined(Uint8Array.of(tag), length(content.length), content);
}

function length(size: number): Bytes {
  if (size < 0x80) return Uint8Array.of(size);
  const bytes: number[] = [];
  for (let rest = size; rest > 0; rest >>>= 8) bytes.unshift(rest & 0xff);
  return Uint8Array.from([0x80 | bytes.length, ...bytes]);
}
