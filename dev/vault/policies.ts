/** Policies: their text, and whether they let a token do something. */
import { Refusal } from "./refusal.ts";

export type Capability = "create" | "read" | "update" | "delete" | "list" | "sudo" | "deny" | "root";

interface Rule {
  readonly pattern: string;
  readonly capabilities: readonly string[];
}

interface Policy {
  readonly text: string;
  readonly rules: readonly Rule[];
  readonly version: number;
  readonly modified: number;
}

export interface PolicyStore {
  names(): string[];
  find(name: string): Pick<Policy, "text" | "version" | "modified"> | undefined;
  write(name: string, text: string): void;
  remove(name: string): void;
  /** What tokens with these policies may do on a path; `["deny"]` for nothing, `["root"]` for everything. */
  capabilities(policies: readonly string[], path: string): readonly Capability[];
  /** Whether any rule reaches into this mount at all. */
  reaches(policies: readonly string[], mount: string): boolean;
}

export function createPolicyStore(): PolicyStore {
  const policies = new Map<string, Policy>();
  function write(name: string, text: string): void {
    const version = (policies.get(name)?.version ?? 0) + 1;
    policies.set(name, { text, rules: parsePolicy(text), version, modified: Date.now() });
  }
  write("default", DEFAULT_POLICY);
  const rulesOf = (names: readonly string[]) => names.flatMap((name) => policies.get(name)?.rules ?? []);
  return {
    names: () => [...policies.keys(), "root"].sort(),
    find: (name) => (name === "root" ? { text: "", version: 0, modified: 0 } : policies.get(name)),
    write(name, text) {
      if (name === "root") throw new Refusal(400, 'cannot update "root" policy');
      write(name.toLowerCase(), text);
    },
    remove(name) {
      if (name === "root" || name === "default") throw new Refusal(400, `cannot delete ${name} policy`);
      policies.delete(name);
    },
    capabilities: (names, path) => (names.includes("root") ? ["root"] : decide(rulesOf(names), path)),
    reaches: (names, mount) =>
      names.includes("root") ||
      rulesOf(names).some(
        ({ pattern, capabilities }) =>
          !capabilities.includes("deny") &&
          (literalPart(pattern).startsWith(mount) || (pattern.endsWith("*") && mount.startsWith(pattern.slice(0, -1)))),
      ),
  };
}

/** The simple form: `path "…" { capabilities = ["…"] }`, as often as wanted, with comments. */
export function parsePolicy(text: string): Rule[] {
  const code = text.replace(/^\s*(#|\/\/).*$/gm, "");
  const block = /path\s+"([^"]+)"\s*\{([^}]*)\}/g;
  const rest = code.replace(block, "").trim();
  if (rest !== "") throw new Refusal(400, `failed to parse policy: unexpected ${JSON.stringify(rest.slice(0, 40))}`);
  return [...code.matchAll(block)].map(([, pattern, body]) => {
    const list = /capabilities\s*=\s*\[([^\]]*)\]/.exec(body!)?.[1] ?? "";
    const capabilities = [...list.matchAll(/"([^"]*)"/g)].map(([, word]) => word!);
    const unknown = capabilities.find((word) => !KNOWN.has(word));
    if (unknown !== undefined)
      throw new Refusal(400, `failed to parse policy: path "${pattern}": invalid capability "${unknown}"`);
    return { pattern: pattern!.replace(/^\//, ""), capabilities };
  });
}

const KNOWN = new Set(["create", "read", "update", "delete", "list", "patch", "scan", "sudo", "deny", "subscribe"]);

/** The most specific pattern counts alone; what several policies say about that same pattern is added up. */
function decide(rules: readonly Rule[], path: string): readonly Capability[] {
  const matching = rules.filter((rule) => matches(rule.pattern, path));
  if (matching.length === 0) return ["deny"];
  const best = matching.map((rule) => rule.pattern).reduce((a, b) => (moreSpecific(a, b) ? a : b));
  const granted = matching.filter((rule) => rule.pattern === best).flatMap((rule) => rule.capabilities);
  if (granted.includes("deny") || granted.length === 0) return ["deny"];
  return [...new Set(granted)].sort() as Capability[];
}

function matches(pattern: string, path: string): boolean {
  const open = pattern.endsWith("*");
  const wanted = (open ? pattern.slice(0, -1) : pattern).split("/");
  const given = path.split("/");
  if (open ? given.length < wanted.length : given.length !== wanted.length) return false;
  return wanted.every((segment, index) => {
    if (segment === "+") return true;
    return open && index === wanted.length - 1 ? given[index]!.startsWith(segment) : given[index] === segment;
  });
}

/** The order in which the server's documentation ranks two patterns that both match. */
function moreSpecific(a: string, b: string): boolean {
  const ranks = (pattern: string) => [
    literalPart(pattern) === pattern ? Number.POSITIVE_INFINITY : literalPart(pattern).length,
    pattern.endsWith("*") ? 0 : 1,
    -pattern.split("/").filter((segment) => segment === "+").length,
    pattern.length,
  ];
  const [ofA, ofB] = [ranks(a), ranks(b)];
  const first = ofA.findIndex((rank, index) => rank !== ofB[index]);
  return first === -1 ? a > b : ofA[first]! > ofB[first]!;
}

function literalPart(pattern: string): string {
  return /^(?:(?!\+(?:\/|$))[^*])*/.exec(pattern)![0];
}

/** What every token may do unless its role leaves this policy out. */
const DEFAULT_POLICY = [
  ["auth/token/lookup-self", "read"],
  ["auth/token/renew-self", "update"],
  ["auth/token/revoke-self", "update"],
  ["sys/capabilities-self", "update"],
  ["sys/internal/ui/resultant-acl", "read"],
  ["sys/leases/renew", "update"],
  ["sys/leases/lookup", "update"],
  ["cubbyhole/*", "create", "read", "update", "delete", "list"],
  ["sys/wrapping/wrap", "update"],
  ["sys/wrapping/lookup", "update"],
  ["sys/wrapping/unwrap", "update"],
  ["sys/tools/hash", "update"],
  ["sys/tools/hash/*", "update"],
]
  .map(([path, ...words]) => `path "${path}" {\n  capabilities = ${JSON.stringify(words)}\n}\n`)
  .join("\n");
