/** What is done to a pod now and then: each is over after some seconds, so that a rotation has the time that it needs. */
import { setTimeout as sleep } from "node:timers/promises";
import type { DiskFault } from "../real-disk.ts";
import type { Fault, FaultyRequest } from "../vault/faults.ts";
import type { Chance } from "./chance.ts";
import type { GateFault } from "./gate.ts";
import type { SoakPod } from "./pod.ts";

export interface Trouble {
  readonly name: string;
  /** Whether it can be made here; absent where it always can. */
  isPossible?(pod: SoakPod): boolean;
  happen(pod: SoakPod, chance: Chance): Promise<void>;
}

type Matches = (request: FaultyRequest) => boolean;

const any: Matches = () => true;
const reads: Matches = ({ path }) => path.includes("/creds/");
const renewals: Matches = ({ path }) => path.endsWith("/leases/renew") || path.endsWith("/renew-self");
const answer = (status: number, error: string, headers: Readonly<Record<string, string>> = {}): Fault => ({
  kind: "answer",
  status,
  body: { errors: [error] },
  headers,
});

/** How long a trouble lasts at most. */
const LONGEST = 3_000;

function some(name: string, when: Matches, fault: Fault, times: number): Trouble {
  return {
    name,
    async happen({ vault }) {
      const injected = vault.faults.inject(when, fault, times);
      await sleep(LONGEST);
      injected.remove();
    },
  };
}

function postgres(name: string, fault: GateFault): Trouble {
  return {
    name,
    async happen({ gate }, chance) {
      gate.fail(fault);
      await sleep(chance.between(200, LONGEST));
      gate.mend();
    },
  };
}

function disk(fault: DiskFault): Trouble {
  return {
    name: fault,
    isPossible: (pod) => pod.disk.faults.includes(fault),
    async happen(pod, chance) {
      await pod.disk.spoil(fault);
      await sleep(chance.between(200, LONGEST));
      await pod.disk.mend(fault);
    },
  };
}

export const TROUBLES: readonly Trouble[] = [
  some("503 sealed", any, answer(503, "Vault is sealed"), 100),
  some("429", any, answer(429, "rate limit quota exceeded", { "retry-after": "1" }), 3),
  some("412", any, answer(412, "required index state not present"), 2),
  some("500 on reads", reads, answer(500, "internal error"), 2),
  some("403 on a read", reads, answer(403, "permission denied"), 1),
  some("400 on renewals", renewals, answer(400, "failed to renew entry"), 2),
  some("garbage", any, { kind: "garbage", text: "<html>Welcome</html>" }, 2),
  some("reset", any, { kind: "reset" }, 3),
  some("cut", any, { kind: "cut" }, 1),
  some("silence", any, { kind: "hang" }, 1),
  some("slow", any, { kind: "delay", milliseconds: 1_200 }, 4),
  {
    name: "refused",
    async happen({ vault }, chance) {
      await vault.refuseConnections();
      await sleep(chance.between(200, LONGEST));
      await vault.acceptConnections();
    },
  },
  postgres("Postgres refuses", "refused"),
  postgres("Postgres is full", "full"),
  postgres("Postgres restarts", "restarting"),
  postgres("Postgres is slow", "slow"),
  disk("disk full"),
  disk("read-only"),
  disk("permission"),
  { name: "SIGHUP", happen: async (pod) => pod.reload() },
  { name: "SIGKILL", happen: (pod) => pod.killAndRestart() },
];
