/**
 * The chart: what it renders for a set of values, against golden text and against Kubernetes' own schemas. After a change
 * that is meant: `LESSEE_UPDATE_GOLDEN=1 npx vitest run test/charts`, and read the difference.
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { parse, parseAllDocuments } from "yaml";
import { chartDocument } from "../../scripts/chart-doc.ts";
import { WEBHOOK_FLAGS } from "../../src/cli/webhook.ts";
import { readSettings } from "../../src/inject/read-settings.ts";
import { injected, podOf } from "../inject/pods.ts";
import { needs, say } from "./tool.ts";

const chart = join(import.meta.dirname, "../../charts/lessee");
const cases = readdirSync(join(import.meta.dirname, "values"))
  .filter((name) => name.endsWith(".yaml"))
  .map((name) => name.replace(".yaml", ""));
const valuesOf = (name: string) => join(import.meta.dirname, "values", `${name}.yaml`);
/** In the first line of a file of values: the cluster that it is for. */
const versionFor = (name: string) => /^# kube-version: (\S+)$/m.exec(readFileSync(valuesOf(name), "utf8"))?.[1] ?? "";
/** The newest that the schemas of the validator know. */
const NEWEST_SCHEMA = 37;
const OLDEST = 25;

interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  // biome-ignore lint/suspicious/noExplicitAny: as many shapes as kinds
  readonly [key: string]: any;
}

function render(...args: readonly string[]): string {
  // Without a cluster helm takes that of the libraries that it was built with.
  const version = args.some((one) => one.startsWith("--kube-version")) ? [] : ["--kube-version=1.31.0"];
  const words = ["template", "lessee", chart, "--namespace=lessee-system", ...version, ...args];
  const { code, text } = say("helm", words);
  if (code !== 0) throw new Error(text);
  return text;
}

function renderCase(name: string): string {
  return render(`--kube-version=${versionFor(name)}`, `--values=${valuesOf(name)}`);
}

function manifests(text: string): readonly Manifest[] {
  return parseAllDocuments(text)
    .map((document) => document.toJS() as Manifest | null)
    .filter((one) => one !== null);
}

function find(text: string, kind: string, name = "lessee"): Manifest {
  const found = manifests(text).find((one) => one.kind === kind && one.metadata.name === name);
  if (found === undefined) throw new Error(`no ${kind} ${name}`);
  return found;
}

/** Without what differs from one rendering to the next, and what is a file of its own. */
function stable(text: string): string {
  return text
    .replace(/^( *(?:ca\.crt|tls\.crt|tls\.key|caBundle): )[\w+/=]{100,}$/gm, "$1<made anew>")
    .replace(/^( *lessee\/renew-after: ).*$/gm, "$1<made anew>")
    .replace(/^( *lessee\.json: ).*$/gm, "$1<files/dashboard.json>");
}

it("the chart's README is that of its values", () => {
  expect(readFileSync(join(chart, "README.md"), "utf8"), "run: node scripts/chart-doc.ts").toBe(chartDocument());
});

it("the chart's version is that of the program", () => {
  const { version, appVersion } = parse(readFileSync(join(chart, "Chart.yaml"), "utf8")) as Record<string, string>;
  const program = JSON.parse(readFileSync(join(chart, "../../package.json"), "utf8")) as { version: string };
  expect({ version, appVersion }).toEqual({ version: program.version, appVersion: program.version });
});

it("every value has its place in the schema, and the schema has no other", () => {
  const schema = JSON.parse(readFileSync(join(chart, "values.schema.json"), "utf8")) as object;
  const values = parse(readFileSync(join(chart, "values.yaml"), "utf8")) as object;
  const differences: string[] = [];
  const compare = (value: unknown, place: Manifest | object, path: string) => {
    const { properties } = place as { readonly properties?: Readonly<Record<string, object>> };
    if (properties === undefined || typeof value !== "object" || value === null) return;
    for (const key of Object.keys(value))
      if (!(key in properties)) differences.push(`${path}${key} is not in the schema`);
    for (const key of Object.keys(properties))
      if (key in value)
        compare((value as Readonly<Record<string, unknown>>)[key], properties[key] ?? {}, `${path}${key}.`);
      else if (!["global", "digest", "claims", "name", "kind", "group"].includes(key))
        differences.push(`${path}${key} has no default`);
  };
  compare(values, schema, "");
  expect(differences).toEqual([]);
});

it.each(["README.md", "docs/operations.md", "docs/webhook.md", "docs/jobs.md"])(
  "%s names values that the chart has",
  (name) => {
    const values = parse(readFileSync(join(chart, "values.yaml"), "utf8")) as Record<string, unknown>;
    const text = readFileSync(join(chart, "../..", name), "utf8");
    const set = [...text.matchAll(/--set(?:-string|-file)? ([\w.]+)=/g)].map(([, path = ""]) => path);
    const named = [...text.matchAll(/`([a-z]\w*(?:\.\w+)+)(?:[=:][^`]*)?`/g)].map(([, path = ""]) => path);
    const wrong = [...set, ...named.filter((path) => Object.hasOwn(values, path.split(".")[0] ?? ""))].filter(
      (path) => {
        let at: unknown = values;
        for (const key of path.split(".")) {
          if (typeof at !== "object" || at === null) return true;
          // What is empty by default may hold anything that its schema takes.
          if (Object.keys(at).length === 0) return false;
          at = (at as Record<string, unknown>)[key];
        }
        return at === undefined;
      },
    );
    expect(wrong).toEqual([]);
  },
);

it("no place of the schema takes a key that it does not know", () => {
  const open: string[] = [];
  const look = (place: Readonly<Record<string, unknown>>, path: string) => {
    if (place.properties !== undefined && place.additionalProperties !== false) open.push(path);
    for (const [key, inner] of Object.entries((place.properties ?? {}) as Record<string, Record<string, unknown>>))
      look(inner, `${path}.${key}`);
    if (typeof place.items === "object") look(place.items as Record<string, unknown>, `${path}[]`);
  };
  look(JSON.parse(readFileSync(join(chart, "values.schema.json"), "utf8")), "values");
  expect(open).toEqual([]);
});

describe.skipIf(needs("helm") !== "")(`the chart${needs("helm")}`, () => {
  it.each(cases)("passes helm lint with the values of %s", (name) => {
    const { code, text } = say("helm", [
      "lint",
      "--strict",
      chart,
      `--values=${valuesOf(name)}`,
      `--kube-version=${versionFor(name)}`,
    ]);
    expect({ code, text }).toMatchObject({ code: 0, text: expect.not.stringMatching(/\[(WARNING|ERROR)\]/) });
  });

  it.each(cases)("renders the values of %s as before", (name) => {
    const golden = join(import.meta.dirname, "golden", `${name}.yaml`);
    const text = stable(renderCase(name));
    if (process.env.LESSEE_UPDATE_GOLDEN) writeFileSync(golden, text);
    expect(text).toBe(readFileSync(golden, "utf8"));
  });

  it.each([
    ["a misspelt value", "replcas=3", /replcas/],
    ["no replicas", "replicas=0", /replicas/],
    ["an unknown way to a certificate", "tls.mode=none", /mode/],
    ["an address that is none", "vault.address=vault", /address/],
    ["a quantity that is none", "injected.resources.limits.memory=lots", /memory/],
    ["a failure policy that is none", "webhook.failurePolicy=Maybe", /failurePolicy/],
    ["a certificate that is to be there, without its name", "tls.mode=existing", /tls.secretName is needed/],
  ])("refuses %s", (_, value, why) => {
    expect(() => render("--set", value)).toThrow(why);
  });

  it("refuses a cluster that is too old", () => {
    expect(() => render("--kube-version=1.24.0")).toThrow(/1\.25/);
  });

  it("fails closed only where nobody else's pods are sent to the webhook", () => {
    const webhookFor = (...args: readonly string[]) =>
      find(render(...args), "MutatingWebhookConfiguration").webhooks[0];
    expect(webhookFor("--kube-version=1.28.0")).toMatchObject({
      failurePolicy: "Fail",
      matchConditions: [{ name: "asks" }],
    });
    const older = webhookFor("--kube-version=1.27.9");
    expect([older.failurePolicy, older.matchConditions]).toEqual(["Ignore", undefined]);
    expect(webhookFor("--kube-version=1.31.0", "--set", "webhook.matchConditions=false").failurePolicy).toBe("Ignore");
  });

  it("gives the webhook no rights, no token, and no way out", () => {
    const text = renderCase("default");
    expect(manifests(text).filter(({ kind }) => /Role/.test(kind))).toEqual([]);
    expect(find(text, "Deployment").spec.template.spec.automountServiceAccountToken).toBe(false);
    expect(find(text, "NetworkPolicy").spec).toMatchObject({ policyTypes: ["Ingress", "Egress"], egress: [] });
  });

  it.each(cases)("calls the webhook with flags and settings that it has (%s)", (name) => {
    const text = renderCase(name);
    const { args } = find(text, "Deployment").spec.template.spec.containers[0] as { args: readonly string[] };
    const known = WEBHOOK_FLAGS.map((flag) => flag.name);
    expect(args.slice(1).map((arg) => arg.replace(/^-|=.*/g, ""))).toSatisfy((used: string[]) =>
      used.every((one) => known.includes(one)),
    );
    const settings = find(text, "ConfigMap", "lessee-settings").data["settings.yaml"] as string;
    expect(() => readSettings([parse(settings) as Record<string, unknown>])).not.toThrow();
    expect(settings).toContain(`kubernetes-version: "v${versionFor(name)}"`);
  });

  it("makes a certificate for the names that the API server asks, with the authority that it is given", async () => {
    const folder = await mkdtemp(join(tmpdir(), "lessee-chart-"));
    onTestFinished(() => rm(folder, { recursive: true }));
    const text = render();
    const { data } = find(text, "Secret", "lessee-tls");
    const pem = (name: string) => Buffer.from(data[name], "base64").toString();
    const { X509Certificate, createPrivateKey } = await import("node:crypto");
    const [certificate, authority] = ["tls.crt", "ca.crt"].map((name) => new X509Certificate(pem(name)));
    expect(certificate?.checkHost("lessee.lessee-system.svc")).toBe("lessee.lessee-system.svc");
    expect(certificate?.verify(authority!.publicKey)).toBe(true);
    expect(certificate?.checkPrivateKey(createPrivateKey(pem("tls.key")))).toBe(true);
    expect(find(text, "MutatingWebhookConfiguration").webhooks[0].clientConfig.caBundle).toBe(data["ca.crt"]);
  });
});

const validator = needs("helm", "kubernetes-validate");
describe.skipIf(validator !== "")(`the chart's manifests${validator}`, () => {
  const versions = Array.from({ length: NEWEST_SCHEMA - OLDEST + 1 }, (_, at) => `1.${OLDEST + at}`);

  it.each(versions)("and the pods that it makes are what Kubernetes %s takes, whatever the values", async (version) => {
    const folder = await mkdtemp(join(tmpdir(), "lessee-chart-"));
    onTestFinished(() => rm(folder, { recursive: true }));
    // Those that set much for every version, the others for the one that they are for.
    const broad = ["default", "everything"];
    const tried = cases.filter((name) => broad.includes(name) || versionFor(name).startsWith(`${version}.`));
    const files = tried.map((name) => {
      const file = join(folder, `${name}.yaml`);
      writeFileSync(file, render(`--kube-version=${version}.0`, `--values=${valuesOf(name)}`));
      return file;
    });
    const pod = join(folder, "pod.json");
    const settings = find(readFileSync(files[0]!, "utf8"), "ConfigMap", "lessee-settings").data["settings.yaml"];
    writeFileSync(
      pod,
      JSON.stringify({ apiVersion: "v1", kind: "Pod", ...injected(podOf(), readSettings([parse(settings)])).pod }),
    );
    const { code, text } = say("kubernetes-validate", ["--strict", "-k", version, pod, ...files]);
    expect({ code, text }).toMatchObject({ code: 0 });
    expect(text.match(/deployment\/lessee against version/g)).toHaveLength(tried.length);
    expect(text).toContain("pod/tsb-1 against version");
  });
});
