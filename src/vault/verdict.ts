/** What an error of the server says about what comes next, and what it does not say. */
import { VaultError } from "../errors.ts";

/** The server is busy, sealed or restarting: no verdict about the token. */
export function isPassing(error: VaultError): boolean {
  return (
    error.status === 429 ||
    error.status === 412 ||
    error.status === 472 ||
    error.status === 473 ||
    error.status === 502 ||
    error.status === 503 ||
    error.status === 504
  );
}

/** The server has looked, and says no: what is asked for again is answered in the same way. */
export function isRefusal(error: unknown): boolean {
  return error instanceof VaultError && error.status >= 400 && error.status < 500 && !isPassing(error);
}

export function retryAfter(error: unknown): { retryAfter?: number } {
  return error instanceof VaultError && error.retryAfter !== undefined ? { retryAfter: error.retryAfter } : {};
}
