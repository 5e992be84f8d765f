/** Why a pod is not injected: in the words of Vault's injector where it has some, with what to do about it. */
import { LesseeError } from "../errors.ts";

export class Refusal extends LesseeError {
  constructor(message: string, hint?: string) {
    super("inject", message, hint === undefined ? {} : { hint });
  }
}

/** What a step of the injector says before each of its refusals; a colon follows, unless it ends with a sign. */
export function within<T>(step: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    throw new Refusal(`${step}${step.endsWith("=") ? "" : ": "}${error.message}`, error.hint);
  }
}
