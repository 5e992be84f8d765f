/**
 * lessee's own annotations: the keys of its configuration blocks, for whoever has annotations and no file. What a value
 * may be is the configuration's matter; here it is only put into its place.
 */
import { parseBool, quote } from "../config/kinds.ts";
import { nearest } from "../config/nearest.ts";
import { type Blocks, type CredentialBlock, mergeBlocks, type NotifyBlock } from "./blocks.ts";
import type { Annotations } from "./kubernetes.ts";
import { Refusal } from "./refusal.ts";
import type { InjectedSecret } from "./secrets.ts";

export const OWN_PREFIX = "lessee/";

export interface OwnWishes {
  /** lessee's blocks, and for each annotation what it alone adds to them. */
  readonly blocks: Blocks;
  readonly parts: readonly { readonly annotation: string; readonly blocks: Blocks }[];
  /** HCL or JSON that is merged last. */
  readonly config: string | undefined;
  readonly nativeSidecar: boolean | undefined;
  readonly healthPort: number | "off" | undefined;
  readonly scrape: boolean;
}

/** Whether the pod has any, beside the one that turns them off. */
export function ownAnnotations(annotations: Annotations): readonly string[] {
  return Object.keys(annotations).filter((name) => name.startsWith(OWN_PREFIX) && name !== `${OWN_PREFIX}improve`);
}

/** Throws a Refusal for what is not known, with the nearest that is. */
export function readOwnAnnotations(annotations: Annotations, secrets: readonly InjectedSecret[]): OwnWishes {
  const wishes = ownAnnotations(annotations).map((annotation) => {
    const { row, name } = find(annotation.slice(OWN_PREFIX.length), secrets);
    return { annotation, row, name, value: (annotations[annotation] ?? "").trim() };
  });
  const of = (key: string) => wishes.find(({ row }) => row.key === key);
  const parts = wishes.flatMap(({ annotation, row, name, value }) => {
    if (row.credential !== undefined) {
      const block = attempt(annotation, () => row.credential?.(value) ?? {});
      const paths = pathsFor(annotation, name, secrets);
      return [{ annotation, blocks: { credential: Object.fromEntries(paths.map((path) => [path, block])) } }];
    }
    return row.top === undefined ? [] : [{ annotation, blocks: row.top(value) }];
  });
  // Whether a key needs a database is seen with all of them together.
  const alone = parts.map(({ annotation, blocks }) => ({ annotation, blocks: withSample(blocks) }));
  const details = wishes.filter(({ row }) => row.postgres !== undefined);
  const blocks = parts.reduce<Blocks>((all, part) => mergeBlocks(all, part.blocks), {});
  const detailed = details.reduce<{ blocks: Blocks; parts: OwnWishes["parts"] }>(
    (all, { annotation, row, name, value }) => {
      const paths = pathsFor(annotation, name, secrets);
      const added = row.postgres?.(value) ?? {};
      const part = {
        credential: Object.fromEntries(paths.map((path) => [path, { postgres: [{ ...SAMPLE, ...added }] }])),
      };
      return {
        blocks: withPostgres(all.blocks, paths, annotation, added),
        parts: [...all.parts, { annotation, blocks: part }],
      };
    },
    { blocks, parts: alone },
  );
  const native = of("native-sidecar");
  const port = of("health-port");
  const scrape = of("scrape");
  const config = of("config");
  return {
    ...detailed,
    config: config === undefined ? undefined : annotations[config.annotation],
    nativeSidecar: native === undefined ? undefined : boolean(native),
    healthPort: port === undefined ? undefined : portNumber(port),
    scrape: scrape === undefined ? true : boolean(scrape),
  };
}

/** `lessee/improve`, which decides whether the others are looked at. */
export function wantsImprovement(annotations: Annotations): boolean {
  const annotation = `${OWN_PREFIX}improve`;
  const value = annotations[annotation];
  return value === undefined ? true : boolean({ annotation, value });
}

// ---- internal ----

/** Stands in while what goes with a connection is checked by itself. */
const SAMPLE = { connection_url: "postgresql://{{username}}:{{password}}@localhost/" };

function withSample({ credential, ...rest }: Blocks): Blocks {
  if (credential === undefined) return rest;
  const sampled = Object.entries(credential).map(([path, block]) => [path, { postgres: [SAMPLE], ...block }]);
  return { ...rest, credential: Object.fromEntries(sampled) };
}

interface OwnAnnotation {
  readonly key: string;
  /** What it puts into the block of a credential; such an annotation may end in `-NAME`. */
  readonly credential?: (value: string) => CredentialBlock;
  /** What it adds to that block's `postgres`. */
  readonly postgres?: (value: string) => object;
  readonly top?: (value: string) => Blocks;
}

const OWN: readonly OwnAnnotation[] = [
  ...[
    ...["connection-max-lifetime", "lifetime", "reader-grace", "longest-use", "preparation", "hearing", "margin"],
    ...["quiet-period", "publish"],
  ].map((key) => ({ key, credential: (value: string) => ({ [snake(key)]: value }) })),
  { key: "max-new-per-hour", credential: (value) => ({ max_new_per_hour: numberOr(value) }) },
  { key: "probe", credential: (value) => ({ probe: parseBool(value) ?? value }) },
  { key: "escalate", credential: (value) => ({ escalate: words(value) }) },
  {
    key: "postgres-connection-url",
    credential: (value) => ({ postgres: value.split(/\s+/).map((url) => ({ connection_url: url })) }),
  },
  ...["verify-query", "drain", "connect-timeout"].map((key) => ({
    key,
    postgres: (value: string) => ({ [snake(key)]: value }),
  })),
  { key: "notify-signal", credential: (value) => ({ notify: words(value).map(signal) }) },
  { key: "notify-http", credential: (value) => ({ notify: lines(value).map(request) }) },
  { key: "notify-command", credential: (value) => ({ notify: [{ exec: { command: command(value) } }] }) },
  { key: "notify-file", credential: (value) => ({ notify: words(value).map((path) => ({ file: { path } })) }) },
  { key: "job", top: (value) => ({ job: { until: value === "true" || value === "" ? "containers" : value } }) },
  { key: "job-sidecars", top: (value) => ({ job: { sidecars: words(value) } }) },
  { key: "events", top: (value) => ({ kubernetes: { events: parseBool(value) ?? value } }) },
  { key: "shutdown-timeout", top: (value) => ({ shutdown_timeout: value }) },
  { key: "release-on-exit", top: (value) => ({ release_on_exit: value }) },
  ...["native-sidecar", "health-port", "scrape", "config"].map((key) => ({ key })),
];

/** All of them, without the prefix. */
export const OWN_KEYS = [...OWN.map(({ key }) => key), "improve"];

/** `KEY`, or `KEY-NAME` for one secret of several. */
function find(text: string, secrets: readonly InjectedSecret[]): { row: OwnAnnotation; name?: string } {
  const exact = OWN.find(({ key }) => key === text);
  if (exact !== undefined) return { row: exact };
  const row = OWN.filter(({ key, credential, postgres }) => (credential ?? postgres) && text.startsWith(`${key}-`))
    .toSorted((a, b) => b.key.length - a.key.length)
    .at(0);
  const name = row === undefined ? "" : text.slice(row.key.length + 1);
  const names = secrets.map(({ rawName }) => rawName);
  if (row !== undefined && names.includes(name)) return { row, name };
  const known = row === undefined ? OWN_KEYS : [...OWN_KEYS, ...names.map((one) => `${row.key}-${one}`)];
  const likely = nearest(text, known);
  throw new Refusal(
    `unknown annotation ${OWN_PREFIX}${text}`,
    likely === undefined
      ? `there are ${OWN_KEYS.map((key) => OWN_PREFIX + key).join(", ")}`
      : `did you mean ${OWN_PREFIX}${likely}?`,
  );
}

/** Database users, if there are any; else the only secret. */
function pathsFor(annotation: string, name: string | undefined, secrets: readonly InjectedSecret[]): readonly string[] {
  const known = secrets.filter(({ path }) => path !== "");
  const clean = (path: string) => path.replace(/^\/+|\/+$/g, "");
  const all = [
    ...new Set(known.filter(({ rawName }) => name === undefined || rawName === name).map(({ path }) => clean(path))),
  ];
  if (name !== undefined && all.length > 0) return all;
  const users = all.filter((path) => /(^|\/)(static-)?creds\//.test(path));
  if (users.length > 0) return users;
  if (all.length === 1) return all;
  throw new Refusal(
    `${annotation}: it is not clear which secret is meant`,
    all.length === 0
      ? "name its path: vault.hashicorp.com/agent-inject-secret-NAME"
      : `say ${annotation}-NAME, with NAME one of ${known.map(({ rawName }) => rawName).join(", ")}`,
  );
}

function withPostgres(blocks: Blocks, paths: readonly string[], annotation: string, added: object): Blocks {
  const changed = paths.map((path) => {
    const block = blocks.credential?.[path];
    if (block?.postgres === undefined)
      throw new Refusal(`${annotation}: there is no database to ask`, `${OWN_PREFIX}postgres-connection-url names it`);
    return [path, { ...block, postgres: block.postgres.map((one) => ({ ...one, ...added })) }];
  });
  return { ...blocks, credential: { ...blocks.credential, ...Object.fromEntries(changed) } };
}

/** `PROCESS` or `PROCESS:SIGNAL`. */
function signal(text: string): NotifyBlock {
  const [process = "", name] = text.split(":");
  return { signal: { process, ...(name === undefined ? {} : { signal: name }) } };
}

/** `URL` or `METHOD URL`. */
function request(text: string): NotifyBlock {
  const [first = "", second] = text.split(/\s+/);
  return { http: second === undefined ? { url: first } : { url: second, method: first } };
}

/** A list as JSON is run directly, a text by the shell. */
function command(text: string): readonly string[] {
  if (!text.startsWith("[")) return ["/bin/sh", "-c", text];
  const list: unknown = JSON.parse(text);
  if (Array.isArray(list) && list.every((word) => typeof word === "string")) return list;
  throw new SyntaxError("every part must be a text");
}

function attempt<T>(annotation: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new Refusal(
      `${annotation}: ${error instanceof Error ? error.message : error}`,
      'a command line, or a list as ["app", "reload"]',
    );
  }
}

function boolean({ annotation, value }: { readonly annotation: string; readonly value: string }): boolean {
  const bool = parseBool(value);
  if (bool === undefined) throw new Refusal(`${annotation} must be true or false, not ${quote(value)}`);
  return bool;
}

function portNumber({ annotation, value }: { readonly annotation: string; readonly value: string }): number | "off" {
  if (value === "off") return "off";
  const port = /^\d{1,5}$/.test(value) ? Number(value) : 0;
  if (port >= 1 && port <= 65_535) return port;
  throw new Refusal(`${annotation} must be a port or "off", not ${quote(value)}`);
}

function snake(key: string): string {
  return key.replaceAll("-", "_");
}

function words(value: string): readonly string[] {
  return value.split(/[\s,]+/).filter(Boolean);
}

function lines(value: string): readonly string[] {
  return value
    .split("\n")
    .map((line) => line.trim())
    .filter(Boolean);
}

function numberOr(value: string): number | string {
  return /^\d+$/.test(value) ? Number(value) : value;
}
