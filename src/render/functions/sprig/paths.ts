/** Sprig's functions on paths and URLs. */

import type { TemplateFunction } from "../../go/function.ts";
import { withoutEnd } from "../../go/text.ts";
import { anyMap, FunctionError, fail, type GoMap, kindOf, stringOf } from "../../go/values.ts";
import { hostname, parseUrl, printUrl } from "../url.ts";
import { MAP, S, sprig } from "./define.ts";

export const SPRIG_PATHS: readonly TemplateFunction[] = [
  ...["base", "osBase"].map((name) => sprig(name, [S], ([path]) => base(path))),
  ...["dir", "osDir"].map((name) => sprig(name, [S], ([path]) => clean(path.slice(0, path.lastIndexOf("/") + 1)))),
  ...["ext", "osExt"].map((name) => sprig(name, [S], ([path]) => /\.[^./]*$/.exec(path)?.[0] ?? "")),
  ...["clean", "osClean"].map((name) => sprig(name, [S], ([path]) => clean(path))),
  ...["isAbs", "osIsAbs"].map((name) => sprig(name, [S], ([path]) => path.startsWith("/"))),
  sprig("urlParse", [S], ([url]) => takeApart(url)),
  sprig("urlJoin", [MAP], ([parts]) => putTogether(parts)),
];

function base(path: string): string {
  if (path === "") return ".";
  const trimmed = withoutEnd(path, "/");
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

function takeApart(text: string): GoMap {
  const url = orFail("unable to parse url", () => parseUrl(text));
  return anyMap([
    ["scheme", url.scheme],
    ["host", url.host],
    ["hostname", hostname(url.host)],
    ["path", url.path],
    ["query", url.query],
    ["opaque", url.opaque],
    ["fragment", url.fragment],
    ["userinfo", url.user ?? ""],
  ]);
}

function putTogether(parts: GoMap): string {
  const part = (name: string): string => {
    const value = parts.entries.get(name);
    if (value === undefined) return "";
    if (value === null) return fail("runtime error: invalid memory address or nil pointer dereference");
    return stringOf(value) ?? fail(`unable to parse ${name} key, must be of type string, but ${kindOf(value)} found`);
  };
  const url = {
    scheme: part("scheme"),
    host: part("host"),
    path: part("path"),
    query: part("query"),
    opaque: part("opaque"),
    fragment: part("fragment"),
  };
  const user = part("userinfo");
  if (user === "") return printUrl({ ...url, user: undefined });
  return printUrl({
    ...url,
    user: orFail("unable to parse userinfo in dict", () => parseUrl(`proto://${user}@host`)).user,
  });
}

function orFail<T>(what: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (!(error instanceof FunctionError)) throw error;
    return fail(`${what}: ${error.message}`);
  }
}
