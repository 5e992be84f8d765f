/** The agent's own token is not shown to clients who only use it: not in a lookup, not in a renewal. Pure. */
import type { JsonValue } from "../json.ts";
import { isObject } from "../vault/answer.ts";
import { jsonText } from "./json-text.ts";

/** Whether a request asks about the agent's own token. `body` is null where it was too large to be read. */
export function asksAboutOwnToken(path: string, token: string, own: string, body: string | null): boolean {
  const what = /(?:^|\/)auth\/token\/(lookup|renew)(-self)?$/.exec(path);
  if (what === null) return false;
  if (what[2] !== undefined) return token === own;
  const named = namedIn(body ?? "");
  return named === "" || named === own;
}

/** The answer without the token and its accessor. */
export function withoutToken(answer: { readonly [key: string]: JsonValue }): string {
  const { data, auth } = answer;
  const hidden = {
    ...answer,
    ...(isObject(data) ? { data: without(data, ["id", "accessor"]) } : {}),
    ...(isObject(auth) ? { auth: { ...auth, client_token: "", accessor: "" } } : {}),
  };
  return `${jsonText(hidden)}\n`;
}

function without(data: { readonly [key: string]: JsonValue }, keys: readonly string[]): { [key: string]: JsonValue } {
  return Object.fromEntries(Object.entries(data).filter(([key]) => !keys.includes(key)));
}

/** The token that the body names; empty where it names none. */
function namedIn(body: string): string {
  try {
    const value = JSON.parse(body) as { readonly token?: unknown } | null;
    return typeof value?.token === "string" ? value.token : "";
  } catch {
    return "";
  }
}
