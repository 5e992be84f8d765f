/** The agent's login: the token under all that is read, and the sinks that are given every new one. */
import type { AuthMethod } from "../auth/method.ts";
import { createSinkContent } from "../auth/sink-content.ts";
import { probeSinks } from "../auth/sink-probe.ts";
import { createSinks, type Sinks } from "../auth/sinks.ts";
import type { AutoAuthConfig } from "../config/types.ts";
import { createTokens, type TokenChange, type Tokens } from "../lease/keeping/tokens.ts";
import { endsLogin } from "../lease/token.ts";
import type { Emit, World } from "../ports.ts";
import { publishFile } from "../publish/file.ts";
import type { Sensitive } from "../sensitive.ts";
import type { VaultClient } from "../vault/client.ts";
import type { End } from "./consequences.ts";
import type { Setup } from "./setup.ts";

export interface LoginOptions {
  readonly autoAuth: AutoAuthConfig;
  readonly method: AuthMethod;
  readonly client: VaultClient;
  readonly world: World;
  readonly emit: Emit;
  learn(secret: Sensitive<string>): void;
  /** As it is now. */
  setup(): Pick<Setup, "longestLead" | "jitter" | "publisher">;
  onChange(change: TokenChange): void;
  onSinkWritten(): void;
  onEnd(end: End): void;
}

export interface Login {
  readonly tokens: Tokens;
  readonly sinks: Sinks;
}

/** @throws LesseeError for a sink that cannot be written. */
export async function createLogin(options: LoginOptions): Promise<Login> {
  const { autoAuth, client, emit, learn, onChange, setup } = options;
  const { clock, env, files, random } = options.world;
  const { exitOnErr, maxBackoff, minBackoff, mountPath, type: methodName, wrapTtl } = autoAuth.method;

  await probeSinks(autoAuth.sinks, { files, random });
  const sinks = createSinks({
    sinks: autoAuth.sinks,
    clock,
    random,
    emit,
    content: createSinkContent({ files, wrap: client.wrap }),
    write: (request) => publishFile(request, { files, random }),
    onWritten: options.onSinkWritten,
  });
  const tokens = createTokens({
    client,
    method: options.method,
    methodName,
    mountPath,
    wrapTtl,
    givenAway: autoAuth.sinks.some((sink) => sink.config.path !== `${env.HOME}/.vault-token`),
    files,
    clock,
    random,
    emit,
    learn,
    policy: () => ({
      lead: setup().longestLead(),
      jitter: setup().jitter,
      printsHorizon: setup().publisher.printsHorizon(),
      backoff: { min: minBackoff, max: maxBackoff },
    }),
    onLogin: (session) => sinks.put(session.token),
    onChange,
    onFailure(error, isFirst) {
      const reason = endsLogin(error, isFirst, exitOnErr);
      if (reason !== null) options.onEnd({ code: 1, reason });
    },
  });
  return { sinks, tokens };
}
