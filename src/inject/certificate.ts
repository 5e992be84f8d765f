/** The certificate that the webhook shows, read from files that somebody else replaces. */
import { X509Certificate } from "node:crypto";
import { createSecureContext } from "node:tls";
import { LesseeError } from "../errors.ts";
import type { Files } from "../ports.ts";
import { Sensitive } from "../sensitive.ts";

export interface ServingCertificate {
  readonly cert: string;
  readonly key: Sensitive<string>;
  /** When it ends. */
  readonly ends: number;
}

/** Rejects with a LesseeError for files that cannot be read, are none, or do not belong together. */
export async function readCertificate(
  certFile: string,
  keyFile: string,
  files: Pick<Files, "readFile">,
): Promise<ServingCertificate> {
  const read = (flag: string, path: string) =>
    files.readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
      throw refusal(`-${flag}: cannot read ${path}: ${error.code ?? error.message}`);
    });
  const cert = await read("tls-cert-file", certFile);
  const key = new Sensitive(await read("tls-key-file", keyFile));
  try {
    createSecureContext({ cert, key: key.reveal() });
    return { cert, key, ends: new X509Certificate(cert).validToDate.getTime() };
  } catch (error) {
    throw refusal(`${certFile} and ${keyFile} cannot be used together: ${(error as Error).message}`);
  }
}

// ---- internal ----

function refusal(message: string): LesseeError {
  return new LesseeError("webhook-certificate", message, { hint: "PEM files that belong together" });
}
