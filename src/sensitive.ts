/**
 * A value that must not be seen: passwords, tokens, accessors, JWTs and secret data. However it is printed, logged,
 * interpolated, inspected or serialised, only `[redacted]` comes out; the value is had by asking for it by name.
 */
export class Sensitive<T> {
  readonly #value: T;

  constructor(value: T) {
    this.#value = value;
  }

  /** The value itself. Every call of this is a place to look at when secrets are audited. */
  reveal(): T {
    return this.#value;
  }

  toString(): string {
    return "[redacted]";
  }

  toJSON(): string {
    return "[redacted]";
  }

  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return "[redacted]";
  }
}
