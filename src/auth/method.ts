/** What an auth method is: it says what to send to `<mount>/login`, and nothing else. It never sleeps or retries. */
import type { Files } from "../ports.ts";
import type { Sensitive } from "../sensitive.ts";

export interface LoginRequest {
  readonly body: Readonly<Record<string, unknown>>;
  /** What of it is secret, so that it can be kept out of every output. */
  readonly secrets: readonly Sensitive<string>[];
}

export interface AuthMethod {
  /** For logs; absent where the method has none. */
  readonly role?: string;
  /** Called at every login, so that what is read from a file is never stale. Rejects with a LesseeError. */
  prepare(ports: { readonly files: Pick<Files, "readFile"> }): Promise<LoginRequest>;
  /** The uid of the pod that logs in, where the method knows it: whose state file it is. Empty otherwise. */
  pod(ports: { readonly files: Pick<Files, "readFile"> }): Promise<string>;
  /** Files whose change makes a failed login worth trying again at once. */
  readonly watches: readonly string[];
}

/** Reads the method's own `config`; throws a LesseeError that names what is missing. */
export type AuthMethodParser = (config: Readonly<Record<string, unknown>>) => AuthMethod;
