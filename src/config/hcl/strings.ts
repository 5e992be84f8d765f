/** What a quoted string and a heredoc stand for. */

const SIMPLE_ESCAPES: Readonly<Record<string, string>> = {
  a: "\x07",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
  "\\": "\\",
  '"': '"',
};

const CODED_ESCAPE = /\\(?:([0-7]{3})|x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8}))/y;

/** The text of an HCL string without its quotes. What stands in `${ … }` is passed through as it is. */
export function unquote(raw: string, fail: (message: string) => never): string {
  let text = "";
  for (let at = 0; at < raw.length; ) {
    if (raw.startsWith("${", at)) {
      const end = endOfInterpolation(raw, at);
      if (end === -1) fail("literal not terminated");
      text += raw.slice(at, end);
      at = end;
    } else if (raw[at] === "\\") {
      const sequence = readEscape(raw, at) ?? fail("illegal char escape");
      text += sequence.text;
      at += sequence.length;
    } else {
      text += raw[at++];
    }
  }
  return text;
}

/**
 * The escape sequence at `at`: Go's, which JSON strings here have too. A surrogate pair stands for its character; half
 * of one, and anything unknown, is undefined.
 */
export function readEscape(raw: string, at: number): { readonly text: string; readonly length: number } | undefined {
  const simple = SIMPLE_ESCAPES[raw[at + 1] ?? ""];
  if (simple !== undefined) return { text: simple, length: 2 };
  const code = readCode(raw, at);
  if (!code) return undefined;
  if (code.value >= 0xdc00 && code.value <= 0xdfff) return undefined;
  if (code.value >= 0xd800 && code.value <= 0xdbff) {
    const low = readCode(raw, at + code.length);
    if (!low || low.value < 0xdc00 || low.value > 0xdfff) return undefined;
    return { text: String.fromCharCode(code.value, low.value), length: code.length + low.length };
  }
  return code.value > 0x10ffff ? undefined : { text: String.fromCodePoint(code.value), length: code.length };
}

/**
 * `<<-EOT`: the terminator's indentation is taken from every line, but only if every line has it; a line that lies
 * further left keeps all of them where they are.
 */
export function unindent(body: string, indent: string): string {
  const lines = body.split("\n");
  const last = lines.pop();
  if (last !== "" || !lines.every((line) => line.startsWith(indent))) return body;
  return lines.map((line) => `${line.slice(indent.length)}\n`).join("");
}

function readCode(raw: string, at: number): { readonly value: number; readonly length: number } | undefined {
  CODED_ESCAPE.lastIndex = at;
  const match = CODED_ESCAPE.exec(raw);
  if (!match) return undefined;
  const [sequence, octal, ...hexadecimal] = match;
  const value = octal ? Number.parseInt(octal, 8) : Number.parseInt(hexadecimal.find(Boolean) as string, 16);
  return { value, length: sequence.length };
}

function endOfInterpolation(raw: string, start: number): number {
  let braces = 1;
  for (let at = start + 2; at < raw.length; at++) {
    if (raw[at] === "{") braces++;
    else if (raw[at] === "}" && --braces === 0) return at + 1;
  }
  return -1;
}
