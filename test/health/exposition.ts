/**
 * A strict reader of Prometheus' text format 0.0.4: what the format forbids, or what promtool would complain of,
 * throws. Written from the format's description.
 */

export interface Family {
  readonly type: "counter" | "gauge" | "histogram";
  readonly help: string;
  readonly samples: readonly { readonly name: string; readonly labels: Labels; readonly value: number }[];
}

type Labels = Readonly<Record<string, string>>;

const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;

export function readExposition(text: string): ReadonlyMap<string, Family> {
  if (!text.endsWith("\n")) throw new Error("the last line has no line feed");
  const families = new Map<string, { type?: Family["type"]; help: string; samples: Family["samples"][number][] }>();
  const seen = new Set<string>();
  let open = "";

  for (const line of text.slice(0, -1).split("\n")) {
    if (line === "") continue;
    const comment = /^# (HELP|TYPE) (\S+) (.*)$/.exec(line);
    if (comment) {
      const [, word, name = "", rest = ""] = comment;
      if (!NAME.test(name)) throw new Error(`not a name: ${line}`);
      if (word === "HELP") {
        if (families.has(name)) throw new Error(`${name} stands twice`);
        if (rest === "" || /\\[^\\n]/.test(rest)) throw new Error(`bad help: ${line}`);
        families.set(name, { help: rest, samples: [] });
        open = name;
      } else {
        if (name !== open || families.get(name)?.samples.length !== 0) throw new Error(`TYPE out of place: ${line}`);
        if (rest !== "counter" && rest !== "gauge" && rest !== "histogram") throw new Error(`bad type: ${line}`);
        families.get(name)!.type = rest;
      }
      continue;
    }
    const sample = readSample(line);
    const family = families.get(open);
    if (!family?.type) throw new Error(`a sample before its TYPE: ${line}`);
    const allowed = family.type === "histogram" ? ["_bucket", "_sum", "_count"].map((end) => open + end) : [open];
    if (!allowed.includes(sample.name)) throw new Error(`a sample of another family: ${line}`);
    const key = `${sample.name} ${JSON.stringify(Object.entries(sample.labels).sort())}`;
    if (seen.has(key)) throw new Error(`the same sample twice: ${line}`);
    seen.add(key);
    family.samples.push(sample);
  }

  for (const [name, family] of families) {
    if (!family.type) throw new Error(`${name} has no TYPE`);
    if (family.type === "counter" && !name.endsWith("_total")) throw new Error(`the counter ${name} lacks _total`);
    if (family.type !== "counter" && name.endsWith("_total")) throw new Error(`${name} is no counter`);
    if (family.type === "counter" && family.samples.some(({ value }) => !(value >= 0))) {
      throw new Error(`the counter ${name} is negative`);
    }
    if (family.type === "histogram") checkHistogram(name, family.samples);
  }
  return families as ReadonlyMap<string, Family>;
}

function readSample(line: string): Family["samples"][number] {
  const head = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$/.exec(line);
  if (!head) throw new Error(`not a sample: ${line}`);
  const [, name = "", list = "", number = ""] = head;
  const labels: Record<string, string> = {};
  const pair = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\["\\n])*)"(,|$)/y;
  while (pair.lastIndex < list.length) {
    const match = pair.exec(list);
    if (!match || match[1]! in labels) throw new Error(`bad labels: ${line}`);
    labels[match[1]!] = match[2]!.replace(/\\(.)/g, (_, c: string) => (c === "n" ? "\n" : c));
  }
  if (!/^(?:[+-]?Inf|NaN|[+-]?\d+(?:\.\d+)?(?:e[+-]?\d+)?)$/.test(number)) throw new Error(`bad number: ${line}`);
  return { name, labels, value: Number(number.replace("Inf", "Infinity")) };
}

/** Of every combination of labels: rising buckets up to +Inf, which is the count; a sum. */
function checkHistogram(name: string, samples: Family["samples"]): void {
  const groups = Map.groupBy(samples, ({ labels: { le: _, ...rest } }) => JSON.stringify(Object.entries(rest).sort()));
  for (const [labels, group] of groups) {
    const buckets = group.filter((sample) => sample.name === `${name}_bucket`);
    const count = group.find((sample) => sample.name === `${name}_count`)?.value;
    const rising = buckets.every(
      ({ value, labels: { le } }, i) =>
        i === 0 || (value >= buckets[i - 1]!.value && bound(le) > bound(buckets[i - 1]!.labels.le)),
    );
    const last = buckets.at(-1);
    if (!rising || last?.labels.le !== "+Inf" || last.value !== count) throw new Error(`bad buckets: ${name}${labels}`);
    if (!group.some((sample) => sample.name === `${name}_sum`)) throw new Error(`no sum: ${name}${labels}`);
  }
}

function bound(le: string | undefined): number {
  return Number((le ?? "NaN").replace("Inf", "Infinity"));
}
