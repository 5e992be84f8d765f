/** Answers that are errors, and the words that several of them have in common. */

/** An answer that is an error: a status and the server's words. */
export class Refusal extends Error {
  readonly status: number;
  readonly errors: readonly string[];

  constructor(status: number, ...errors: readonly string[]) {
    super(errors.join("; "));
    this.name = "Refusal";
    this.status = status;
    this.errors = errors;
  }
}

/** The frame that Go's multierror puts around a failure. */
export function multierror(message: string): string {
  return `1 error occurred:\n\t* ${message}\n\n`;
}

export const PERMISSION_DENIED = "permission denied";

export function methodNotAllowed(): never {
  throw new Refusal(405, "unsupported operation");
}
