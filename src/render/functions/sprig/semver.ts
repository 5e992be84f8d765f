/** Sprig's semantic versions, as Masterminds' semver reads and compares them. */
import type { TemplateFunction } from "../../go/function.ts";
import {
  fail,
  Integer,
  type Method,
  type ParameterType,
  Struct,
  type StructType,
  type Value,
} from "../../go/values.ts";
import { S, sprig } from "./define.ts";
import { parseConstraints } from "./semver-constraints.ts";
import {
  compareVersions,
  parseVersion,
  printVersion,
  type Version,
  validateMetadata,
  validatePrerelease,
} from "./semver-version.ts";

export const SPRIG_SEMVER: readonly TemplateFunction[] = [
  sprig("semver", [S], ([text]) => versionValue(parseVersion(text), true)),
  sprig("semverCompare", [S, S], ([constraint, text]) => {
    const fits = parseConstraints(constraint);
    return fits(parseVersion(text));
  }),
];

/** What makes versions is a pointer to one; what raises them, a version. */
function versionValue(version: Version, pointer: boolean): Struct {
  const number = (value: bigint) => new Integer("uint64", value);
  const fields = new Map<string, Value>([
    ["major", number(version.major)],
    ["minor", number(version.minor)],
    ["patch", number(version.patch)],
    ["pre", version.prerelease],
    ["metadata", version.metadata],
    ["original", version.original],
  ]);
  return new Struct(VERSION, fields, pointer, version);
}

const VERSION: StructType = {
  name: "semver.Version",
  fields: ["major", "minor", "patch", "pre", "metadata", "original"],
  string: (version) => printVersion(versionOf(version)),
  json: (version) => printVersion(versionOf(version)),
  methods: {
    String: method([], printVersion),
    Major: method([], (version) => new Integer("uint64", version.major)),
    Minor: method([], (version) => new Integer("uint64", version.minor)),
    Patch: method([], (version) => new Integer("uint64", version.patch)),
    Prerelease: method([], (version) => version.prerelease),
    Metadata: method([], (version) => version.metadata),
    Original: method([], (version) => version.original),
    Compare: comparing((order) => BigInt(order)),
    Equal: comparing((order) => order === 0),
    LessThan: comparing((order) => order < 0),
    LessThanEqual: comparing((order) => order <= 0),
    GreaterThan: comparing((order) => order > 0),
    GreaterThanEqual: comparing((order) => order >= 0),
    IncMajor: raising((version) => ({ ...version, major: version.major + 1n, minor: 0n, patch: 0n })),
    IncMinor: raising((version) => ({ ...version, minor: version.minor + 1n, patch: 0n })),
    IncPatch: raising((version) => (version.prerelease === "" ? { ...version, patch: version.patch + 1n } : version)),
    SetPrerelease: method(["string"], (version, [text]) => {
      validatePrerelease(text as string);
      return renamed({ ...version, prerelease: text as string });
    }),
    SetMetadata: method(["string"], (version, [text]) => {
      validateMetadata(text as string);
      return renamed({ ...version, metadata: text as string });
    }),
  },
};

function versionOf(value: Value): Version {
  return (value as Struct).hidden as Version;
}

function method(
  parameters: readonly ParameterType[],
  call: (version: Version, args: readonly Value[]) => Value,
): Method {
  return { parameters, call: (receiver, args) => call(versionOf(receiver as Struct), args) };
}

function comparing(say: (order: number) => Value): Method {
  return method(["*semver.Version"], (version, [other]) => {
    if (other === null) fail("runtime error: invalid memory address or nil pointer dereference");
    return say(compareVersions(version, versionOf(other!)));
  });
}

function raising(raise: (version: Version) => Version): Method {
  return method([], (version) => renamed({ ...raise(version), prerelease: "", metadata: "" }));
}

function renamed(version: Version): Struct {
  const prefix = version.original.startsWith("v") ? "v" : "";
  return versionValue({ ...version, original: prefix + printVersion(version) }, false);
}
