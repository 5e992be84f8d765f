/** The bytes of a configuration file → tree. */
import { type ObjectValue, SyntaxFault } from "./ast.ts";
import { parseJsonConfig } from "./json.ts";
import { parseHcl } from "./parser.ts";

export interface Document {
  readonly syntax: "hcl" | "json";
  readonly root: ObjectValue;
}

/** HCL or JSON, told apart by the content: JSON begins with a brace. Throws SyntaxFault. */
export function parseDocument(bytes: Uint8Array): Document {
  const text = decode(bytes).replaceAll("\r\n", "\n");
  const nothing = text.indexOf("\0");
  if (nothing !== -1) {
    const before = text.slice(0, nothing).split("\n");
    const position = { line: before.length, column: before.at(-1)!.length + 1 };
    throw new SyntaxFault(position, "unexpected null character (0x00)");
  }
  return text.trimStart().startsWith("{") && !text.startsWith(BYTE_ORDER_MARK)
    ? { syntax: "json", root: parseJsonConfig(text) }
    : { syntax: "hcl", root: parseHcl(text) };
}

const BYTE_ORDER_MARK = "\ufeff";

/** Strict UTF-8. A byte order mark stays in the text, where the parsers refuse it as Vault Agent's do. */
function decode(bytes: Uint8Array): string {
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  try {
    return decoder.decode(bytes);
  } catch {
    throw new SyntaxFault({ line: firstInvalidLine(bytes, decoder), column: 1 }, "illegal UTF-8 encoding");
  }
}

/** A newline is never part of a longer UTF-8 sequence, so lines can be tried one by one. */
function firstInvalidLine(bytes: Uint8Array, decoder: { decode(bytes: Uint8Array): string }): number {
  for (let line = 1, start = 0; ; line++) {
    const newline = bytes.indexOf(10, start);
    const end = newline === -1 ? bytes.length : newline;
    try {
      decoder.decode(bytes.subarray(start, end));
    } catch {
      return line;
    }
    if (newline === -1) return line;
    start = newline + 1;
  }
}
