/** What holds where the configuration says nothing. */
import type { CredentialConfig } from "./types.ts";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;

/** How a path's credential is looked after without a block; `overrides` that are undefined leave the default. */
export function defaultCredential(path: string, overrides: Overrides<CredentialConfig> = {}): CredentialConfig {
  const longestUse = Math.max(MINUTE, (overrides.connectionMaxLifetime ?? 0) / 10);
  return {
    path,
    readerGrace: 30 * SECOND,
    longestUse,
    preparation: 10 * SECOND,
    hearing: 30 * SECOND,
    margin: 6 * SECOND,
    quietPeriod: 10 * SECOND,
    probe: true,
    publish: "rename",
    escalate: ["notify", "idle", "all"],
    postgres: [],
    notify: [],
    ...defined(overrides),
  };
}

type Overrides<T> = { readonly [K in keyof T]?: T[K] | undefined };

/** Without the keys whose value is undefined. */
export function defined<T extends object>(values: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>;
  };
}
