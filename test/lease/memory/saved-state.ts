/** A state as a sidecar saves it. */
import type { Binding, SavedCredential, SavedState } from "../../../src/lease/memory/state-file.ts";
import { Sensitive } from "../../../src/sensitive.ts";

export const BINDING: Binding = {
  address: "https://vault:8200",
  namespace: "",
  mount: "auth/kubernetes",
  role: "pg",
  pod: "9f1c2f9e",
};

export function savedCredential(changes: Partial<SavedCredential> = {}): SavedCredential {
  return {
    dependency: { kind: "read", path: "database/creds/pg-role" },
    stage: "current",
    lease: "database/creds/pg-role/abc",
    user: "v-pg",
    readAt: 1_000,
    duration: 43_200_000,
    horizon: 86_400_000,
    publishedAt: 2_000,
    oids: [16_795],
    answer: '{"lease_id":"database/creds/pg-role/abc","renewable":true,"data":{"password":"hunter2"}}',
    ...changes,
  };
}

export function savedState(token = "s.token", ...credentials: readonly SavedCredential[]): SavedState {
  return { token: new Sensitive(token), credentials: credentials.length > 0 ? credentials : [savedCredential()] };
}
