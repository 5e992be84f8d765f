/** docs/divergences.md against the tests: every difference that they know has its row, and no row tells of one that is none. */
import { describe, expect, it } from "vitest";
import { DIVERGENCES as OF_CONFIGURATIONS, REWORDED } from "../config/divergences.ts";
import verdicts from "../config/verdicts.json" with { type: "json" };
import { DECIDED_OTHERWISE, DIVERGENCES as OF_PODS } from "../inject/divergences.ts";
import { DIVERGENCES as OF_TEMPLATES } from "../render/divergences.ts";
import { codes, page, rows } from "./markdown.ts";

const HEAD = ["Vault Agent", "lessee", "why", "reported as", "cases"];
const table = rows(page("docs/divergences.md"), /^## /);
const body = table.filter(([first]) => first !== HEAD[0]);
const cases = body.map((row) => row.at(-1) ?? "");

describe("docs/divergences.md", () => {
  it("has the same columns in every table, and says what both do in every row", () => {
    expect(table.filter(([first]) => first === HEAD[0])).toEqual(Array(6).fill(HEAD));
    expect(body.filter((row) => row.length !== HEAD.length || row[0] === "" || row[1] === "")).toEqual([]);
  });

  it("names every golden case that differs once, and no other", () => {
    const tables = [OF_TEMPLATES, OF_CONFIGURATIONS, REWORDED];
    const known = [...tables.flatMap((table) => Object.keys(table)), ...DECIDED_OTHERWISE];
    expect(cases.flatMap((cell) => codes(cell)).sort()).toEqual(known.sort());
  });

  it("has every note of a verdict or a pod that differs once, and no other", () => {
    const noted = verdicts.flatMap((verdict) => ("lesseeDiffers" in verdict ? [verdict.lesseeDiffers] : []));
    const named = cases.flatMap((cell) => [...cell.matchAll(/"([^"]+)"/g)].map(([, note = ""]) => note));
    expect(named.sort()).toEqual([...new Set(noted), ...Object.keys(OF_PODS)].sort());
  });

  it("names issues by repository and number", () => {
    const reported = body.flatMap((row) => (row[3] ? row[3].split(", ") : []));
    expect(reported.length).toBeGreaterThan(30);
    expect(reported.filter((one) => !/^(vault|vault-k8s|consul-template|openbao)#\d+$/.test(one))).toEqual([]);
  });
});
