/** What an auth method is: it says what a login consists of, and nothing else. It never sleeps or retries. */
import type { Files, TlsIdentity } from "../ports.ts";
import type { Sensitive } from "../sensitive.ts";

/** What is sent to `<mount>/login`, or the token itself where the method has one already: it is only looked up then. */
export type Credentials = LoginRequest | { readonly token: Sensitive<string> };

export interface LoginRequest {
  readonly body: Readonly<Record<string, unknown>>;
  /** What of it is secret, so that it can be kept out of every output. */
  readonly secrets: readonly Sensitive<string>[];
  /** A certificate that the login, and all that is done with its token, is to be made under. */
  readonly identity?: TlsIdentity;
}

export type MethodFiles = Pick<Files, "readFile" | "readlink" | "stat" | "unlink">;

/** What a method may use at a login. */
export interface LoginPorts {
  readonly files: MethodFiles;
  /** What lies under a wrapping token; rejects where that was not made by a request to `creationPath`. */
  unwrap(wrappingToken: Sensitive<string>, creationPath: string): Promise<Readonly<Record<string, unknown>>>;
  /** Something that the login goes on without, as a file that cannot be removed. */
  warn(message: string): void;
}

export interface AuthMethod {
  /** For logs; absent where the method has none. */
  readonly role?: string;
  /** Called at every login, so that what is read from a file is never stale. Rejects with a LesseeError. */
  prepare(ports: LoginPorts): Promise<Credentials>;
  /**
   * The uid of the pod that logs in, where the method knows it: whose state file it is. Empty otherwise. Rejects with a
   * LesseeError where that cannot be told now, and could be later.
   */
  pod(ports: { readonly files: Pick<Files, "readFile"> }): Promise<string>;
  /** What a login would be made under: so is what is done with a token of an earlier process. Absent where that is nothing. */
  identity?(ports: { readonly files: MethodFiles }): Promise<TlsIdentity>;
  /** Files whose change makes a failed login worth trying again at once. */
  readonly watches: readonly string[];
  /** The token is somebody else's, who made it and may use it: it is never revoked here. */
  readonly borrowsToken?: true;
  /** Absent where new credentials are taken at the next login and never cause one. */
  readonly renewal?: CredentialRenewal;
}

/** Credentials that may be replaced while their token lives. */
export interface CredentialRenewal {
  /** How often they are looked at, whatever the file system tells of them; absent: only when it tells. */
  readonly period?: number;
  /** Takes up what is there; true where it is not what the last login was made with. Rejects with a LesseeError. */
  isNew(ports: Pick<LoginPorts, "files" | "warn">): Promise<boolean>;
}

/** Reads the method's own `config`; throws a LesseeError that names what is missing. */
export type AuthMethodParser = (config: Readonly<Record<string, unknown>>) => AuthMethod;
