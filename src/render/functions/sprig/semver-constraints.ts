/** What a semantic version may be held against: `>=1.2, <2`, `^1.2`, `~1.2.3`, `1.2.x`, `1.2 - 1.4 || 2`. */
import { fail } from "../../go/values.ts";
import { comparePrereleases, compareVersions, parseVersion, SUFFIX, type Version } from "./semver-version.ts";

type Fits = (version: Version) => boolean;

const SPACE = "[\\t\\n\\f\\r ]";
const OPERATOR = "=||!=|>|<|>=|=>|<=|=<|~|~>|\\^";
const NUMBER = "[0-9|xX*]+";
const VERSION = `v?(${NUMBER})(\\.${NUMBER})?(\\.${NUMBER})?${SUFFIX}`;
/** The same without groups, for where only the whole matters. */
const ANY_VERSION = VERSION.replace(/\((?!\?)/g, "(?:");

const RANGE = `${SPACE}*(${ANY_VERSION})${SPACE}+-${SPACE}+(${ANY_VERSION})${SPACE}*`;
const ONE = `(?:${OPERATOR})${SPACE}*${ANY_VERSION}`;
const ALL = new RegExp(`^${SPACE}*${ONE}${SPACE}*(?:(?:${SPACE}+|,${SPACE}*)${ONE}${SPACE}*)*$`);
const PARTS = new RegExp(`^${SPACE}*(${OPERATOR})${SPACE}*${VERSION}${SPACE}*$`);

/** All constraints of one of the alternatives must fit. */
export function parseConstraints(text: string): Fits {
  const ranges = text.replace(new RegExp(RANGE, "g"), (_, from: string, to: string) => `>= ${from}, <= ${to} `);
  const alternatives = ranges.split("||").map((alternative) => {
    if (!ALL.test(alternative)) fail(`improper constraint: ${alternative}`);
    return (alternative.match(new RegExp(ONE, "g")) ?? []).map(parseConstraint);
  });
  return (version) => alternatives.some((all) => all.every((fits) => fits(version)));
}

interface Bound {
  readonly version: Version;
  /** Only the major number was given; `1` and `1.x` are the same. */
  readonly anyMinor: boolean;
  /** Only major and minor number were given. */
  readonly anyPatch: boolean;
  /** One of these, or nothing at all was given. */
  readonly open: boolean;
}

function parseConstraint(text: string): Fits {
  const match = PARTS.exec(text) ?? fail(`improper constraint: ${text}`);
  const [, operator, major = "", minor = "", patch = "", prerelease = ""] = match;
  const given = [major, minor.slice(1), patch.slice(1)].findIndex((part) => /^[xX*]?$/.test(part));
  const numbers = given === 0 ? "0.0.0" : given === 1 ? `${major}.0.0` : given === 2 ? `${major}${minor}.0` : undefined;
  const bound: Bound = {
    version: boundVersion(numbers === undefined ? text.replace(/^[^v0-9|xX*]*/, "").trim() : numbers + prerelease),
    anyMinor: given === 1,
    anyPatch: given === 2,
    open: given >= 0,
  };
  const fits = OPERATORS[operator!]!;
  return (version) => {
    if (operator !== "!=" && !allowed(version, bound)) return false;
    return fits(version, bound);
  };
}

function boundVersion(text: string): Version {
  try {
    return parseVersion(text);
  } catch {
    return fail("constraint Parser Error");
  }
}

/** A prerelease only fits where the constraint names one. */
function allowed(version: Version, bound: Bound): boolean {
  return version.prerelease === "" || bound.version.prerelease !== "";
}

const atLeast = (version: Version, bound: Bound) => compareVersions(version, bound.version) >= 0;
const sameMajor = (version: Version, bound: Bound) => version.major === bound.version.major;
const sameMinor = (version: Version, bound: Bound) => version.minor === bound.version.minor;

const OPERATORS: Readonly<Record<string, (version: Version, bound: Bound) => boolean>> = {
  "": equal,
  "=": equal,
  "!=": differs,
  ">": above,
  ">=": atLeast,
  "=>": atLeast,
  "<": (version, bound) => compareVersions(version, bound.version) < 0,
  "<=": atMost,
  "=<": atMost,
  "~": near,
  "~>": near,
  "^": compatible,
};

function equal(version: Version, bound: Bound): boolean {
  return bound.open ? near(version, bound) : compareVersions(version, bound.version) === 0;
}

function differs(version: Version, bound: Bound): boolean {
  if (bound.open) {
    if (!allowed(version, bound)) return false;
    if (!sameMajor(version, bound)) return true;
    if (bound.anyMinor) return false;
    if (!sameMinor(version, bound)) return true;
    if (bound.anyPatch) return comparePrereleases(version.prerelease, bound.version.prerelease) !== 0;
    if (version.patch !== bound.version.patch) return true;
  }
  return compareVersions(version, bound.version) !== 0;
}

function above(version: Version, bound: Bound): boolean {
  if (bound.open && !sameMajor(version, bound)) return version.major > bound.version.major;
  if (bound.anyMinor) return false;
  return bound.anyPatch ? version.minor > bound.version.minor : compareVersions(version, bound.version) > 0;
}

function atMost(version: Version, bound: Bound): boolean {
  if (!bound.open) return compareVersions(version, bound.version) <= 0;
  if (version.major > bound.version.major) return false;
  return !sameMajor(version, bound) || version.minor <= bound.version.minor || bound.anyMinor;
}

/** `~1.2.3` and `~1.2` stay below 1.3, `~1` below 2. */
function near(version: Version, bound: Bound): boolean {
  const { major, minor, patch } = bound.version;
  if (!atLeast(version, bound)) return false;
  if (major === 0n && minor === 0n && patch === 0n && !bound.anyMinor && !bound.anyPatch) return true;
  return sameMajor(version, bound) && (bound.anyMinor || sameMinor(version, bound));
}

/** `^1.2` stays below 2, `^0.2` below 0.3, `^0.0.2` below 0.0.3. */
function compatible(version: Version, bound: Bound): boolean {
  if (!atLeast(version, bound)) return false;
  if (!sameMajor(version, bound)) return false;
  if (bound.version.major > 0n || bound.anyMinor) return true;
  if (bound.version.minor > 0n || bound.anyPatch) return sameMinor(version, bound);
  return version.minor === 0n && version.patch === bound.version.patch;
}
