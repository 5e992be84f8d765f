/** Alerts and dashboard: that they parse, fire when they should, ask for what there is, and lead to a page that helps. */
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { EVENT_METRICS } from "../../src/health/event-metrics.ts";
import { STATUS_METRICS } from "../../src/health/status-metrics.ts";
import { WEBHOOK_EVENT_METRICS, WEBHOOK_STATUS_METRICS } from "../../src/health/webhook-metrics.ts";
import { anchors, page } from "../docs/markdown.ts";
import { needs, say } from "./tool.ts";

const chart = join(import.meta.dirname, "../../charts/lessee");
const alertsFile = join(chart, "files/alerts.yaml");

interface Alert {
  readonly alert: string;
  readonly expr: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

interface Panel {
  readonly id: number;
  readonly title: string;
  readonly type: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets?: readonly { readonly expr: string; readonly legendFormat: string }[];
}

interface Dashboard {
  readonly panels: readonly Panel[];
  readonly templating: { readonly list: readonly { readonly type: string; readonly definition?: string }[] };
}

const [group] = (parse(readFileSync(alertsFile, "utf8")) as { groups: [{ rules: readonly Alert[] }] }).groups;
const alerts = group.rules;
const dashboard = JSON.parse(readFileSync(join(chart, "files/dashboard.json"), "utf8")) as Dashboard;
const queries = dashboard.panels.flatMap(({ title, targets = [] }) =>
  targets.map((target) => ({ title, expr: target.expr, legend: target.legendFormat })),
);

/** What Prometheus adds to each sample by itself, or by the pod that it comes from. */
const OF_THE_TARGET = ["namespace", "pod", "job", "instance", "le"];
const labelsOf = new Map<string, readonly string[]>([
  ["up", []],
  ...[...EVENT_METRICS, ...STATUS_METRICS, ...WEBHOOK_EVENT_METRICS, ...WEBHOOK_STATUS_METRICS].flatMap(
    (row): [string, readonly string[]][] =>
      (row.type === "histogram" ? ["_bucket", "_count", "_sum"] : [""]).map((end) => [`${row.name}${end}`, row.labels]),
  ),
]);

const metricsIn = (expr: string) => [...expr.matchAll(/\b(lessee_\w+|up)\b/g)].map(([, name = ""]) => name);

/** In selectors, and in the clauses that group by them. */
function labelsIn(expr: string): readonly string[] {
  const selected = [...expr.matchAll(/\{([^}]*)\}/g)].flatMap(([, inside = ""]) =>
    [...inside.matchAll(/(\w+)\s*(?:=~|!~|!=|=)/g)].map(([, label = ""]) => label),
  );
  const grouped = [...expr.matchAll(/\b(?:by|without|on|ignoring)\s*\(([^)]*)\)/g)].flatMap(([, inside = ""]) =>
    inside.split(",").map((label) => label.trim()),
  );
  return [...selected, ...grouped];
}

function unknownLabels(expr: string, more: readonly string[] = []): readonly string[] {
  const known = new Set([...OF_THE_TARGET, ...metricsIn(expr).flatMap((name) => labelsOf.get(name) ?? [])]);
  return [...labelsIn(expr), ...more].filter((label) => !known.has(label));
}

describe("the alerts", () => {
  it.each(alerts)("$alert asks for metrics and labels that exist, and says them by name", ({ expr, annotations }) => {
    expect(metricsIn(expr).filter((name) => !labelsOf.has(name))).toEqual([]);
    const named = Object.values(annotations).flatMap((text) =>
      [...text.matchAll(/\$labels\.(\w+)/g)].map(([, label = ""]) => label),
    );
    expect(unknownLabels(expr, named)).toEqual([]);
  });

  it.each(alerts)("$alert has a page that says what to do", ({ alert, labels }) => {
    expect(anchors(page("docs/operations.md"))).toContain(alert.toLowerCase());
    expect(labels.severity).toMatch(/^(critical|warning)$/);
  });

  it("have no page for one that is not there", () => {
    const headings = [...page("docs/operations.md").text.matchAll(/^### (Lessee\w+)$/gm)].map(([, name]) => name);
    expect(headings.sort()).toEqual(alerts.map(({ alert }) => alert).sort());
  });
});

describe(`the alerts in Prometheus' own tool${needs("promtool")}`, { skip: needs("promtool") !== "" }, () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "lessee-alerts-"));
    copyFileSync(alertsFile, join(folder, "alerts.yaml"));
    copyFileSync(join(import.meta.dirname, "fixtures/alerts.test.yaml"), join(folder, "alerts.test.yaml"));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it("are well-formed rules", () => {
    const { code, text } = say("promtool", ["check", "rules", join(folder, "alerts.yaml")]);
    expect({ code, text }).toMatchObject({ code: 0, text: expect.stringContaining(`${alerts.length} rules found`) });
  });

  it("fire when they should, and only then", () => {
    expect(say("promtool", ["test", "rules", join(folder, "alerts.test.yaml")])).toMatchObject({ code: 0 });
  });

  it("are each tried where they fire and where they do not", () => {
    const { tests } = parse(readFileSync(join(folder, "alerts.test.yaml"), "utf8")) as {
      tests: readonly { alert_rule_test: readonly { alertname: string; exp_alerts: readonly object[] }[] }[];
    };
    const trials = tests.flatMap((one) => one.alert_rule_test);
    for (const { alert } of alerts) {
      const counts = trials.filter(({ alertname }) => alertname === alert).map(({ exp_alerts }) => exp_alerts.length);
      expect({ alert, quiet: counts.includes(0), fires: counts.some((count) => count > 0) }).toEqual({
        ...{ alert, quiet: true, fires: true },
      });
    }
  });

  it("are all tried, and each trial can fail", () => {
    const tried = new Set(
      [...readFileSync(join(folder, "alerts.test.yaml"), "utf8").matchAll(/alertname: (\w+)/g)].map(([, name]) => name),
    );
    expect([...tried].sort()).toEqual(alerts.map(({ alert }) => alert).sort());
    for (const { alert } of alerts) {
      const others = { groups: [{ ...group, rules: alerts.filter((one) => one.alert !== alert) }] };
      writeFileSync(join(folder, "alerts.yaml"), JSON.stringify(others));
      expect(say("promtool", ["test", "rules", join(folder, "alerts.test.yaml")]).code, `without ${alert}`).not.toBe(0);
    }
    copyFileSync(alertsFile, join(folder, "alerts.yaml"));
  });

  it("and the dashboard's queries are PromQL", () => {
    const filled = queries.map(({ expr }, index) => ({
      record: `query:${index}`,
      expr: expr
        .replaceAll("$__rate_interval", "5m")
        .replaceAll("$__range", "6h")
        .replace(/\$(namespace|pod)/g, ".*"),
    }));
    const file = join(folder, "queries.yaml");
    writeFileSync(file, JSON.stringify({ groups: [{ name: "dashboard", rules: filled }] }));
    const { code, text } = say("promtool", ["check", "rules", file]);
    expect({ code, text }).toMatchObject({ code: 0, text: expect.stringContaining(`${queries.length} rules found`) });
  });
});

describe("the dashboard", () => {
  it.each(queries)("$title: asks for metrics and labels that exist: $expr", ({ expr, legend }) => {
    const metrics = metricsIn(expr);
    expect(metrics).not.toEqual([]);
    expect(metrics.filter((name) => !labelsOf.has(name))).toEqual([]);
    expect(
      unknownLabels(
        expr,
        [...legend.matchAll(/\{\{(\w+)\}\}/g)].map(([, label = ""]) => label),
      ),
    ).toEqual([]);
  });

  it("offers namespaces and pods that have a sidecar", () => {
    const definitions = dashboard.templating.list.flatMap(({ definition }) => definition ?? []);
    expect(definitions.flatMap(metricsIn)).toEqual(["lessee_build_info", "lessee_build_info"]);
    expect(queries.filter(({ expr }) => !expr.includes('namespace=~"$namespace",pod=~"$pod"'))).toEqual([]);
  });

  it("has panels that do not lie over each other, each with a number of its own", () => {
    const { panels } = dashboard;
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    const over = panels.flatMap((a, index) =>
      panels
        .slice(index + 1)
        .filter(({ gridPos: b }) => {
          const { gridPos: p } = a;
          return p.x < b.x + b.w && b.x < p.x + p.w && p.y < b.y + b.h && b.y < p.y + p.h;
        })
        .map((b) => `${a.title} / ${b.title}`),
    );
    expect(over).toEqual([]);
  });
});
