/** Tells the application by an HTTP request; an answer of 200 to 299 is heard. */
import { NotifyError } from "../errors.ts";
import type { HttpResponse, Notifier } from "../ports.ts";
import type { ConfigOf, NotifyPorts } from "./ports.ts";

export function httpNotifier(config: ConfigOf<"http">, { transport }: NotifyPorts): Notifier {
  const shown = withoutSecrets(config.url);
  const target = `${config.method} ${shown}`;
  return {
    kind: "http",
    target,
    async notify(_change, signal) {
      const { method, url, headers, body, timeout } = config;
      let response: HttpResponse;
      try {
        response = await transport({ method, url, headers, timeout, signal, ...(body !== undefined && { body }) });
      } catch (error) {
        // Not kept as the cause: it may hold the URL, and the URL a token. Its hint is of Vault.
        const message = error instanceof Error ? error.message : String(error);
        throw new NotifyError(`${target}: ${message.replaceAll(url, shown)}`, false, {
          hint: "does the application listen there, and does it answer while it reloads?",
        });
      }
      if (response.status >= 200 && response.status < 300) return;
      if (response.status >= 300 && response.status < 400) {
        throw new NotifyError(`${target}: answered ${response.status}, a redirect, which is not followed`, true, {
          hint: "give the URL that the redirect leads to",
        });
      }
      throw new NotifyError(`${target}: answered ${response.status}`, false, { hint: hintFor(response.status) });
    },
  };
}

function hintFor(status: number): string {
  if (status === 401 || status === 403)
    return "the headers of the notify block must hold what the application asks for";
  if (status === 404 || status === 405) return "check url and method of the notify block";
  return "the application could not reload: see its log";
}

/** A URL as it may be logged: without user information, query and fragment. */
function withoutSecrets(url: string): string {
  return url.replace(/^([a-z]+:\/\/)[^/?#]*@/i, "$1").replace(/[?#].*$/, "");
}
