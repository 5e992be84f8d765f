/** One metric as a line: as statsd and statsite read it, whose names have no labels, and as dogstatsd, whose lines have tags. */
import type { Kind, Label, Named } from "./naming.ts";

const TYPES = { counter: "c", gauge: "g", sample: "ms" } as const satisfies Record<Kind, string>;

/** Labels stand at the end of the name, by their values. */
export function statsdLine(kind: Kind, { key, labels }: Named, value: number): string {
  const name = [...key, ...labels.map(([, text]) => text)].join(".");
  return `${oneWord(name)}:${value.toFixed(6)}|${TYPES[kind]}\n`;
}

/** @param host is left out of the name: the daemon knows where its packets come from */
export function dogstatsdLine(
  kind: Kind,
  { key, labels }: Named,
  value: number,
  { tags, host }: { readonly tags: readonly string[]; readonly host: string | null },
): string {
  const at = host === null ? -1 : key.indexOf(host);
  const name = key.filter((_, index) => index !== at).join(".");
  const number = kind === "counter" ? Math.trunc(value) : kind === "sample" ? value.toFixed(6) : value;
  const all = [...tags.map(oneTag), ...labels.map(tagOf)];
  return `${oneWord(name)}:${number}|${TYPES[kind]}${all.length === 0 ? "" : `|#${all.join(",")}`}\n`;
}

// ---- internal ----

/** What would end the name, the value or the line early. */
function oneWord(text: string): string {
  return text.replace(/[:\s|@]/g, "_");
}

function oneTag(text: string): string {
  return text.replace(/[\n|]/g, "_");
}

function tagOf([name, value]: Label): string {
  const clean = (text: string) => oneWord(text).replaceAll(",", "_");
  return value === "" ? clean(name) : `${clean(name)}:${clean(value)}`;
}
