/** The figures as a person reads them. */

export interface Row {
  readonly name: string;
  readonly unit: string;
  readonly ours: readonly number[];
  /** Measured in turn with ours; absent without a program to compare with. */
  readonly theirs?: readonly number[];
  /** What the project promised; `lower` also asks for less than theirs. */
  readonly limit?: number;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1
    ? (sorted[middle] as number)
    : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2;
}

/** Columns: what, lessee, the other, ratio of each pair (its median), limit, verdict. */
export function cells(row: Row): readonly string[] {
  const { ours, theirs, limit, unit } = row;
  const ratios = theirs?.map((value, index) => (ours[index] as number) / value).filter(Number.isFinite) ?? [];
  return [
    `${row.name} (${unit})`,
    spread(ours),
    theirs ? spread(theirs) : "not measured",
    ratios.length > 0 ? median(ratios).toFixed(2) : "–",
    limit === undefined ? "–" : `≤ ${limit}`,
    verdict(row),
  ];
}

export function text(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = header.map((_, column) => Math.max(...[header, ...rows].map((row) => (row[column] ?? "").length)));
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd();
  return [header, widths.map((width) => "-".repeat(width)), ...rows].map(line).join("\n");
}

export function markdown(header: readonly string[], rows: readonly (readonly string[])[]): string {
  return [header, header.map(() => "---"), ...rows].map((row) => `| ${row.join(" | ")} |`).join("\n");
}

function spread(values: readonly number[]): string {
  const digits = Math.max(...values) >= 20 ? 0 : 1;
  const [least, middle, most] = [Math.min(...values), median(values), Math.max(...values)].map((n) =>
    n.toFixed(digits),
  );
  return values.length === 1 ? String(middle) : `${middle} (${least}–${most})`;
}

function verdict({ ours, theirs, limit }: Row): string {
  const parts = [
    limit === undefined ? undefined : median(ours) <= limit ? "within the limit" : "OVER the limit",
    theirs === undefined
      ? undefined
      : median(ours) < median(theirs)
        ? "less than the other"
        : "NOT less than the other",
  ];
  return parts.filter(Boolean).join(", ") || "–";
}
