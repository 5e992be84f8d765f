/** IP addresses from text to bytes, as Go's net.ParseIP. */
import type { Bytes } from "./der.ts";

/** 4 or 16 bytes; undefined for what is no address. */
export function parseAddress(text: string): Bytes | undefined {
  const bytes = text.includes(":") ? parseV6(text) : parseV4(text);
  return bytes === undefined ? undefined : Uint8Array.from(isMapped(bytes) ? bytes.slice(12) : bytes);
}

function parseV4(text: string): number[] | undefined {
  const parts = text.split(".");
  const valid = parts.length === 4 && parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) < 256);
  return valid ? parts.map(Number) : undefined;
}

function parseV6(text: string): number[] | undefined {
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const [head, tail] = halves.map((half) => groups(half));
  if (head === undefined || (halves.length === 2 && tail === undefined)) return undefined;
  const known = head.length + (tail?.length ?? 0);
  if (halves.length === 1 ? known !== 16 : known > 14) return undefined;
  return [...head, ...Array<number>(16 - known).fill(0), ...(tail ?? [])];
}

/** Groups of two bytes; the last may be an address of four. */
function groups(text: string): number[] | undefined {
  if (text === "") return [];
  const bytes: number[] = [];
  const parts = text.split(":");
  for (const [i, part] of parts.entries()) {
    const last = i === parts.length - 1 && part.includes(".") ? parseV4(part) : undefined;
    if (last !== undefined) bytes.push(...last);
    else if (/^[0-9a-fA-F]{1,4}$/.test(part))
      bytes.push(Number.parseInt(part, 16) >> 8, Number.parseInt(part, 16) & 255);
    else return undefined;
  }
  return bytes;
}

function isMapped(bytes: readonly number[]): boolean {
  return (
    bytes.length === 16 && bytes.slice(0, 10).every((byte) => byte === 0) && bytes[10] === 255 && bytes[11] === 255
  );
}
