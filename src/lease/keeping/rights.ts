/**
 * What the token may do with leases and with itself (rules R1, M14). It is asked for once, when something is held under
 * it, and whatever is missing is said with what mends it; what was refused under a token is not asked for again.
 */
import { describe } from "../../errors.ts";
import type { Clock, Emit } from "../../ports.ts";
import type { Sensitive } from "../../sensitive.ts";
import type { VaultClient } from "../../vault/client.ts";
import type { Rights } from "../forecast.ts";
import type { Outcome } from "../outcomes.ts";
import { rightTraps } from "../traps.ts";
import type { Tokens } from "./tokens.ts";

/** Of what can be done without, and is then done in another way. */
export type Refusable = "renew" | "revoke";

export interface KnownRights {
  isRefused(token: number, what: Refusable): boolean;
  refuse(token: number, what: Refusable): void;
}

export interface RightsCheck extends KnownRights {
  /** Something is held under these tokens. One of them is asked about, soon, and another only where that one lacks something. */
  check(tokens: ReadonlySet<number>): void;
  stop(): void;
}

export interface RightsCheckDeps {
  readonly client: Pick<VaultClient, "capabilities">;
  readonly clock: Clock;
  readonly emit: Emit;
  readonly tokens: Pick<Tokens, "tokenOf" | "endRenewals">;
  /** Tells whoever holds leases under it, and counts the question among the requests while the server refuses. */
  take(outcome: Extract<Outcome, { is: "renewals forbidden" | "asking" }>): void;
}

/** Not before the first publish: nobody waits for this. */
const ASK_AFTER = 1_000;

export function createRightsCheck(deps: RightsCheckDeps): RightsCheck {
  const known = createKnownRights();
  const stopping = new AbortController();
  const asked = new Set<number>();
  const said = new Set<string>();
  let lacks = false;

  async function ask(number: number): Promise<void> {
    await deps.clock.sleep(deps.clock.now() + ASK_AFTER, stopping.signal);
    const token = deps.tokens.tokenOf(number);
    if (stopping.signal.aborted || token === undefined) return;
    deps.take({ is: "asking", requests: 1 });
    try {
      take(number, await askRights(deps.client, token, null));
    } catch (error) {
      const message = `what the token may do with leases cannot be asked for, and is tried instead: ${describe(error)}`;
      say(message);
    }
  }

  function take(number: number, rights: Rights): void {
    if (!rights.revokeLease) known.refuse(number, "revoke");
    if (!rights.renewLease) {
      known.refuse(number, "renew");
      deps.take({ is: "renewals forbidden", token: number });
    }
    if (!rights.renewSelf) deps.tokens.endRenewals(number);
    const traps = rightTraps(rights);
    lacks = traps.length > 0;
    for (const { cure, message } of traps) say(`${message}: ${cure}`);
  }

  function say(message: string): void {
    if (!said.has(message)) deps.emit({ is: "warning", code: "rights", message });
    said.add(message);
  }

  return {
    ...known,
    check(tokens) {
      for (const number of tokens) {
        if (asked.has(number) || (asked.size > 0 && !lacks)) continue;
        asked.add(number);
        void ask(number);
      }
    },
    stop: () => stopping.abort(),
  };
}

/** What the server does not speak of is not taken for forbidden. Reading is not asked about without a `path`. */
export async function askRights(
  client: Pick<VaultClient, "capabilities">,
  token: Sensitive<string>,
  path: string | null,
): Promise<Rights> {
  const granted = await client.capabilities(token, [...(path === null ? [] : [path]), ...PATHS]);
  const may = (what: string, capability: string) => {
    const all = granted.get(what) ?? [];
    return all.length === 0 || all.some((one) => one === capability || one === "root");
  };
  return {
    read: path === null || may(path, "read"),
    renewLease: may("sys/leases/renew", "update"),
    lookupLease: may("sys/leases/lookup", "update"),
    revokeLease: may("sys/leases/revoke", "update"),
    renewSelf: may("auth/token/renew-self", "update"),
  };
}

// ---- internal ----

const PATHS = ["sys/leases/renew", "sys/leases/lookup", "sys/leases/revoke", "auth/token/renew-self"];

function createKnownRights(): KnownRights {
  const refused = new Set<string>();
  return {
    isRefused: (token, what) => refused.has(`${token} ${what}`),
    refuse: (token, what) => void refused.add(`${token} ${what}`),
  };
}
