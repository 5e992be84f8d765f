/** Floating-point numbers as Go's strconv.FormatFloat writes them. */

/** `precision` −1 is the shortest text that reads back as the same number. */
export function formatFloat(value: number, verb: "e" | "f" | "g", precision: number): string {
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "+Inf" : "-Inf";
  const sign = value < 0 || Object.is(value, -0) ? "-" : "";
  const magnitude = Math.abs(value);
  switch (verb) {
    case "e":
      return sign + exponential(precision < 0 ? shortest(magnitude) : rounded(magnitude, precision + 1), precision);
    case "f":
      return sign + (precision < 0 ? plain(shortest(magnitude)) : fixed(magnitude, precision));
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
  const guess = Number(value.toExponential().split("e")[1]) + 1;
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
  const bits = new DataView(new ArrayBuffer(8));
  bits.setFloat64(0, value);
  const raw = bits.getBigUint64(0);
  const biased = Number(raw >> 52n) & 0x7ff;
  const fraction = raw & 0xfffffffffffffn;
  const mantissa = biased === 0 ? fraction : fraction | 0x10000000000000n;
  const exponent = (biased === 0 ? 1 : biased) - 1075;
  let numerator = mantissa * (power > 0 ? 10n ** BigInt(power) : 1n);
  let denominator = power < 0 ? 10n ** BigInt(-power) : 1n;
  if (exponent > 0) numerator <<= BigInt(exponent);
  else denominator <<= BigInt(-exponent);
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
