/**
 * What is in the bundle as a CycloneDX document, from package-lock.json alone: the same bundle gives the same text.
 * Packages that only build or test are not in it, because they are not in what runs.
 */
import { createHash } from "node:crypto";

export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly description: string;
  readonly license: string;
}

/** An entry of package-lock.json, by its folder. */
export type Lock = Readonly<Record<string, LockEntry>>;

interface LockEntry {
  readonly version?: string;
  readonly integrity?: string;
  /** Old packages have a list of objects. */
  readonly license?: string | readonly { readonly type: string; readonly url?: string }[];
}

/** `folders` are those of package-lock.json that something of is in the bundle, e.g. `node_modules/pg`. */
export function softwareBill(manifest: Manifest, lock: Lock, folders: readonly string[], node: string): string {
  const components = folders.map((folder) => component(folder, lock)).sort((a, b) => (a.purl < b.purl ? -1 : 1));
  const subject = {
    type: "application",
    "bom-ref": `pkg:npm/${manifest.name}@${manifest.version}`,
    name: manifest.name,
    version: manifest.version,
    description: manifest.description,
    licenses: [{ license: { id: manifest.license } }],
    purl: `pkg:npm/${manifest.name}@${manifest.version}`,
  };
  return written(subject, [...components, runtime(node)]);
}

/** The same bill for a program that runs on that Node. */
export function withRuntime(bill: string, node: string): string {
  const { metadata, components } = JSON.parse(bill) as Document;
  return written(
    metadata.component,
    components.map((one) => (one.type === "platform" ? runtime(node) : one)),
  );
}

// ---- internal ----

interface Component {
  readonly type: string;
  readonly "bom-ref": string;
}

interface Document {
  readonly metadata: { readonly component: Component };
  readonly components: readonly Component[];
}

function runtime(node: string) {
  const purl = `pkg:generic/node@${node}`;
  return {
    type: "platform",
    "bom-ref": purl,
    name: "node",
    version: node,
    purl,
    licenses: [{ license: { id: "MIT" } }],
  };
}

function written(subject: Component, components: readonly Component[]): string {
  const document = {
    bomFormat: "CycloneDX",
    specVersion: "1.6",
    version: 1,
    metadata: { component: subject },
    components,
    dependencies: [
      { ref: subject["bom-ref"], dependsOn: components.map((one) => one["bom-ref"]) },
      ...components.map((one) => ({ ref: one["bom-ref"] })),
    ],
  };
  const { bomFormat, specVersion, ...rest } = document;
  const text = { bomFormat, specVersion, serialNumber: serialNumber(JSON.stringify(document)), ...rest };
  return `${JSON.stringify(text, null, 2)}\n`;
}

function component(folder: string, lock: Lock) {
  const entry = lock[folder];
  if (!entry?.version || !entry.integrity) throw new Error(`package-lock.json has no checksum for ${folder}`);
  const name = folder.slice(folder.lastIndexOf("node_modules/") + "node_modules/".length);
  // A scope's @ is escaped in a package URL, its slash is not.
  const purl = `pkg:npm/${name.replace("@", "%40")}@${entry.version}`;
  const [algorithm, digest = ""] = entry.integrity.split("-", 2);
  return {
    type: "library",
    "bom-ref": purl,
    name,
    version: entry.version,
    hashes: [
      { alg: algorithm === "sha512" ? "SHA-512" : "SHA-1", content: Buffer.from(digest, "base64").toString("hex") },
    ],
    ...(entry.license && { licenses: licences(entry.license) }),
    purl,
    scope: "required",
  };
}

/** A name of SPDX's list, an expression of several, or names as somebody wrote them. */
function licences(said: NonNullable<LockEntry["license"]>): readonly object[] {
  if (typeof said !== "string") return said.map(({ type, url }) => ({ license: { name: type, ...(url && { url }) } }));
  return [/[ ()]/.test(said) ? { expression: said } : { license: { id: said } }];
}

/** A UUID that the content decides, in place of a random one. */
function serialNumber(content: string): string {
  const hex = createHash("sha256").update(content).digest("hex");
  const variant = ((Number.parseInt(hex.slice(16, 17), 16) & 0x3) | 0x8).toString(16);
  return `urn:uuid:${hex.slice(0, 8)}-${hex.slice(8, 12)}-5${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
