/** Three moments of a sidecar: before anything succeeded, in the middle of a rotation, in trouble. */
import type { CredentialStatus, HeldStatus, Status } from "../../src/status.ts";

export const NOW = Date.UTC(2026, 10, 24, 2);

const path = "database/creds/pg-role";

const current: HeldStatus = {
  stage: "current",
  step: "in use",
  user: "v-kubernet-pg-role-lA6M3ZvCchFYSmEE6rNf-1795485600",
  lease: `${path}/xVNyqUBuRkyAtdgpxDH2uNTI`,
  readAt: NOW - 14_000,
  publishedAt: NOW - 13_000,
  expiry: NOW + 7_000,
  horizon: NOW + 16_000,
  renewable: true,
  renewals: 2,
  verified: true,
  heard: "yes",
  owned: 0,
  sessions: 8,
};

const retiring: HeldStatus = {
  ...current,
  stage: "retiring",
  step: "drain",
  user: "v-kubernet-pg-role-9dKq2LhJmVtQx0BzWn41-1795485571",
  readAt: NOW - 43_000,
  expiry: NOW + 2_400,
  horizon: NOW + 2_400,
  renewals: 5,
  sessions: 3,
};

const candidate: HeldStatus = {
  ...current,
  stage: "candidate",
  step: "verify",
  user: "v-kubernet-pg-role-Wm3vTq8xYc5ZrPb7KdUe-1795485613",
  readAt: NOW - 1_000,
  publishedAt: null,
  expiry: NOW + 9_000,
  horizon: null,
  renewals: 0,
  verified: false,
  heard: "no",
  sessions: 0,
};

const credential: CredentialStatus = {
  path,
  current,
  candidate,
  retiring: [retiring],
  rotationDue: NOW + 4_000,
  lead: 12_000,
  margin: 3_000,
  leadFits: true,
  rotations: 4,
  newUsersLastHour: 5,
  maxNewPerHour: 120,
  budgetFreeAt: null,
  lastError: null,
  notListening: null,
};

const template = { name: "config.yaml", destination: "/etc/dbvault/config.yaml", missing: [], error: null };

export const rotating: Status = {
  version: "0.1.0",
  pid: 17,
  startedAt: NOW - 95_000,
  now: NOW,
  started: true,
  notReady: [],
  stopping: false,
  token: {
    method: "kubernetes",
    loggedInAt: NOW - 94_000,
    expiry: NOW + 3_500_000,
    horizon: NOW + 86_300_000,
    renewable: true,
    policies: ["default", "pg-auth"],
    older: 0,
  },
  credentials: [credential],
  templates: [{ ...template, renderedAt: NOW - 13_000 }],
  warnings: [],
};

export const fresh: Status = {
  ...rotating,
  startedAt: NOW,
  started: false,
  notReady: [`${path}: no credential yet`],
  token: null,
  credentials: [
    {
      ...credential,
      current: null,
      candidate: null,
      retiring: [],
      rotationDue: null,
      rotations: 0,
      newUsersLastHour: 0,
    },
  ],
  templates: [{ ...template, renderedAt: null, missing: [`vault.read(${path})`] }],
};

const refused = "GET http://vault:8200/v1/database/creds/pg-role: 503: Vault is sealed";

export const trouble: Status = {
  ...rotating,
  notReady: [`${path}: the credential ended 12s ago, and the last read failed: ${refused}`],
  warnings: [
    `${path}: a lead of 1h 6m needs a max TTL of 2h 12m, and it is 1h: connections may outlive their user`,
    `${path}: max_connections of 20 leave too little room for two generations of connections`,
  ],
  credentials: [
    {
      ...credential,
      candidate: null,
      retiring: [],
      current: { ...current, expiry: NOW - 12_000, horizon: NOW - 12_000, heard: "not observed", sessions: null },
      rotationDue: NOW - 40_000,
      leadFits: false,
      newUsersLastHour: 6,
      maxNewPerHour: 6,
      lastError: refused,
      notListening: { since: NOW - 300_000, user: "v-old", sessions: 3, ends: NOW + 20_000, urgent: true },
    },
  ],
};
