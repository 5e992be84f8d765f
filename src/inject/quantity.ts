/** Kubernetes' quantities, as its own library reads them and writes them again: `1024Mi` becomes `1Gi`. */
import { Refusal } from "./refusal.ts";

/** The quantity in the cluster's spelling. Throws a Refusal. */
export function quantity(text: string): string {
  const [, sign = "", whole = "", fraction = "", suffix = ""] = SHAPE.exec(text) ?? [];
  if (!SHAPE.test(text)) {
    const rule = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
    throw new Refusal(rule, `${JSON.stringify(text)} is none; as 250m or 64Mi`);
  }
  const unit = unitOf(suffix);
  if (!unit) throw new Refusal("unable to parse quantity's suffix", `${JSON.stringify(text)}; as 250m or 64Mi`);
  const digits = (whole.replace(/^0+/, "") || "0") + fraction;
  const isSmall = fitsInt64(digits, fraction, unit);
  if (isSmall && isCanonical(digits, fraction, unit)) return text;
  if (!isSmall && whole + fraction === "")
    throw new Refusal("unable to parse numeric part of quantity", `${JSON.stringify(text)} has no digits`);
  const value = nanos(BigInt(digits), fraction.length, unit);
  if (value === 0n) return "0";
  return (sign === "-" ? "-" : "") + written(value, unit.format);
}

// ---- internal ----

const SHAPE = /^([+-]?)(\d*)(?:\.(\d*))?([eEinumkKMGTP]*(?:[-+]?\d*))$/;

type Format = "decimal" | "exponent" | "binary";

interface Unit {
  readonly format: Format;
  /** Of ten, or of two for a binary one. */
  readonly power: number;
}

const DECIMAL: ReadonlyMap<string, number> = new Map(
  ["n", "u", "m", "", "k", "M", "G", "T", "P", "E"].map((suffix, at) => [suffix, 3 * (at - 3)]),
);
const BINARY = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];

/** More is a typing error, and would be a number of as many digits. */
const MOST_EXPONENT = 100;

const INT64_MAX = 2n ** 63n - 1n;
const BILLION = 10n ** 9n;

function unitOf(suffix: string): Unit | undefined {
  const power = DECIMAL.get(suffix);
  if (power !== undefined) return { format: "decimal", power };
  if (BINARY.includes(suffix)) return { format: "binary", power: 10 * BINARY.indexOf(suffix) };
  const [, exponent] = /^[eE]([+-]?\d+)$/.exec(suffix) ?? [];
  if (exponent === undefined || Math.abs(Number(exponent)) > MOST_EXPONENT) return undefined;
  return { format: "exponent", power: Number(exponent) };
}

/** By the library's own estimate. */
function fitsInt64(digits: string, fraction: string, { format, power }: Unit): boolean {
  if (format !== "binary") return digits.length <= 18 && power - fraction.length >= -9;
  const room = 15 - digits.length - Math.trunc((power * 3) / 10) - 1;
  return room >= 0 && fraction === "" && BigInt(digits) << BigInt(power) <= INT64_MAX;
}

/** What is in the library's own form, as far as it looks, stays as it was written. */
function isCanonical(digits: string, fraction: string, { format, power }: Unit): boolean {
  if (format === "binary") return (BigInt(digits) & 7n) !== 0n;
  return (power - fraction.length) % 3 === 0 && !digits.endsWith("000") && !digits.startsWith("0");
}

/** Billionths, the rest rounded up: who asks for a little gets some. */
function nanos(digits: bigint, fraction: number, { format, power }: Unit): bigint {
  const scale = 9 - fraction + (format === "binary" ? 0 : power);
  const factor = 10n ** BigInt(Math.abs(scale));
  const value = format === "binary" ? digits << BigInt(power) : digits;
  const result = scale >= 0 ? value * factor : (value + factor - 1n) / factor;
  const most = INT64_MAX * BILLION;
  return format === "binary" && result > most ? most : result;
}

function written(value: bigint, format: Format): string {
  if (format === "binary" && value >= 1024n * BILLION && value % BILLION === 0n) {
    let [number, times] = [value / BILLION, 0];
    for (; number % 1024n === 0n && times < BINARY.length - 1; times++) number /= 1024n;
    return `${number}${BINARY[times]}`;
  }
  let [mantissa, exponent] = [value, -9];
  for (; mantissa % 10n === 0n; exponent++) mantissa /= 10n;
  for (; exponent % 3 !== 0; exponent--) mantissa *= 10n;
  if (format === "exponent") return exponent === 0 ? String(mantissa) : `${mantissa}e${exponent}`;
  const suffix = [...DECIMAL].find(([, power]) => power === exponent)?.[0] ?? "";
  return `${mantissa}${suffix}`;
}
