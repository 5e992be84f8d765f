/** What the tests of templates share: brains made of Vault's answers, and a host of real hashing without a clock. */
import { createHash, createHmac } from "node:crypto";
import { createCryptography } from "../../src/publish/cryptography.ts";
import { createMade } from "../../src/render/made.ts";
import { offlineBrain } from "../../src/render/offline.ts";
import type { Brain, TemplateHost, TemplateOptions } from "../../src/render/template.ts";

export interface Dataset {
  readonly reads: Readonly<Record<string, string>>;
  readonly lists: Readonly<Record<string, string>>;
  readonly writes: readonly {
    readonly path: string;
    readonly data: Record<string, string>;
    readonly response: string;
  }[];
}

export const NOTHING_KNOWN: Brain = { recall: () => undefined, list: () => undefined };

export const NOW = Date.UTC(2026, 0, 2, 3, 4, 5, 678);

/** A brain that knows what the data set holds. */
export function brainOf(dataset: Dataset): Brain {
  return offlineBrain(JSON.stringify(dataset), NOW);
}

export interface HostParts {
  readonly env?: Readonly<Record<string, string>>;
  readonly files?: Readonly<Record<string, string>>;
  readonly printed?: string[];
}

export function hostOf({ env = {}, files = {}, printed = [] }: HostParts = {}): TemplateHost {
  return {
    now: () => NOW,
    random: (bytes) => Uint8Array.from({ length: bytes }, (_, i) => (i * 37 + 11) & 255),
    hash: (algorithm, data) => createHash(algorithm).update(data).digest(),
    hmac: (algorithm, key, data) => createHmac(algorithm, key).update(data).digest(),
    readFile: (path) => files[path],
    env: (name) => env[name],
    made: createMade(),
    cryptography: createCryptography(),
    lookUp: async () => ["10.0.0.2", "10.0.0.1"],
    run: async (program, args) => ` ${[program, ...args].join(" ")}\n`,
    print: (text) => printed.push(text),
  };
}

export function optionsOf(changes: Partial<TemplateOptions> = {}): TemplateOptions {
  return {
    name: "",
    leftDelimiter: "{{",
    rightDelimiter: "}}",
    errorOnMissingKey: false,
    functionDenylist: [],
    destination: "",
    ...changes,
  };
}
