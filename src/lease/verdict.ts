/** What an error of the server says about what comes next, and what it does not say. */
import { describe, LesseeError, VaultError } from "../errors.ts";

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

/** No other try brings another token, until somebody changes the role. */
export const COUNTED = "token-num-uses";

/** Why a failed login is the end of the agent, in words; null where it is tried again. */
export function endsLogin(error: unknown, isFirst: boolean, exitOnErr: boolean): string | null {
  if (isFirst && error instanceof LesseeError && error.code === COUNTED)
    return `no token that can be worked with: ${describe(error)}`;
  return exitOnErr ? `the login failed, and exit_on_err is set: ${describe(error)}` : null;
}
