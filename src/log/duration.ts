/** Durations for people: as Go prints them, rounded to what an eye can use. */

const UNITS: readonly (readonly [name: string, length: number])[] = [
  ["h", 3_600_000],
  ["m", 60_000],
];

/** `350ms`, `1.25s`, `30s`, `1m30s`, `12h0m0s` becomes `12h`: parts that are zero are left out. */
export function formatDuration(ms: number): string {
  if (!Number.isFinite(ms)) return "∞";
  if (ms < 0) return `-${formatDuration(-ms)}`;
  if (ms < 1) return ms === 0 ? "0s" : `${Math.ceil(ms * 1000)}µs`;
  if (Math.round(ms) < 1000) return `${Math.round(ms)}ms`;
  if (ms < 10_000) return `${Number((ms / 1000).toFixed(2))}s`;
  let left = Math.round(ms / 1000) * 1000;
  let text = "";
  for (const [name, length] of UNITS) {
    const count = Math.floor(left / length);
    if (count > 0) text += `${count}${name}`;
    left -= count * length;
  }
  return left > 0 ? `${text}${left / 1000}s` : text;
}
