/** Texts in YAML: which of its five styles, and how each is written. */

export type Style = "plain" | "single" | "double" | "literal";

/** As yaml.v2 decides; `ambiguous` is a text that would be read as another type. */
export function chooseStyle(text: string, ambiguous: boolean, isKey: boolean): Style {
  const allowed = analyze(text);
  if (text.includes("\n")) return allowed.block && !isKey ? "literal" : "double";
  if (ambiguous) return "double";
  if (allowed.plain && !(text === "" && isKey)) return "plain";
  return allowed.single ? "single" : "double";
}

/** Lines are broken at the first space beyond this column. */
const WIDTH = 80;

const ESCAPES: Readonly<Record<string, string>> = {
  "\0": "\\0",
  "\x07": "\\a",
  "\b": "\\b",
  "\t": "\\t",
  "\n": "\\n",
  "\v": "\\v",
  "\f": "\\f",
  "\r": "\\r",
  "\x1b": "\\e",
  '"': '\\"',
  "\\": "\\\\",
  "\x85": "\\N",
  "\xa0": "\\_",
  "\u2028": "\\L",
  "\u2029": "\\P",
};

export class ScalarWriter {
  text = "";
  #column = 0;

  write(text: string): void {
    this.text += text;
    this.#column += [...text].length;
  }

  newline(indent: number): void {
    this.text += `\n${" ".repeat(Math.max(0, indent))}`;
    this.#column = Math.max(0, indent);
  }

  scalar(text: string, style: Style, indent: number, mayBreak: boolean): void {
    if (style === "literal") this.#literal(text, indent);
    else if (style === "double") this.#double(text, indent, mayBreak);
    else if (style === "plain") this.#folded(text, indent, mayBreak, { first: 0, escape: (character) => character });
    else {
      this.write("'");
      this.#folded(text, indent, mayBreak, {
        first: 1,
        escape: (character) => (character === "'" ? "''" : character),
      });
      this.write("'");
    }
  }

  /** A line is broken in place of a single space. */
  #folded(
    text: string,
    indent: number,
    mayBreak: boolean,
    rule: { first: number; escape(character: string): string },
  ): void {
    const characters = [...text];
    let spaces = false;
    characters.forEach((character, i) => {
      const inside = rule.first === 0 || (i > 0 && i < characters.length - 1);
      const breakable =
        character === " " && mayBreak && !spaces && this.#column > WIDTH && inside && characters[i + 1] !== " ";
      if (breakable) this.newline(indent);
      else this.write(rule.escape(character));
      spaces = character === " ";
    });
  }

  #double(text: string, indent: number, mayBreak: boolean): void {
    this.write('"');
    const characters = [...text];
    let spaces = false;
    characters.forEach((character, i) => {
      const inside = i > 0 && i < characters.length - 1;
      if (character === " " && mayBreak && !spaces && this.#column > WIDTH && inside) {
        this.newline(indent);
        if (characters[i + 1] === " ") this.write("\\");
      } else this.write(escapeDouble(character));
      spaces = character === " ";
    });
    this.write('"');
  }

  #literal(text: string, indent: number): void {
    const hint = /^[ \n]/.test(text) ? "2" : "";
    const chomp = text.endsWith("\n") ? (/^\n$|\n\n$/.test(text) ? "+" : "") : "-";
    this.write(`|${hint}${chomp}`);
    for (const line of text.replace(/\n$/, "").split("\n")) {
      this.newline(line === "" ? 0 : indent);
      this.write(line);
    }
  }
}

function escapeDouble(character: string): string {
  const short = ESCAPES[character];
  const code = character.codePointAt(0)!;
  // What is printable stands for itself, the no-break space too.
  if (isPrintable(code) && character !== '"' && character !== "\\" && !isBreak(code)) return character;
  if (short !== undefined) return short;
  const hex = code.toString(16).toUpperCase();
  if (code <= 0xff) return `\\x${hex.padStart(2, "0")}`;
  return code <= 0xffff ? `\\u${hex.padStart(4, "0")}` : `\\U${hex.padStart(8, "0")}`;
}

/** Which styles can carry the text at all. */
function analyze(text: string): { plain: boolean; single: boolean; block: boolean } {
  if (text === "") return { plain: true, single: true, block: false };
  const codes = [...text].map((character) => character.codePointAt(0)!);
  const special = codes.some((code) => !isPrintable(code));
  const broken = codes.some(isBreak);
  const indicators =
    /^(?:---|\.\.\.)/.test(text) ||
    /^[#,[\]{}&*!|>'"%@`]/.test(text) ||
    /^[?:-](?:[ \t]|$)/.test(text) ||
    /:(?:[ \t]|$)/.test(text.slice(1)) ||
    /[ \t\n\r\x85\u2028\u2029]#/.test(text);
  const edges = /^[ \n]|[ \n]$/.test(text);
  const spaceBeforeBreak = / [\n\r\x85\u2028\u2029]/.test(text);
  const breakBeforeSpace = /[\n\r\x85\u2028\u2029] /.test(text);
  return {
    plain: !(special || broken || indicators || edges || spaceBeforeBreak || breakBeforeSpace),
    single: !(special || spaceBeforeBreak || breakBeforeSpace || broken),
    block: !(special || spaceBeforeBreak || text.endsWith(" ")),
  };
}

/** By yaml.v2's table, which has neither the tab nor anything beyond the basic plane. */
function isPrintable(code: number): boolean {
  if (code === 0x0a || (code >= 0x20 && code <= 0x7e)) return true;
  if (code < 0xa0 || code > 0xfffd) return false;
  return !(code >= 0xd800 && code < 0xe000) && code !== 0xfeff;
}

function isBreak(code: number): boolean {
  return code === 0x0a || code === 0x0d || code === 0x85 || code === 0x2028 || code === 0x2029;
}
