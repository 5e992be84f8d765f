/** What a sink's file gets: the token, or what it lies wrapped under, either of them as it is or for one reader only. */
import type { SinkConfig } from "../config/types.ts";
import { LesseeError } from "../errors.ts";
import type { Files } from "../ports.ts";
import type { Sensitive } from "../sensitive.ts";
import { wrapInfoText } from "../vault/answer.ts";
import type { VaultWrapInfo } from "../vault/secret.ts";

export interface SinkContentPorts {
  readonly files: Pick<Files, "readFile">;
  /** Puts the data aside under a wrapping token that lives for `ttl`. */
  wrap(token: Sensitive<string>, data: Readonly<Record<string, unknown>>, ttl: number): Promise<VaultWrapInfo>;
}

/** Rejects where the server does not wrap, or the reader's key cannot be had. */
export type SinkContent = (sink: SinkConfig, token: Sensitive<string>) => Promise<string>;

export function createSinkContent(ports: SinkContentPorts): SinkContent {
  const readersKeys = new Map<string, Uint8Array>();

  /** The reader may take its file away once it was read. */
  async function readersKey(path: string): Promise<Uint8Array> {
    const text = await ports.files.readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
      if (readersKeys.has(path)) return null;
      throw new LesseeError("sink", `dh_path: cannot read ${path}: ${error.code}`, {
        hint: "the reader of the token puts its public key there",
      });
    });
    if (text !== null) readersKeys.set(path, (await envelope()).readersKeyFrom(text, path));
    return readersKeys.get(path)!;
  }

  return async ({ aad = "", deriveKey, dhPath, wrapTtl }, token) => {
    const content =
      wrapTtl > 0 ? wrapInfoText(await ports.wrap(token, { token: token.reveal() }, wrapTtl)) : token.reveal();
    if (dhPath === undefined) return content;
    const { sealFor } = await envelope();
    return sealFor(await readersKey(dhPath), content, { aad, deriveKey });
  };
}

/** Loaded where a sink is for one reader only: few are, and Node's cryptography costs some milliseconds of every start. */
function envelope() {
  return import("./envelope.ts");
}
