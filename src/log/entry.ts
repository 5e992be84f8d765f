/** What a log line says of an event: its level and its fields. Nothing here writes or knows of a format. */
import type { LesseeEvent } from "../events.ts";
import { formatDuration } from "./duration.ts";

/** Vault Agent's levels, from the most talkative. */
export const LOG_LEVELS = ["trace", "debug", "info", "warn", "error"] as const;

export type LogLevel = (typeof LOG_LEVELS)[number];

type Scalar = string | number | boolean | null | undefined;

/** What is null or undefined is left out of the line. */
export type LogFields = Readonly<Record<string, Scalar | readonly Scalar[] | Readonly<Record<string, Scalar>>>>;

/** A failure is a warning while another attempt follows and the application lacks nothing for it; else an error. */
export function levelOf(event: LesseeEvent): LogLevel {
  const level = LEVELS[event.is] as LogLevel | ((event: LesseeEvent) => LogLevel);
  return typeof level === "string" ? level : level(event);
}

/**
 * The event's own fields under the names that logs use: snake_case, durations as Go prints them (`ttl=30s`), which is
 * how Vault Agent's logs look and what log stores parse, and times as `sayTime` says them.
 */
export function fieldsOf(event: LesseeEvent, sayTime: (ms: number) => string): LogFields {
  const fields: Record<string, LogFields[string]> = {};
  for (const [name, value] of Object.entries(event)) {
    if (name === "is") continue;
    fields[snakeCase(name)] = readable(name, value, sayTime);
  }
  return fields;
}

type EventOf<Name extends LesseeEvent["is"]> = Extract<LesseeEvent, { readonly is: Name }>;
type LevelOf<Name extends LesseeEvent["is"]> = LogLevel | ((event: EventOf<Name>) => LogLevel);

const retried = (event: { readonly retryIn: number | null }): LogLevel => (event.retryIn === null ? "error" : "warn");

const REVIEW_LEVELS = { injected: "info", unchanged: "debug", refused: "warn", failed: "error" } as const;

const LEVELS: { readonly [Name in LesseeEvent["is"]]: LevelOf<Name> } = {
  started: "info",
  listening: "info",
  warning: "warn",
  request: "debug",
  login: "info",
  "login failed": "error",
  "token renewed": "info",
  "token renewal failed": (event) => (event.lost ? "error" : "warn"),
  "token revoked": "info",
  read: "info",
  "read failed": "warn",
  adopted: "info",
  "handed over": "info",
  verified: "info",
  "verification failed": retried,
  published: "info",
  "publish failed": "error",
  renewed: "info",
  "renewal failed": (event) => (event.verdict === "lost" ? "error" : "warn"),
  "rotation due": "info",
  notified: "info",
  "command output": "info",
  "notify failed": retried,
  confirmed: "info",
  sessions: "debug",
  "not listening": "warn",
  "listening again": "info",
  reminded: "warn",
  terminated: "warn",
  "clock jumped": "warn",
  "clock jump undone": "warn",
  drained: "info",
  released: "info",
  "release failed": retried,
  lost: "error",
  rotated: "info",
  rendered: (event) => (event.changed ? "info" : "debug"),
  "render failed": "error",
  "application started": "info",
  "application ended": (event) => (event.asked || event.code === 0 ? "info" : "error"),
  "certificates replaced": "info",
  "waiting for the job": "info",
  review: (event) => REVIEW_LEVELS[event.outcome],
  "review not read": "warn",
  "certificate loaded": "info",
  "certificate refused": "error",
  "configuration reloaded": "info",
  "configuration refused": "error",
  stopping: "info",
  stopped: "info",
};

type Kind = "time" | "duration";

const KINDS: Readonly<Record<string, Kind>> = {
  expiry: "time",
  lifetime: "duration",
  horizon: "time",
  ends: "time",
  took: "duration",
  ahead: "duration",
  ttl: "duration",
  retryIn: "duration",
};

function readable(name: string, value: unknown, sayTime: (ms: number) => string): LogFields[string] {
  const kind = KINDS[name];
  if (typeof value === "number" && kind) return kind === "time" ? sayTime(value) : formatDuration(value);
  if (name !== "stages") return value as LogFields[string];
  return Object.fromEntries(
    Object.entries(value as Readonly<Record<string, number>>).map(([stage, took]) => [stage, formatDuration(took)]),
  );
}

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
