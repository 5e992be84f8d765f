/** One sample or more of every event, for the tests of those who observe. `error` stands where a foreign text goes. */
import type { LesseeEvent } from "../../src/events.ts";

type Samples = { readonly [Name in LesseeEvent["is"]]: readonly Extract<LesseeEvent, { readonly is: Name }>[] };

const path = "database/creds/pg-role";
const lease = `${path}/xVNyqUBuRkyAtdgpxDH2uNTI`;
const user = "v-kubernet-pg-role-lA6M3ZvCchFYSmEE6rNf-1795485600";
const expiry = 1_795_485_630_000;
const horizon = expiry + 30_000;

/** Every kind of event; the compiler asks for a new one here as soon as the union has it. */
export function sampleEvents(error = "connection refused"): readonly LesseeEvent[] {
  const samples = {
    started: [{ is: "started", version: "1.2.3", pid: 42 }],
    listening: [{ is: "listening", address: "http://127.0.0.1:8200" }],
    warning: [
      { is: "warning", code: "horizon-short", message: error, path },
      { is: "warning", code: "health-port", message: error },
    ],
    request: [
      { is: "request", operation: "read", status: 200, took: 12.5 },
      { is: "request", operation: "login", status: "error", took: 60_000 },
    ],
    login: [
      {
        is: "login",
        method: "kubernetes",
        mount: "auth/kubernetes",
        role: "pg",
        ttl: 3_600_000,
        renewable: true,
        policies: ["default", "pg-auth"],
      },
    ],
    "login failed": [{ is: "login failed", method: "kubernetes", mount: "auth/kubernetes", error, retryIn: 1_000 }],
    "token renewed": [{ is: "token renewed", ttl: 3_600_000, expiry, horizon: null }],
    "token renewal failed": [
      { is: "token renewal failed", error, lost: true, retryIn: null },
      { is: "token renewal failed", error, lost: false, retryIn: 2_000 },
    ],
    "token revoked": [{ is: "token revoked" }],
    read: [{ is: "read", path, lease, user, ttl: 10_000, renewable: true }],
    "read failed": [{ is: "read failed", path, error, retryIn: 750 }],
    "handed over": [
      { is: "handed over", path, ttl: 600_000, shared: true },
      { is: "handed over", path, user, ttl: 600_000, shared: false, lifetime: 3_600_000 },
    ],
    adopted: [{ is: "adopted", path, lease, user, stage: "current" }],
    verified: [{ is: "verified", path, user, took: 31 }],
    "verification failed": [{ is: "verification failed", path, user, error, retryIn: null }],
    published: [{ is: "published", path, user, files: ["/etc/dbvault/config.yaml"], verified: true, took: 4 }],
    "publish failed": [{ is: "publish failed", path, user, error, retryIn: 500 }],
    renewed: [{ is: "renewed", path, lease, user, ttl: 10_000, expiry, horizon }],
    "renewal failed": [
      { is: "renewal failed", path, lease, user, error, verdict: "lost", retryIn: null },
      { is: "renewal failed", path, lease, user, error, verdict: "kept", retryIn: 500 },
    ],
    "rotation due": [{ is: "rotation due", path, user, reason: "horizon", expiry, horizon }],
    "command output": [{ is: "command output", command: "nginx -s reload", output: error }],
    notified: [{ is: "notified", path, kind: "signal", target: "signal SIGHUP to tsb", took: 1 }],
    "notify failed": [{ is: "notify failed", path, kind: "http", target: error, error, retryIn: 1_000 }],
    confirmed: [{ is: "confirmed", path, user, by: "sessions", took: 1_200 }],
    sessions: [{ is: "sessions", path, user, newSessions: 8, oldUser: "v-old", oldSessions: 3 }],
    "not listening": [
      { is: "not listening", path, user, sessions: 3, ends: expiry },
      { is: "not listening", path, user, sessions: null, ends: null },
    ],
    "listening again": [{ is: "listening again", path, user, took: 61_000 }],
    reminded: [{ is: "reminded", path, user, ends: expiry }],
    terminated: [{ is: "terminated", path, user, which: "idle", sessions: 2 }],
    "clock jumped": [{ is: "clock jumped", path, user, ahead: 81_000_000 }],
    "clock jump undone": [{ is: "clock jump undone", path, user, ahead: 81_000_000 }],
    drained: [{ is: "drained", path, user, took: 5_300 }],
    released: [{ is: "released", path, lease, user, by: "short renewal" }],
    "release failed": [{ is: "release failed", path, lease, user, error, retryIn: null }],
    lost: [{ is: "lost", path, lease, user, reason: error }],
    rotated: [
      {
        is: "rotated",
        path,
        user,
        stages: { read: 20, verify: 31, publish: 4, notify: 1, confirm: 1_200, drain: 5_300, release: 9 },
      },
    ],
    rendered: [
      { is: "rendered", template: "config", destination: "/etc/dbvault/config.yaml", changed: true },
      { is: "rendered", template: "config", destination: "/etc/dbvault/config.yaml", changed: false },
    ],
    "render failed": [{ is: "render failed", template: "config", destination: "/etc/dbvault/config.yaml", error }],
    "application started": [{ is: "application started", pid: 7, restarted: true }],
    "application ended": [
      { is: "application ended", code: 143, signal: "SIGTERM", asked: true },
      { is: "application ended", code: 3, asked: false },
    ],
    "certificates replaced": [{ is: "certificates replaced" }],
    "waiting for the job": [{ is: "waiting for the job", running: ["migrate", "export"] }],
    review: [
      { is: "review", namespace: "tsb", pod: "tsb-1", outcome: "injected", injected: "init_and_sidecar", took: 1.5 },
      { is: "review", namespace: "tsb", pod: "tsb-1", outcome: "refused", reason: error, took: 1.5 },
    ],
    "review not read": [{ is: "review not read", status: 413, error }],
    "certificate loaded": [{ is: "certificate loaded", ends: expiry }],
    "certificate refused": [{ is: "certificate refused", error }],
    "configuration reloaded": [{ is: "configuration reloaded" }],
    "configuration refused": [{ is: "configuration refused", error }],
    stopping: [{ is: "stopping", reason: "SIGTERM" }],
    stopped: [{ is: "stopped", held: 0 }],
  } satisfies Samples;
  return Object.values(samples).flat();
}
