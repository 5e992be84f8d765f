/** Numbers as Go's source code and its strconv package write them. */
import { unquoteCharacter } from "./quote.ts";
import { Complex, type Value } from "./values.ts";

export interface Constant {
  readonly ideal: Value | undefined;
  readonly integer: bigint | undefined;
  readonly float: number | undefined;
}

const INT64_MAX = 2n ** 63n - 1n;
const INT64_MIN = -(2n ** 63n);
const UINT64_MAX = 2n ** 64n - 1n;

/** A number in a template; a string is the error's text. */
export function parseConstant(source: string): Constant | string {
  if (source.endsWith("i")) return parseImaginary(source) ?? `illegal number syntax: "${source}"`;
  const integer = parseInteger(source, 0);
  if (integer !== undefined && integer <= UINT64_MAX) {
    const signed = integer <= INT64_MAX && integer >= INT64_MIN;
    if (signed || integer > 0n) {
      return { ideal: signed ? integer : undefined, integer: signed ? integer : undefined, float: Number(integer) };
    }
  }
  const float = parseFloat64(source);
  if (float === undefined || !Number.isFinite(float)) return `illegal number syntax: "${source}"`;
  if (!/[.eEpP]/.test(source)) return `integer overflow: "${source}"`;
  const whole = Number.isInteger(float) && Math.abs(float) < 2 ** 63;
  return { ideal: float, integer: whole ? BigInt(float) : undefined, float };
}

/** A character in single quotes; a string is the error's text. */
export function parseCharacter(source: string): Constant | string {
  const character = unquoteCharacter(source, 1, "'");
  if (character === undefined) return "invalid syntax";
  if (character.end !== source.length - 1) return `malformed character constant: ${source}`;
  return { ideal: BigInt(character.code), integer: BigInt(character.code), float: character.code };
}

/** `1+2i`; a string is the error's text. */
export function parseComplex(source: string): Constant | string {
  const split = source.search(/(?<=[^eEpP+-])[+-](?=[^+-]*$)/);
  const real = parseFloat64(source.slice(0, split));
  const imaginary = parseFloat64(source.slice(split, -1));
  if (real === undefined || imaginary === undefined) return `illegal number syntax: "${source}"`;
  return { ideal: new Complex(real, imaginary), integer: undefined, float: undefined };
}

/**
 * A whole number in `base`; base 0 lets the prefix decide (0x, 0o, 0b, 0) and allows underscores between digits.
 * Undefined where it is none. Of any size: the caller knows the range of its type.
 */
export function parseInteger(source: string, base: 0 | 10): bigint | undefined {
  const [, sign = "", body = ""] = /^([+-]?)(.*)$/s.exec(source) ?? [];
  if (base === 10) return /^[0-9]+$/.test(body) ? signed(sign, BigInt(body)) : undefined;
  const digits = removeUnderscores(body);
  if (digits === undefined) return undefined;
  if (/^0[xX][0-9a-fA-F]+$|^0[bB][01]+$|^0[oO][0-7]+$/.test(digits)) return signed(sign, BigInt(digits.toLowerCase()));
  if (/^0[0-7]+$/.test(digits)) return signed(sign, BigInt(`0o${digits}`));
  return /^(?:0|[1-9][0-9]*)$/.test(digits) ? signed(sign, BigInt(digits)) : undefined;
}

/** As strconv.ParseFloat: decimal or hexadecimal, with underscores between digits, Inf and NaN in any case; undefined where it is none. Overflow is infinite. */
export function parseFloat64(text: string): number | undefined {
  const sign = /^[+-]?/.exec(text)![0];
  const body = removeUnderscores(text.slice(sign.length));
  if (body === undefined) return undefined;
  const source = sign + body;
  if (/^[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?$/.test(source)) return Number(source);
  const special = /^([+-]?)(inf(?:inity)?|nan)$/i.exec(source);
  if (special) {
    if (special[2]!.toLowerCase() === "nan") return special[1] === "" ? Number.NaN : undefined;
    return special[1] === "-" ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  }
  const hex = /^([+-]?)0[xX]([0-9a-fA-F]*)(?:\.([0-9a-fA-F]*))?[pP]([+-]?[0-9]+)$/.exec(source);
  const fraction = hex?.[3] ?? "";
  if (!hex || hex[2]! + fraction === "") return undefined;
  const magnitude = Number(BigInt(`0x${hex[2]}${fraction}`)) * 2 ** (Number(hex[4]) - 4 * fraction.length);
  return hex[1] === "-" ? -magnitude : magnitude;
}

function parseImaginary(source: string): Constant | undefined {
  const imaginary = parseFloat64(source.slice(0, -1));
  if (imaginary === undefined) return undefined;
  const zero = imaginary === 0;
  return { ideal: new Complex(0, imaginary), integer: zero ? 0n : undefined, float: zero ? 0 : undefined };
}

/** Underscores may stand between digits and after a prefix, nowhere else; undefined where one does. */
function removeUnderscores(body: string): string | undefined {
  if (!body.includes("_")) return body;
  const misplaced = /^0[xX]/.test(body) ? /_(?![0-9a-fA-F])|(?<![0-9a-fA-FxX])_/ : /_(?![0-9])|(?<![0-9bBoO])_/;
  return misplaced.test(body) ? undefined : body.replaceAll("_", "");
}

function signed(sign: string, value: bigint): bigint {
  return sign === "-" ? -value : value;
}
