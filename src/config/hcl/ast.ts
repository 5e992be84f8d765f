/**
 * What a configuration text says, whether it was HCL or JSON: items of keys and a value, each with its place. An item
 * has several keys when it is a labelled block: `sink "file" { … }` has the keys `sink` and `file`.
 */

/** Both count from 1; the column counts characters. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

export interface Key {
  readonly text: string;
  readonly position: Position;
}

export interface Item {
  readonly keys: readonly Key[];
  readonly value: Value;
}

export interface ObjectValue {
  readonly kind: "object";
  readonly items: readonly Item[];
  readonly position: Position;
}

export interface ListValue {
  readonly kind: "list";
  readonly elements: readonly Value[];
  readonly position: Position;
}

/** A number keeps its spelling, because octal and hexadecimal ones are read by the key that wants them. */
export type ScalarValue = { readonly position: Position } & (
  | { readonly kind: "string"; readonly text: string }
  | { readonly kind: "integer"; readonly text: string }
  | { readonly kind: "float"; readonly text: string }
  | { readonly kind: "bool"; readonly value: boolean }
  | { readonly kind: "null" }
);

export type Value = ObjectValue | ListValue | ScalarValue;

/** The deepest nesting that is read; more is garbage or an attack. */
export const MAX_DEPTH = 500;

/** The text is not HCL or JSON, and this is where it stops being so. */
export class SyntaxFault extends Error {
  readonly position: Position;
  readonly hint: string | undefined;

  constructor(position: Position, message: string, hint?: string) {
    super(message);
    this.name = "SyntaxFault";
    this.position = position;
    this.hint = hint;
  }
}
