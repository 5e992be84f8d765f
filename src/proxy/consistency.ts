/**
 * `enforce_consistency`: what was written through the listener is there for whoever reads next, whichever node answers.
 * Vault names the state of its storage in its answers, and a node that has not got as far refuses a request for it.
 */
import type { IncomingHttpHeaders, OutgoingHttpHeaders } from "node:http";
import type { ApiProxyConfig } from "../config/server-types.ts";

export interface Consistency {
  /** A request that names a state of its own is its client's affair. */
  concerns(request: IncomingHttpHeaders): boolean;
  /** Headers by which a request asks for the newest state that was seen. */
  required(): Readonly<OutgoingHttpHeaders>;
  record(answer: IncomingHttpHeaders): void;
  /** Whether a node that has not got as far is asked again, instead of the client being told. */
  readonly repeats: boolean;
}

/** null where the configuration does not ask for it. */
export function createConsistency(config: ApiProxyConfig | undefined): Consistency | null {
  if (config?.enforceConsistency !== "always") return null;
  const { whenInconsistent } = config;
  let newest: readonly string[] = [];
  return {
    concerns: (request) => OWN_WISHES.every((name) => !request[name]),
    required() {
      if (newest.length === 0) return {};
      const state = { [STATE]: [...newest] };
      return whenInconsistent === "forward" ? { ...state, [INCONSISTENT]: "forward-active-node" } : state;
    },
    record(answer) {
      const found = answer[STATE];
      if (typeof found === "string" && found !== "") newest = mergeStates(newest, found);
    },
    repeats: whenInconsistent === "retry",
  };
}

/**
 * A cluster counts what it has written itself and what it was sent by another one: of two states neither may be the
 * newer, and both are asked for then. What cannot be compared is taken for the newest.
 */
export function mergeStates(known: readonly string[], found: string): readonly string[] {
  const next = positionOf(found);
  const merged = known.flatMap((one) => {
    const before = positionOf(one);
    if (before === null || next === null || before.cluster !== next.cluster) return [];
    if (before.local >= next.local && before.replicated >= next.replicated) return [one];
    return before.local <= next.local && before.replicated <= next.replicated ? [found] : [one, found];
  });
  return merged.length === 0 || known.length > MOST_STATES ? [found] : [...new Set(merged)];
}

// ---- internal ----

const STATE = "x-vault-index";
const INCONSISTENT = "x-vault-inconsistent";
const OWN_WISHES = [STATE, INCONSISTENT, "x-vault-forward"];

/** As in the real agent, which begins anew beyond it. */
const MOST_STATES = 2;

/** `v1:cluster:local:replicated:signature` in base64; null for anything else. */
function positionOf(state: string) {
  const text = Buffer.from(state, "base64").toString("latin1");
  const [, cluster, local, replicated] = /^v1:([^:]+):(\d+):(\d+):[\da-f]*$/i.exec(text) ?? [];
  if (cluster === undefined || local === undefined || replicated === undefined) return null;
  return { cluster, local: BigInt(local), replicated: BigInt(replicated) };
}
