/** PEM as Go writes and reads it: lines of 64 characters, a line break at the end, and whatever stands around skipped. */
import { decodeBase64, encodeBase64, STANDARD } from "../encoding.ts";
import type { Bytes } from "./der.ts";

export interface PemBlock {
  readonly type: string;
  readonly bytes: Bytes;
}

export function writePem({ type, bytes }: PemBlock): string {
  const lines = encodeBase64(bytes, STANDARD).match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${type}-----\n${lines.join("\n")}\n-----END ${type}-----\n`;
}

/** The first block; undefined where there is none. */
export function readPem(text: string): PemBlock | undefined {
  const found = /-----BEGIN ([^\n-]+)-----\n([\s\S]*?)\n?-----END \1-----/.exec(text);
  if (found === null) return undefined;
  const [, type = "", body = ""] = found;
  try {
    // Headers, as those of encrypted keys, end with an empty line.
    const base64 = body.slice(/:/.test(body) ? body.lastIndexOf("\n\n") + 2 : 0);
    return { type, bytes: decodeBase64(base64.replace(/\s/g, ""), STANDARD) };
  } catch {
    return undefined;
  }
}
