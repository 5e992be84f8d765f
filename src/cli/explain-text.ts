/** What `lessee explain` prints: the timetable of a credential, and every trap that was seen. Pure. */
import type { Facts, Forecast, PlannedRotation } from "../lease/forecast.ts";
import type { Trap } from "../lease/traps.ts";
import { formatDuration } from "../log/duration.ts";

export interface Explanation {
  readonly path: string;
  /** Where the numbers come from, in words. */
  readonly source: string;
  readonly facts: Facts;
  readonly forecast: Forecast | null;
  readonly traps: readonly Trap[];
  readonly unknown: readonly string[];
}

/** To the second, or finer where there is less. */
export function say(ms: number): string {
  if (!Number.isFinite(ms)) return "for ever";
  return formatDuration(ms < 10_000 ? Math.round(ms) : Math.round(ms / 1_000) * 1_000);
}

export function explanationText({ facts, forecast, path, source, traps, unknown }: Explanation): string {
  const lines = [
    `${path} (${source})`,
    ...(facts.token === null
      ? []
      : [
          `  token: ${lives(facts.token)}${facts.token.period > 0 ? `, with a period of ${say(facts.token.period)}` : ""}`,
        ]),
    ...(facts.lease === null ? [] : [`  lease: ${lives(facts.lease)}`]),
    ...(forecast === null ? [] : forecastLines(forecast)),
    ...traps.flatMap(({ code, cure, message }) => [`  TRAP ${code}: ${message}`, `       ${cure}`]),
    ...(unknown.length === 0 ? [] : ["  not known:", ...unknown.map((one) => `    - ${one}`)]),
    ...(traps.length === 0 ? [`  no trap seen${unknown.length === 0 ? "" : ", as far as is known"}`] : []),
  ];
  return `${lines.join("\n")}\n`;
}

/** Without what JSON cannot say. */
export function explanationJson(explanations: readonly Explanation[]): string {
  return `${JSON.stringify(explanations, (_key, value) => (value === Number.POSITIVE_INFINITY ? null : value), 2)}\n`;
}

// ---- internal ----

function lives({ maxTtl, renewable, ttl }: { ttl: number; maxTtl: number | null; renewable: boolean }): string {
  if (!renewable) return `${say(ttl)}, not renewable`;
  return `${say(ttl)}, ${maxTtl === null ? "at most nobody knows how long" : Number.isFinite(maxTtl) ? `at most ${say(maxTtl)}` : "renewable for ever"}`;
}

function forecastLines(forecast: Forecast): readonly string[] {
  const { increment, lead, renewEvery, rotations } = forecast;
  return [
    `  lead: ${say(lead)}, from the beginning of a rotation until the last old connection has closed`,
    Number.isFinite(renewEvery)
      ? `  renewed every ${say(renewEvery)} to ${say(increment)}, which is how long the user of a vanished pod lives at most`
      : "  not renewed",
    "  timetable, counted from the first login:",
    ...table([
      ["READ AT", "REPLACED AT", "OLD CONNECTIONS CLOSED BY", "ENDS AT", "TO SPARE", ""],
      ...rotations.map(row),
    ]),
  ];
}

function row({ because, closedAt, endsAt, login, readAt, rotationAt }: PlannedRotation): readonly string[] {
  const at = (time: number) => (Number.isFinite(time) ? `+${say(time)}` : "not known");
  const spare = endsAt - closedAt;
  const what = [...(login ? ["new login"] : []), ...(Number.isFinite(endsAt) ? [`ends with its ${because}`] : [])];
  return [
    at(readAt),
    at(rotationAt),
    at(closedAt),
    at(endsAt),
    !Number.isFinite(spare) ? "" : spare < 0 ? `-${say(-spare)}` : say(spare),
    what.join(", "),
  ];
}

function table(rows: readonly (readonly string[])[]): readonly string[] {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((cells) => cells[column]!.length)));
  return rows.map(
    (cells) =>
      `    ${cells
        .map((cell, column) => cell.padEnd(widths[column]! + 2))
        .join("")
        .trimEnd()}`,
  );
}
