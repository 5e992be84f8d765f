/** Sprig's semantic versions and their constraints. */
import type { TemplateFunction } from "../../go/function.ts";
import { fail, Integer, type Method, Struct, type StructType, type Value } from "../../go/values.ts";
import { S, sprig } from "./define.ts";

interface Version {
  readonly major: bigint;
  readonly minor: bigint;
  readonly patch: bigint;
  readonly prerelease: string;
  readonly metadata: string;
  readonly original: string;
}

export const SPRIG_SEMVER: readonly TemplateFunction[] = [
  sprig(
    "semver",
    [S],
    ([text]) => new Struct(VERSION, new Map(), true, parseVersion(text) ?? fail("invalid semantic version")),
  ),
  sprig("semverCompare", [S, S], ([constraint, text]) => {
    const version = parseVersion(text) ?? fail("invalid semantic version");
    return constraint.split("||").some((all) => comparators(all).every((one) => one(version)));
  }),
];

const number = (pick: (version: Version) => bigint) => method((version) => new Integer("uint64", pick(version)));

const VERSION: StructType = {
  name: "semver.Version",
  fields: [],
  string: (version) => printVersion(version.hidden as Version),
  json: (version) => printVersion(version.hidden as Version),
  methods: {
    String: method(printVersion),
    Major: number((version) => version.major),
    Minor: number((version) => version.minor),
    Patch: number((version) => version.patch),
    Prerelease: method((version) => version.prerelease),
    Metadata: method((version) => version.metadata),
    Original: method((version) => version.original),
  },
};

function method(call: (version: Version) => Value): Method {
  return { parameters: [], call: (receiver) => call((receiver as Struct).hidden as Version) };
}

function parseVersion(text: string): Version | undefined {
  const match = /^v?(\d+)(?:\.(\d+))?(?:\.(\d+))?(?:-([0-9A-Za-z.-]+))?(?:\+([0-9A-Za-z.-]+))?$/.exec(text);
  if (match === null) return undefined;
  const [, major = "0", minor = "0", patch = "0", prerelease = "", metadata = ""] = match;
  return { major: BigInt(major), minor: BigInt(minor), patch: BigInt(patch), prerelease, metadata, original: text };
}

function printVersion({ major, minor, patch, prerelease, metadata }: Version): string {
  return `${major}.${minor}.${patch}${prerelease && `-${prerelease}`}${metadata && `+${metadata}`}`;
}

/** `>=1.2, <2`, `^1.2`, `~1.2.3`, `1.2.x`, `1.2 - 1.4`. */
function comparators(text: string): ((version: Version) => boolean)[] {
  const ranges = text.replace(/(\S+)\s+-\s+(\S+)/g, ">=$1 <=$2");
  const found = [...ranges.matchAll(/\s*(=|!=|>=|=>|<=|=<|>|<|~>|~|\^)?\s*(v?[0-9xX*][^\s,]*)\s*,?/g)];
  if (found.map(([whole]) => whole).join("") !== ranges || found.length === 0) fail(`improper constraint: ${text}`);
  return found.map(([, operator = "", version = ""]) => comparator(operator, version, text));
}

function comparator(operator: string, text: string, constraint: string): (version: Version) => boolean {
  const wild = text
    .replace(/^v/, "")
    .split(/[.+-]/)
    .findIndex((part) => /^[xX*]$/.test(part));
  const given = wild >= 0 ? wild : Math.min(3, text.split(/[-+]/)[0]!.split(".").length);
  const base = parseVersion(wild >= 0 ? text.replace(/^v/, "").split(".").slice(0, wild).join(".") || "0" : text);
  if (base === undefined) return fail(`improper constraint: ${constraint}`);
  const sameLine = (version: Version, parts: number) =>
    (parts < 1 || version.major === base.major) &&
    (parts < 2 || version.minor === base.minor) &&
    (parts < 3 || version.patch === base.patch);
  // A prerelease only fits where the constraint names one.
  const allowed = (version: Version) => version.prerelease === "" || base.prerelease !== "";
  const order = (version: Version) => compareVersions(version, base);
  const tests: Readonly<Record<string, (version: Version) => boolean>> = {
    "": (version) => (given < 3 ? sameLine(version, given) : order(version) === 0),
    "=": (version) => (given < 3 ? sameLine(version, given) : order(version) === 0),
    "!=": (version) => (given < 3 ? !sameLine(version, given) : order(version) !== 0),
    ">": (version) => order(version) > 0 && (given === 3 || !sameLine(version, given)),
    ">=": (version) => order(version) >= 0,
    "=>": (version) => order(version) >= 0,
    "<": (version) => order(version) < 0,
    "<=": (version) => order(version) <= 0 || (given < 3 && sameLine(version, given)),
    "=<": (version) => order(version) <= 0 || (given < 3 && sameLine(version, given)),
    "~": (version) => order(version) >= 0 && sameLine(version, Math.min(2, given)),
    "~>": (version) => order(version) >= 0 && sameLine(version, Math.min(2, given)),
    "^": (version) => order(version) >= 0 && sameLine(version, caretParts(base, given)),
  };
  return (version) => (allowed(version) || operator === "!=") && tests[operator]!(version);
}

/** How many numbers must stay as they are: up to the first that is not zero. */
function caretParts(base: Version, given: number): number {
  if (base.major > 0n || given < 2) return Math.min(1, given);
  return base.minor > 0n || given < 3 ? 2 : 3;
}

function compareVersions(a: Version, b: Version): number {
  for (const part of ["major", "minor", "patch"] as const) {
    if (a[part] !== b[part]) return a[part] < b[part] ? -1 : 1;
  }
  return comparePrereleases(a.prerelease, b.prerelease);
}

function comparePrereleases(a: string, b: string): number {
  if (a === b) return 0;
  if (a === "" || b === "") return a === "" ? 1 : -1;
  const x = a.split(".");
  const y = b.split(".");
  for (let i = 0; i < Math.min(x.length, y.length); i++) {
    if (x[i] === y[i]) continue;
    const [m, n] = [/^\d+$/.test(x[i]!), /^\d+$/.test(y[i]!)];
    if (m && n) return BigInt(x[i]!) < BigInt(y[i]!) ? -1 : 1;
    if (m !== n) return m ? -1 : 1;
    return x[i]! < y[i]! ? -1 : 1;
  }
  return x.length - y.length;
}
