/** secret, secrets and pkiCert: what templates ask Vault for. */
import { Boxed, type Result } from "../go/boxed.ts";
import { type CallContext, define, defineVariadic, type TemplateFunction } from "../go/function.ts";
import { quote } from "../go/quote.ts";
import { fail, Slice, Struct, type StructType, stringSlice, type Value } from "../go/values.ts";
import type { Dependency } from "../template.ts";
import { struct } from "./secret-value.ts";

export const VAULT_FUNCTIONS: readonly TemplateFunction[] = [
  defineVariadic("secret", [], "string", secret),
  define("secrets", ["string"], ([path], { session }) => {
    const keys = path === "" ? undefined : session.keys(place(path, "list"));
    return keys === undefined ? new Slice("string", [], true) : stringSlice(keys);
  }),
  defineVariadic("pkiCert", [], "string", pkiCertificate),
];

/** With a path alone a read, with `key=value` behind it a write. */
function secret([path, ...pairs]: readonly string[], { session }: CallContext): Result {
  if (path === undefined) return new Boxed(null);
  if (pairs.length === 0) return new Boxed(session.secret(secretAt(path)));
  const data = parsePairs(pairs);
  return new Boxed(session.secret({ kind: "write", path: place(path, "write"), data }));
}

/** What a read of the path asks for. */
export function secretAt(path: string): Dependency {
  return { kind: "read", ...parsePath(place(path, "read")) };
}

/** `a/b?version=2`: of the query only the version says which secret is meant. */
function parsePath(path: string): { path: string; version?: string } {
  if (!/[%?]/.test(path)) return { path };
  const badEscape = /%(?![0-9a-fA-F]{2}).{0,2}/s.exec(path.split("?")[0]!);
  if (badEscape) fail(`parse ${quote(path)}: invalid URL escape ${quote(badEscape[0])}`);
  const [bare = "", query = ""] = path.split("?", 2);
  const version = new URLSearchParams(query).get("version");
  return version === null || version === "" ? { path: trimSlashes(bare) } : { path: trimSlashes(bare), version };
}

function parsePairs(pairs: readonly string[]): Readonly<Record<string, string>> {
  const data: [string, string][] = [];
  for (const pair of pairs.filter((one) => one !== "")) {
    const at = pair.indexOf("=");
    if (at < 0) fail(`not k=v pair ${quote(pair)}`);
    data.push([pair.slice(0, at).trim(), pair.slice(at + 1).trim()]);
  }
  return Object.fromEntries(data);
}

const PEM: StructType = {
  name: "dependency.PemEncoded",
  fields: ["Cert", "Key", "CA", "CAChain", "Data"],
  methods: {},
};

/** A certificate that is renewed from its own dates, its key kept in the destination. */
function pkiCertificate([path, ...pairs]: readonly string[], { session }: CallContext): Result {
  if (path === undefined) return new Boxed(null);
  const data = parsePairs(pairs);
  const issued = session.secret({ kind: "pki", path: parsePath(place(path, "read")).path, data });
  return new Boxed(issued === null ? null : certificate(issued));
}

function certificate(issued: Struct): Struct {
  const data = issued.fields.get("Data");
  const field = (name: string) => (data instanceof Object && "entries" in data ? data.entries.get(name) : undefined);
  const chain = field("ca_chain");
  const fields = {
    Cert: pem(field("certificate")),
    Key: pem(field("private_key")),
    CA: pem(field("issuing_ca")),
    CAChain: stringSlice(chain instanceof Slice ? chain.items.map(pem) : []),
  };
  const inner = new Struct({ ...PEM, fields: PEM.fields.slice(0, 4) }, new Map(Object.entries(fields)), false);
  return struct(PEM, { ...fields, Data: inner });
}

/** With a line break at its end, which the server leaves out: what stands behind it begins a line. */
function pem(value: Value | undefined): string {
  return typeof value === "string" && value !== "" ? `${value.trim()}\n` : "";
}

/** A path without the slashes at its ends; what is none is an error, as the name of a variable that is not set. */
function place(path: string, use: "list" | "read" | "write"): string {
  return trimSlashes(path) || fail(`vault.${use}: invalid format: ""`);
}

function trimSlashes(path: string): string {
  const trimmed = path.trim();
  return trimmed.startsWith("/") || trimmed.endsWith("/") ? trimmed.replace(/^\/+|\/+$/g, "") : trimmed;
}
