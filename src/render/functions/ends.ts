/** When a credential ends: functions of lessee's own. */
import type { Ends } from "../../vault/secret.ts";
import { type CallContext, define, type TemplateFunction } from "../go/function.ts";
import { momentOfMilliseconds } from "./moment.ts";
import { formatTime } from "./time-format.ts";
import { secretAt } from "./vault.ts";

/** As `2026-11-25T10:00:00Z`, or in seconds since 1970; empty, or 0, where nothing is known. */
export const END_FUNCTIONS: readonly TemplateFunction[] = [
  define("lesseeExpiry", ["string"], ([path], context) => text(endsOf(path, context)?.expiry)),
  define("lesseeExpiryUnix", ["string"], ([path], context) => seconds(endsOf(path, context)?.expiry)),
  define("lesseeHorizon", ["string"], ([path], context) => text(endsOf(path, context)?.horizon)),
  define("lesseeHorizonUnix", ["string"], ([path], context) => seconds(endsOf(path, context)?.horizon)),
];

// ---- internal ----

type Time = number | null | undefined;

function endsOf(path: string, { session }: CallContext): Ends | undefined {
  return session.ends(secretAt(path));
}

/** The second below: whoever goes by it is early, and not late. */
function seconds(time: Time): bigint {
  return BigInt(Math.floor((time ?? 0) / 1_000));
}

function text(time: Time): string {
  return time === null || time === undefined
    ? ""
    : formatTime(momentOfMilliseconds(Number(seconds(time)) * 1_000), "2006-01-02T15:04:05Z07:00");
}
