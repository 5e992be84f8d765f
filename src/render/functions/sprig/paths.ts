/** Sprig's functions on paths and URLs. */

import { percentEncode } from "../../go/escape.ts";
import type { TemplateFunction } from "../../go/function.ts";
import { quote } from "../../go/quote.ts";
import { anyMap, fail, type GoMap } from "../../go/values.ts";
import { textOf } from "./convert.ts";
import { MAP, S, sprig } from "./define.ts";

export const SPRIG_PATHS: readonly TemplateFunction[] = [
  ...["base", "osBase"].map((name) => sprig(name, [S], ([path]) => base(path))),
  ...["dir", "osDir"].map((name) => sprig(name, [S], ([path]) => clean(path.slice(0, path.lastIndexOf("/") + 1)))),
  ...["ext", "osExt"].map((name) => sprig(name, [S], ([path]) => /\.[^./]*$/.exec(path)?.[0] ?? "")),
  ...["clean", "osClean"].map((name) => sprig(name, [S], ([path]) => clean(path))),
  ...["isAbs", "osIsAbs"].map((name) => sprig(name, [S], ([path]) => path.startsWith("/"))),
  sprig("urlParse", [S], ([url]) => parseUrl(url)),
  sprig("urlJoin", [MAP], ([parts]) => joinUrl(parts)),
];

function base(path: string): string {
  if (path === "") return ".";
  const trimmed = path.replace(/\/+$/, "");
  return trimmed === "" ? "/" : trimmed.slice(trimmed.lastIndexOf("/") + 1);
}

/** The shortest path of the same meaning. */
function clean(path: string): string {
  const rooted = path.startsWith("/");
  const kept: string[] = [];
  for (const name of path.split("/")) {
    if (name === "" || name === ".") continue;
    if (name !== "..") kept.push(name);
    else if (kept.length > 0 && kept.at(-1) !== "..") kept.pop();
    else if (!rooted) kept.push("..");
  }
  return (rooted ? "/" : "") + kept.join("/") || ".";
}

function parseUrl(url: string): GoMap {
  const match = /^(?:([A-Za-z][A-Za-z0-9+.-]*):)?(?:\/\/([^/?#]*))?([^?#]*)(?:\?([^#]*))?(?:#(.*))?$/s.exec(url);
  if (match === null || /[\x00-\x1f\x7f]/.test(url))
    fail(`unable to parse url: parse ${quote(url)}: net/url: invalid control character in URL`);
  const [, scheme = "", authority = "", path = "", query = "", fragment = ""] = match;
  const at = authority.lastIndexOf("@");
  const host = authority.slice(at + 1);
  const hierarchical = scheme === "" || path.startsWith("/") || authority !== "";
  return anyMap([
    ["scheme", scheme.toLowerCase()],
    ["host", host],
    ["hostname", host.replace(/:\d*$/, "").replace(/^\[(.*)\]$/, "$1")],
    ["path", hierarchical ? unescapePath(path) : ""],
    ["query", query],
    ["opaque", hierarchical ? "" : path],
    ["fragment", unescapePath(fragment)],
    ["userinfo", at < 0 ? "" : authority.slice(0, at)],
  ]);
}

function joinUrl(parts: GoMap): string {
  const part = (name: string) => (parts.entries.has(name) ? textOf(parts.entries.get(name)!) : "");
  const scheme = part("scheme");
  const host = part("host");
  const user = part("userinfo");
  const opaque = part("opaque");
  const path = percentEncode(part("path"), /[A-Za-z0-9\-_.~$&+,/:;=@!'()*]/);
  const authority = host !== "" || user !== "" ? `//${user === "" ? "" : `${user}@`}${host}` : "";
  const body =
    opaque === "" ? authority + (authority !== "" && path !== "" && !path.startsWith("/") ? "/" : "") + path : opaque;
  const query = part("query");
  const fragment = percentEncode(part("fragment"), /[A-Za-z0-9\-_.~$&+,/:;=?@!'()*]/);
  return (
    (scheme === "" ? "" : `${scheme}:`) +
    body +
    (query === "" ? "" : `?${query}`) +
    (fragment === "" ? "" : `#${fragment}`)
  );
}

function unescapePath(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return fail(`unable to parse url: invalid URL escape in ${quote(path)}`);
  }
}
