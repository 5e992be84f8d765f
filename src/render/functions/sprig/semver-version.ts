/** One semantic version: `v1.2.3-rc.1+build`, of which all but the first number may be missing. */

import { compareStrings } from "../../go/order.ts";
import { quote } from "../../go/quote.ts";
import { fail } from "../../go/values.ts";

export interface Version {
  readonly major: bigint;
  readonly minor: bigint;
  readonly patch: bigint;
  readonly prerelease: string;
  readonly metadata: string;
  readonly original: string;
}

/** What follows the numbers, in versions and in constraints. */
export const SUFFIX = String.raw`(-[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?(\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?`;
const PATTERN = new RegExp(String.raw`^v?([0-9]+)(\.[0-9]+)?(\.[0-9]+)?${SUFFIX}$`);

export function parseVersion(text: string): Version {
  const match = PATTERN.exec(text) ?? fail("Invalid Semantic Version");
  const [, major, minor = ".0", patch = ".0", prerelease = "-", metadata = "+"] = match;
  const version = {
    major: segment(major!),
    minor: segment(minor.slice(1)),
    patch: segment(patch.slice(1)),
    prerelease: prerelease.slice(1),
    metadata: metadata.slice(1),
    original: text,
  };
  validatePrerelease(version.prerelease);
  return version;
}

export function printVersion({ major, minor, patch, prerelease, metadata }: Version): string {
  return `${major}.${minor}.${patch}${prerelease && `-${prerelease}`}${metadata && `+${metadata}`}`;
}

/** Metadata does not count. */
export function compareVersions(a: Version, b: Version): number {
  for (const part of ["major", "minor", "patch"] as const) {
    if (a[part] !== b[part]) return a[part] < b[part] ? -1 : 1;
  }
  return comparePrereleases(a.prerelease, b.prerelease);
}

export function validatePrerelease(text: string): void {
  for (const part of text.split(".")) {
    if (/^0[0-9]+$/.test(part)) fail("Version segment starts with 0");
    if (!/^[0-9A-Za-z-]*$/.test(part)) fail("Invalid Prerelease string");
  }
}

export function validateMetadata(text: string): void {
  if (!/^[0-9A-Za-z.-]*$/.test(text)) fail("Invalid Metadata string");
}

/** None is later than any; part by part, numbers before words. */
export function comparePrereleases(a: string, b: string): number {
  if (a === b) return 0;
  if (a === "" || b === "") return a === "" ? 1 : -1;
  const x = a.split(".");
  const y = b.split(".");
  for (let i = 0; i < Math.max(x.length, y.length); i++) {
    const order = compareParts(x[i] ?? "", y[i] ?? "");
    if (order !== 0) return order;
  }
  return 0;
}

function compareParts(a: string, b: string): number {
  if (a === b) return 0;
  if (a === "" || b === "") return a === "" ? -1 : 1;
  const [x, y] = [a, b].map((part) => (/^[0-9]+$/.test(part) && isUint64(part) ? BigInt(part) : undefined));
  if (x !== undefined && y !== undefined) return x > y ? 1 : -1;
  if (x === undefined && y === undefined) return compareStrings(a, b) > 0 ? 1 : -1;
  return x === undefined ? 1 : -1;
}

function segment(digits: string): bigint {
  if (!isUint64(digits)) {
    fail(`Error parsing version segment: strconv.ParseUint: parsing ${quote(digits)}: value out of range`);
  }
  return BigInt(digits);
}

function isUint64(digits: string): boolean {
  return BigInt.asUintN(64, BigInt(digits)) === BigInt(digits);
}
