/** Go's fmt.Sprintf. */

import { type Flags, formatValue } from "./format.ts";
import { FunctionError, integerOf, typeName, type Value } from "./values.ts";

/** What arguments are to the format: plain values, or Formatters that print values in their own way. */
export interface Arguments {
  typeName(value: Value): string;
  format(value: Value, verb: string, flags: Flags): string;
  /** The value as a `*` in the format; undefined where it is no integer. */
  integer(value: Value): bigint | undefined;
}

const PLAIN: Arguments = {
  typeName: (value) => (value === null ? "<nil>" : typeName(value)),
  format: formatValue,
  integer: integerOf,
};

/** As in Go, a width or precision beyond this is an error in the output. */
const MAX_WIDTH = 1_000_000;

export function sprintf(format: string, args: readonly Value[], kind: Arguments = PLAIN): string {
  const cursor = new Cursor(format, args, kind);
  let out = "";
  while (cursor.at < format.length) {
    const percent = format.indexOf("%", cursor.at);
    if (percent < 0) {
      out += format.slice(cursor.at);
      break;
    }
    out += format.slice(cursor.at, percent);
    cursor.at = percent + 1;
    out += cursor.directive();
  }
  return out + cursor.extra();
}

class Cursor {
  readonly #format: string;
  readonly #args: readonly Value[];
  readonly #kind: Arguments;
  at = 0;
  #next = 0;
  /** An explicit index was used: surplus arguments are no mistake then. */
  #reordered = false;
  #goodIndex = true;

  constructor(format: string, args: readonly Value[], kind: Arguments) {
    this.#format = format;
    this.#args = args;
    this.#kind = kind;
  }

  /** One `%…`, from behind the percent sign. */
  directive(): string {
    this.#goodIndex = true;
    let problems = "";
    const flags: { -readonly [K in keyof Flags]: Flags[K] } = this.#flags();
    let indexed = this.#index();
    if (this.#format[this.at] === "*") {
      this.at++;
      const width = this.#starArgument();
      if (width === undefined) problems += "%!(BADWIDTH)";
      else {
        flags.width = Math.abs(width);
        if (width < 0) Object.assign(flags, { minus: true, zero: false });
      }
      indexed = false;
    } else {
      const width = this.#digits();
      // "%[3]2d": an index must stand right before the verb.
      if (width !== undefined && indexed) this.#goodIndex = false;
      if (width !== undefined) flags.width = width;
    }
    if (this.#format[this.at] === ".") {
      this.at++;
      if (indexed) this.#goodIndex = false;
      indexed = this.#index();
      if (this.#format[this.at] === "*") {
        this.at++;
        const precision = this.#starArgument();
        if (precision === undefined || precision < 0) problems += "%!(BADPREC)";
        else flags.precision = precision;
        indexed = false;
      } else flags.precision = this.#digits() ?? 0;
    }
    if (!indexed) this.#index();
    return problems + this.#verb(flags);
  }

  /** What Go says about arguments that were not used. */
  extra(): string {
    if (this.#reordered || this.#next >= this.#args.length) return "";
    const rest = this.#args.slice(this.#next).map((arg) => {
      const type = this.#kind.typeName(arg);
      return type === "<nil>" ? type : `${type}=${this.#kind.format(arg, "v", {})}`;
    });
    return `%!(EXTRA ${rest.join(", ")})`;
  }

  #verb(flags: Flags): string {
    const code = this.#format.codePointAt(this.at);
    if (code === undefined) return "%!(NOVERB)";
    const verb = String.fromCodePoint(code);
    this.at += verb.length;
    if (verb === "%") return "%";
    if (!this.#goodIndex) return `%!${verb}(BADINDEX)`;
    if (this.#next >= this.#args.length) return `%!${verb}(MISSING)`;
    return this.#kind.format(this.#args[this.#next++]!, verb, flags);
  }

  #flags(): Flags {
    const names = { "+": "plus", "-": "minus", "#": "sharp", " ": "space", "0": "zero" } as const;
    const flags: Record<string, boolean> = {};
    for (;;) {
      const name = names[this.#format[this.at] as keyof typeof names];
      if (name === undefined) break;
      flags[name] = true;
      this.at++;
    }
    // Padding with zeros is only done on the left.
    return flags.minus ? { ...flags, zero: false } : flags;
  }

  #digits(): number | undefined {
    const digits = /^[0-9]+/.exec(this.#format.slice(this.at, this.at + 8))?.[0];
    if (digits === undefined) return undefined;
    this.at += digits.length;
    if (Number(digits) > MAX_WIDTH) throw new FunctionError(`width of more than ${MAX_WIDTH}`);
    return Number(digits);
  }

  #starArgument(): number | undefined {
    const value = this.#args[this.#next];
    if (this.#next < this.#args.length) this.#next++;
    const number = value === undefined ? undefined : this.#kind.integer(value);
    return number === undefined || number > MAX_WIDTH || number < -MAX_WIDTH ? undefined : Number(number);
  }

  /** `[n]`: the argument that comes next. */
  #index(): boolean {
    if (this.#format[this.at] !== "[") return false;
    this.#reordered = true;
    const end = this.#format.indexOf("]", this.at);
    if (end < 0 || this.#format.length - this.at < 3) {
      this.#goodIndex = false;
      this.at++;
      return false;
    }
    const text = this.#format.slice(this.at + 1, end);
    this.at = end + 1;
    const isNumber = /^[0-9]{1,7}$/.test(text);
    const index = isNumber ? Number(text) : 0;
    if (index >= 1 && index <= this.#args.length) this.#next = index - 1;
    else this.#goodIndex = false;
    // Behind what is no number another index may stand.
    return isNumber;
  }
}
