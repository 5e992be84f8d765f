/** URLs as Go's net/url takes them apart and puts them together. */
import { percentEncode } from "../go/escape.ts";
import { quote } from "../go/quote.ts";
import { decodeText, encodeText } from "../go/text.ts";
import { FunctionError, fail } from "../go/values.ts";

export interface Url {
  readonly scheme: string;
  readonly opaque: string;
  /** In percent encoding, with the `:` before a password. */
  readonly user: string | undefined;
  readonly host: string;
  readonly path: string;
  readonly query: string;
  readonly fragment: string;
}

const NO_URL: Url = { scheme: "", opaque: "", user: undefined, host: "", path: "", query: "", fragment: "" };

/** Which characters stand for themselves. */
const PATH = /[A-Za-z0-9\-_.~$&+,/:;=@]/;
const FRAGMENT = /[A-Za-z0-9\-_.~$&+,/:;=?@!()*]/;
const HOST = /[A-Za-z0-9\-_.~!$&'()*+,;=:[\]<>"]/;
const USER = /[A-Za-z0-9\-_.~$&+,;=]/;

/** Throws a FunctionError in the words of net/url. */
export function parseUrl(text: string): Url {
  const [whole = "", ...rest] = text.split("#");
  const url = within(whole, () => parseWhole(whole));
  const fragment = rest.join("#");
  return fragment === "" ? url : { ...url, fragment: within(text, () => percentDecode(fragment)) };
}

export function printUrl(url: Url): string {
  const { scheme, opaque, user, host, path, query, fragment } = url;
  let out = scheme === "" ? "" : `${scheme}:`;
  if (opaque !== "") out += opaque;
  else {
    const authority = scheme !== "" || host !== "" || user !== undefined;
    if (authority && (host !== "" || path !== "" || user !== undefined)) out += "//";
    if (user !== undefined) out += `${user}@`;
    out += percentEncode(host, HOST);
    const escaped = path === "*" ? path : percentEncode(path, PATH);
    if (escaped !== "" && !escaped.startsWith("/") && host !== "") out += "/";
    if (out === "" && /^[^/]*:/.test(escaped)) out += "./";
    out += escaped;
  }
  if (query !== "") out += `?${query}`;
  return fragment === "" ? out : `${out}#${percentEncode(fragment, FRAGMENT)}`;
}

/** The host without its port and without brackets. */
export function hostname(host: string): string {
  return host.replace(/:[0-9]*$/, "").replace(/^\[(.*)\]$/s, "$1");
}

function within<T>(text: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (!(error instanceof FunctionError)) throw error;
    return fail(`parse ${quote(text)}: ${error.message}`);
  }
}

function parseWhole(text: string): Url {
  if (/[\x00-\x1f\x7f]/.test(text)) fail("net/url: invalid control character in URL");
  if (text === "*") return { ...NO_URL, path: "*" };
  if (text.startsWith(":")) fail("missing protocol scheme");
  const scheme = /^([A-Za-z][A-Za-z0-9+.-]*):/.exec(text)?.[1] ?? "";
  const behind = scheme === "" ? text : text.slice(scheme.length + 1);
  const question = behind.indexOf("?");
  let rest = question < 0 ? behind : behind.slice(0, question);
  const parts = { ...NO_URL, scheme: scheme.toLowerCase(), query: question < 0 ? "" : behind.slice(question + 1) };
  if (!rest.startsWith("/")) {
    if (scheme !== "") return { ...parts, opaque: rest };
    if (/^[^/]*:/.test(rest)) fail("first path segment in URL cannot contain colon");
  }
  let authority: Pick<Url, "user" | "host"> = { user: undefined, host: "" };
  if (rest.startsWith("//") && (scheme !== "" || !rest.startsWith("///"))) {
    const end = rest.indexOf("/", 2);
    authority = parseAuthority(parts.scheme, end < 0 ? rest.slice(2) : rest.slice(2, end));
    rest = end < 0 ? "" : rest.slice(end);
  }
  return { ...parts, ...authority, path: percentDecode(rest) };
}

function parseAuthority(scheme: string, authority: string): Pick<Url, "user" | "host"> {
  const at = authority.lastIndexOf("@");
  const host = parseHost(scheme, authority.slice(at + 1));
  if (at < 0) return { user: undefined, host };
  const user = authority.slice(0, at);
  if (!/^[A-Za-z0-9\-._:~!$&'()*+,;=%@]*$/.test(user)) fail("net/url: invalid userinfo");
  const colon = user.indexOf(":");
  const [name, password] = colon < 0 ? [user] : [user.slice(0, colon), user.slice(colon + 1)];
  const escaped = percentEncode(percentDecode(name!), USER);
  return {
    user: password === undefined ? escaped : `${escaped}:${percentEncode(percentDecode(password), USER)}`,
    host,
  };
}

function parseHost(scheme: string, host: string): string {
  const bracket = host.lastIndexOf("[");
  if (bracket > 0) fail("invalid IP-literal");
  if (bracket === 0) {
    const end = host.lastIndexOf("]");
    if (end < 0) fail("missing ']' in host");
    checkPort(host.slice(end + 1));
    return unescapeHost(host);
  }
  const first = host.indexOf(":");
  const colon = scheme === "http" || scheme === "https" ? first : host.lastIndexOf(":");
  if (first >= 0) checkPort(host.slice(colon));
  return unescapeHost(host);
}

function checkPort(port: string): void {
  if (!/^(?::[0-9]*)?$/.test(port)) fail(`invalid port ${quote(port)} after host`);
}

/** Only what is beyond ASCII may be encoded in a host. */
function unescapeHost(host: string): string {
  const low = /%(?!25)[0-7][0-9a-fA-F]/.exec(host)?.[0];
  if (low !== undefined) fail(`invalid URL escape ${quote(low)}`);
  const wrong = [...host].find((character) => character < "\x80" && character !== "%" && !HOST.test(character));
  if (wrong !== undefined) fail(`invalid character ${quote(wrong)} in host name`);
  return percentDecode(host);
}

function percentDecode(text: string): string {
  if (!text.includes("%")) return text;
  const wrong = /%(?![0-9a-fA-F]{2}).{0,2}/s.exec(text)?.[0];
  if (wrong !== undefined) fail(`invalid URL escape ${quote(wrong)}`);
  const bytes = encodeText(text);
  const decoded: number[] = [];
  for (let i = 0; i < bytes.length; i++) {
    const encoded = bytes[i] === 0x25;
    decoded.push(encoded ? Number.parseInt(String.fromCharCode(bytes[i + 1]!, bytes[i + 2]!), 16) : bytes[i]!);
    if (encoded) i += 2;
  }
  return decodeText(Uint8Array.from(decoded));
}
