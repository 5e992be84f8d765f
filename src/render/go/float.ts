/** Floating-point numbers as Go's strconv.FormatFloat writes them. */

export type FloatVerb = "e" | "f" | "g" | "b" | "x";

/** `precision` −1 is the shortest text that reads back as the same number. */
export function formatFloat(value: number, verb: FloatVerb, precision: number): string {
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "+Inf" : "-Inf";
  const sign = value < 0 || Object.is(value, -0) ? "-" : "";
  const magnitude = Math.abs(value);
  switch (verb) {
    case "e":
      return sign + exponential(precision < 0 ? shortest(magnitude) : rounded(magnitude, precision + 1), precision);
    case "f":
      return sign + (precision < 0 ? plain(shortest(magnitude)) : fixed(magnitude, precision));
    case "b":
      return sign + powerOfTwo(magnitude);
    case "x":
      return sign + hexadecimal(magnitude, precision);
    case "g": {
      const digits = precision < 0 ? shortest(magnitude) : rounded(magnitude, Math.max(precision, 1));
      const significant = digits.digits.replace(/0+$/, "") || "0";
      const limit = precision < 0 ? 6 : Math.max(precision, 1);
      // Go lets %e begin later when all digits stand before the point anyway.
      const effective =
        precision >= 0 && limit > significant.length && significant.length >= digits.point ? significant.length : limit;
      const exponent = digits.point - 1;
      const trimmed = { digits: significant, point: digits.point };
      return sign + (exponent < -4 || exponent >= effective ? exponential(trimmed, -1) : plain(trimmed));
    }
  }
}

/** As JSON writes it: plain between 1e-6 and 1e21. */
export function formatJsonFloat(value: number): string {
  const magnitude = Math.abs(value);
  if (magnitude !== 0 && (magnitude < 1e-6 || magnitude >= 1e21)) {
    return formatFloat(value, "e", -1).replace(/e([+-])0(\d)$/, "e$1$2");
  }
  return formatFloat(value, "f", -1);
}

/** 0.digits × 10^point */
interface Decimal {
  readonly digits: string;
  readonly point: number;
}

function shortest(value: number): Decimal {
  if (value === 0) return { digits: "0", point: 1 };
  const [mantissa = "0", exponent = "0"] = value.toExponential().split("e");
  return { digits: mantissa.replace(".", ""), point: Number(exponent) + 1 };
}

/** Exactly `count` digits, correctly rounded (half to even). */
function rounded(value: number, count: number): Decimal {
  if (value === 0) return { digits: "0".repeat(count), point: 1 };
  // The shortest text of a number may lie beyond it: 1e-7 is 9.99…e-8.
  const { digits: short, point } = shortest(value);
  const beyond = short === "1" && scaled(value, count - point + 1).toString().length === count;
  const guess = beyond ? point - 1 : point;
  const digits = scaled(value, count - guess).toString();
  // Rounding up 9.99 makes one digit more.
  return { digits: digits.slice(0, count), point: guess + digits.length - count };
}

function fixed(value: number, precision: number): string {
  const digits = scaled(value, precision)
    .toString()
    .padStart(precision + 1, "0");
  return precision === 0 ? digits : `${digits.slice(0, -precision)}.${digits.slice(-precision)}`;
}

/** value × 10^power as a whole number, half to even: exact, because a double is a whole number times a power of two. */
function scaled(value: number, power: number): bigint {
  const { mantissa, exponent } = binary(value);
  let numerator = mantissa * (power > 0 ? 10n ** BigInt(power) : 1n);
  let denominator = power < 0 ? 10n ** BigInt(-power) : 1n;
  if (exponent > 0) numerator <<= BigInt(exponent);
  else denominator <<= BigInt(-exponent);
  return halfToEven(numerator, denominator);
}

/** Not negative and finite: mantissa × 2^exponent. */
function binary(value: number): { readonly mantissa: bigint; readonly exponent: number } {
  const bits = new DataView(new ArrayBuffer(8));
  bits.setFloat64(0, value);
  const raw = bits.getBigUint64(0);
  const biased = Number(raw >> 52n) & 0x7ff;
  const fraction = raw & 0xfffffffffffffn;
  return { mantissa: biased === 0 ? fraction : fraction | 0x10000000000000n, exponent: (biased || 1) - 1075 };
}

/** `4503599627370496p-52` */
function powerOfTwo(value: number): string {
  const { mantissa, exponent } = binary(value);
  return `${mantissa}p${exponent < 0 ? "-" : "+"}${Math.abs(exponent)}`;
}

/** `0x1.8p+01`: one bit before the point, rounded half to even when digits are counted. */
function hexadecimal(value: number, precision: number): string {
  let { mantissa, exponent } = binary(value);
  if (mantissa === 0n) exponent = -52;
  while (mantissa > 0n && mantissa < 1n << 52n) {
    mantissa <<= 1n;
    exponent--;
  }
  const dropped = BigInt(precision < 0 ? 0 : Math.max(0, 52 - 4 * precision));
  const kept = halfToEven(mantissa, 1n << dropped) << dropped;
  if (kept >> 53n > 0n) return hexadecimal(2 ** (exponent + 53), precision);
  const fraction = (kept & 0xfffffffffffffn).toString(16).padStart(13, "0");
  const shown = precision < 0 ? fraction.replace(/0+$/, "") : fraction.slice(0, precision).padEnd(precision, "0");
  const power = exponent + 52;
  return `0x${kept >> 52n}${shown === "" ? "" : `.${shown}`}p${power < 0 ? "-" : "+"}${String(Math.abs(power)).padStart(2, "0")}`;
}

function halfToEven(numerator: bigint, denominator: bigint): bigint {
  const quotient = numerator / denominator;
  const twice = (numerator % denominator) * 2n;
  return twice > denominator || (twice === denominator && quotient % 2n === 1n) ? quotient + 1n : quotient;
}

function plain({ digits, point }: Decimal): string {
  if (point <= 0) return `0.${"0".repeat(-point)}${digits}`;
  if (point >= digits.length) return digits + "0".repeat(point - digits.length);
  return `${digits.slice(0, point)}.${digits.slice(point)}`;
}

function exponential({ digits, point }: Decimal, precision: number): string {
  const exponent = /^0*$/.test(digits) ? 0 : point - 1;
  const shown = precision < 0 ? digits : digits.padEnd(precision + 1, "0");
  const mantissa = shown.length > 1 ? `${shown[0]}.${shown.slice(1)}` : shown;
  return `${mantissa}e${exponent < 0 ? "-" : "+"}${String(Math.abs(exponent)).padStart(2, "0")}`;
}
