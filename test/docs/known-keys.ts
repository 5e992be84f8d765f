/** The keys of the configuration, as the decoder knows them. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { decodeDocument } from "../../src/config/decode/agent.ts";
import { parseDocument } from "../../src/config/hcl/document.ts";

const decoders = join(import.meta.dirname, "../../src/config/decode");
const source = readdirSync(decoders)
  .map((name) => readFileSync(join(decoders, name), "utf8"))
  .join("\n");

/** Whatever in the decoders could be the name of a key. */
export const words = [...source.matchAll(/"([a-z][a-z_]*)"/g)].map(([, word = ""]) => word);

/** Of these words, those that the decoder does not call unknown when they stand in that block. */
export function knownKeys(block: string, candidates: readonly string[], kind = "signal"): readonly string[] {
  const labels: Readonly<Record<string, string>> = {
    credential: "database/creds/pg-role",
    notify: kind,
    method: "kubernetes",
    sink: "file",
    listener: "tcp",
    persist: "kubernetes",
    env_template: "NAME",
  };
  const distinct = [...new Set(candidates)];
  const body = distinct.map((word) => `${word} = 1`).join("\n");
  const text = block
    .split(".")
    .filter(Boolean)
    .reduceRight((inner, name) => `${name} ${labels[name] ? `"${labels[name]}" ` : ""}{\n${inner}\n}`, body);
  const source = { file: "agent.hcl", syntax: "hcl" as const, errors: [], warnings: [] };
  decodeDocument(source, parseDocument(new TextEncoder().encode(text)).root, {});
  const unknown = [...source.errors, ...source.warnings].flatMap(({ message }: { readonly message: string }) =>
    [...message.matchAll(/unknown key "(\w+)"|has invalid keys: (\w+)|'(\w+)' is not allowed/g)].map(
      ([, a, b, c]) => a ?? b ?? c,
    ),
  );
  return distinct.filter((word) => !unknown.includes(word));
}
