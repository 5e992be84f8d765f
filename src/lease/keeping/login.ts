/** One login, by whichever method: what it took and what it gave. Never retried here. */
import type { AuthMethod, MethodFiles } from "../../auth/method.ts";
import { LesseeError, VaultError } from "../../errors.ts";
import type { Clock, Emit } from "../../ports.ts";
import { Sensitive } from "../../sensitive.ts";
import { wrapInfoText } from "../../vault/answer.ts";
import type { VaultClient } from "../../vault/client.ts";
import type { VaultAuth } from "../../vault/secret.ts";

export interface LoginDeps {
  readonly client: VaultClient;
  readonly method: AuthMethod;
  readonly mountPath: string;
  /** Where it is more than 0, what comes is not the token but what it lies wrapped under, and nobody here has it. */
  readonly wrapTtl?: number;
  readonly files: MethodFiles;
  readonly clock: Clock;
  readonly emit: Emit;
  /** Every secret that came up, so that no output shows it. */
  learn(secret: Sensitive<string>): void;
}

export interface Login extends Pick<VaultAuth, "policies" | "durationSeconds" | "renewable" | "numUses" | "type"> {
  /** The token; of a wrapped one the wrapping as JSON, for the sink. */
  readonly token: Sensitive<string>;
  /** The request was sent then. */
  readonly sentAt: number;
}

/** Rejects with a LesseeError. */
export async function logInOnce(deps: LoginDeps, stop: AbortSignal): Promise<Login> {
  const { client, clock, learn, mountPath, wrapTtl = 0 } = deps;
  const credentials = await deps.method.prepare({
    files: deps.files,
    unwrap: (wrappingToken, creationPath) => unwrap(wrappingToken, creationPath, deps),
    warn: (message) => deps.emit({ is: "warning", code: "credential", message }),
  });
  if ("token" in credentials) return lookedUp(credentials.token, deps);
  const { body, identity, secrets } = credentials;
  secrets.forEach(learn);
  const sentAt = clock.now();
  if (wrapTtl > 0) {
    const wrapping = await client.loginWrapped(mountPath, body, wrapTtl, stop, identity);
    for (const secret of [wrapping.token, wrapping.accessor, wrapping.wrappedAccessor]) learn(secret);
    return { ...FOR_EVER, token: new Sensitive(wrapInfoText(wrapping)), sentAt };
  }
  const auth = await client.login(mountPath, body, stop, identity);
  learn(auth.token);
  learn(auth.accessor);
  return { ...auth, sentAt };
}

// ---- internal ----

/** What cannot be renewed and what nobody here sees the end of: after it there is nothing left to do. */
const FOR_EVER = {
  policies: [],
  durationSeconds: 0,
  renewable: false,
  numUses: 0,
  type: "service",
} as const;

async function lookedUp(token: Sensitive<string>, { client, clock, learn, wrapTtl = 0 }: LoginDeps): Promise<Login> {
  learn(token);
  if (wrapTtl > 0) {
    throw new LesseeError("auth", "auto_auth.method.wrap_ttl: a token that is there already cannot come wrapped", {
      hint: "set wrap_ttl on the sink",
    });
  }
  const sentAt = clock.now();
  const info = await client.lookupSelf(token);
  if (info.expires && info.ttlSeconds === 0) throw new LesseeError("auth", "the token ends within this second");
  return { ...info, token, durationSeconds: info.ttlSeconds, sentAt };
}

/** A wrapping token that was made elsewhere, or that was opened before, means that somebody has stepped in between. */
async function unwrap(
  wrappingToken: Sensitive<string>,
  creationPath: string,
  { client, learn }: LoginDeps,
): Promise<Readonly<Record<string, unknown>>> {
  learn(wrappingToken);
  try {
    const path = await client.wrappedPath(wrappingToken);
    if (path !== creationPath) {
      throw new LesseeError(
        "auth",
        `the wrapping token was made at ${JSON.stringify(path)}, and not at ${JSON.stringify(creationPath)}`,
        { hint: "it is not what secret_id_response_wrapping_path promises: find out who put it there" },
      );
    }
    return (await client.unwrap(wrappingToken)).data.reveal() ?? {};
  } catch (error) {
    if (!(error instanceof VaultError) || error.status !== 400) throw error;
    throw new LesseeError("auth", `the wrapping token cannot be opened: ${error.message}`, {
      hint: "it is too old, or somebody else has opened it already: if you did not, treat what was in it as stolen",
      cause: error,
    });
  }
}
