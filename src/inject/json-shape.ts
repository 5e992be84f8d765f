/** How deep and how wide a text in JSON is, before anybody reads it: what it becomes in memory is many times as large. */

export interface Shape {
  /** Of the innermost list or object. */
  readonly depth: number;
  /** Lists and objects in all. */
  readonly containers: number;
}

/** Of a text that is no JSON, some answer. */
export function shapeOf(text: string): Shape {
  let depth = 0;
  let deepest = 0;
  let containers = 0;
  for (let at = 0; at < text.length; at++) {
    switch (text.charCodeAt(at)) {
      case QUOTE:
        at = endOfString(text, at + 1);
        break;
      case BRACE:
      case BRACKET:
        containers++;
        deepest = Math.max(deepest, ++depth);
        break;
      case CLOSING_BRACE:
      case CLOSING_BRACKET:
        depth--;
    }
  }
  return { depth: deepest, containers };
}

// ---- internal ----

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const BRACE = 0x7b;
const CLOSING_BRACE = 0x7d;
const BRACKET = 0x5b;
const CLOSING_BRACKET = 0x5d;

function endOfString(text: string, from: number): number {
  for (let at = from; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) return at;
    if (code === BACKSLASH) at++;
  }
  return text.length;
}
