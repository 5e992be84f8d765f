/** HTML in which every inserted text is escaped; only what was made by this tag goes in as it is. */

export interface Html {
  readonly text: string;
}

/** Numbers and strings are escaped, pieces of HTML are not. */
export function html(literals: TemplateStringsArray, ...values: readonly (string | number | Html)[]): Html {
  return { text: literals.reduce((made, literal, i) => made + piece(values[i - 1] ?? "") + literal) };
}

export function joined(pieces: readonly Html[]): Html {
  return { text: pieces.map(({ text }) => text).join("") };
}

function piece(value: string | number | Html): string {
  return typeof value === "object"
    ? value.text
    : String(value).replace(/[&<>"'\u0000]/g, (c) => `&#${c.charCodeAt(0) || 65_533};`);
}
