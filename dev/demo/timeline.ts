/** lessee's log, told as a story: one line an event, in the words of its documentation. */
import type { LesseeEvent } from "../../src/events.ts";
import type { Style } from "./screen.ts";

/** A line of `-log-format=json`: `msg` is the event's name, its fields are in snake_case, durations in text. */
export interface LogEntry {
  readonly time: string;
  readonly level: string;
  readonly msg: string;
  readonly [field: string]: unknown;
}

export interface TimelineLine {
  readonly text: string;
  readonly style?: Style;
}

export interface Timeline {
  /** Undefined for what does not belong to the story. */
  tell(entry: LogEntry): TimelineLine | undefined;
}

/** @param start milliseconds since 1970; the times of the lines are relative to it */
export function createTimeline(start: number): Timeline {
  const numbers = new Map<string, number>();
  let sessions = "";

  /** Users are numbered in the order in which they come, and shown with enough of the name to find it in Postgres. */
  function user(name: unknown): string {
    if (typeof name !== "string") return "";
    if (!numbers.has(name)) numbers.set(name, numbers.size + 1);
    return `user ${numbers.get(name)} ${shortName(name)}`;
  }

  const told: { readonly [Name in LesseeEvent["is"]]?: (entry: LogEntry) => string | undefined } = {
    login: ({ mount, role, ttl }) => `${mount} as ${role}, token for ${ttl}`,
    read: (entry) => `${user(entry.user)}, lease for ${entry.ttl}`,
    adopted: (entry) => `${user(entry.user)}, ${entry.stage}`,
    verified: (entry) => `${user(entry.user)} can log in (${entry.took})`,
    published: (entry) => `${user(entry.user)}${entry.verified ? "" : ", unverified"} (${entry.took})`,
    renewed: (entry) => `${user(entry.user)} for ${entry.ttl}`,
    "token renewed": ({ ttl }) => `for ${ttl}`,
    "rotation due": (entry) => `${user(entry.user)}: ${entry.reason}, ends ${inSeconds(entry, entry.expiry)}`,
    notified: ({ kind, target }) => (String(target).includes(String(kind)) ? `${target}` : `${kind} ${target}`),
    confirmed: (entry) => `${user(entry.user)} is in use, by its ${entry.by} (${entry.took})`,
    sessions: (entry) => {
      if (!entry.old_user) return undefined;
      const old = `${user(entry.old_user)} has ${entry.old_sessions}`;
      const now = entry.user ? `${user(entry.user)} has ${entry.new_sessions}, ${old}` : old;
      if (now === sessions) return undefined;
      sessions = now;
      return now;
    },
    terminated: (entry) => `${entry.sessions} of ${user(entry.user)} (${entry.which})`,
    drained: (entry) => `${user(entry.user)} (${entry.took})`,
    released: (entry) => `${user(entry.user)}, by ${entry.by}`,
    lost: (entry) => `${user(entry.user)}: ${entry.reason}`,
    rotated: (entry) => `to ${user(entry.user)}`,
    warning: ({ message }) => String(message),
    stopping: ({ reason }) => String(reason),
    stopped: ({ held }) => (held ? `still holding ${held}` : "nothing is held"),
  };

  return {
    tell(entry) {
      const name = entry.msg as LesseeEvent["is"];
      const tell = told[name] ?? (TROUBLE.has(entry.level) ? trouble : undefined);
      const said = tell?.(entry);
      if (said === undefined) return undefined;
      const at = `${((Date.parse(entry.time) - start) / 1000).toFixed(1)}s`.padStart(8);
      const label = name === "sessions" ? "sessions moved" : name;
      return { text: `${at}  ${label.padEnd(15)} ${said}`, style: styleOf(entry) };
    },
  };
}

const TROUBLE: ReadonlySet<string> = new Set(["warn", "error"]);

function trouble(entry: LogEntry): string {
  const retry = entry.retry_in === undefined ? "" : `; again in ${entry.retry_in}`;
  return `${entry.error ?? entry.reason ?? ""}${retry}`;
}

const STYLES: { readonly [Name in LesseeEvent["is"]]?: Style } = {
  login: "cyan",
  read: "blue",
  verified: "blue",
  published: ["green", "bold"],
  renewed: "gray",
  "token renewed": "gray",
  "rotation due": ["yellow", "bold"],
  notified: "magenta",
  confirmed: "green",
  sessions: "gray",
  drained: "green",
  released: "green",
  rotated: ["green", "bold"],
};

function styleOf(entry: LogEntry): Style | undefined {
  if (entry.level === "error") return "red";
  if (entry.level === "warn") return "yellow";
  return STYLES[entry.msg as LesseeEvent["is"]];
}

/** `v-kubernet-pg-role-5OUfsUQv3xAASWZkbECV-1589890098` → `…5OUfsU`. */
function shortName(name: string): string {
  const random = name.split("-").at(-2) ?? name;
  return `…${random.slice(0, 6)}`;
}

function inSeconds(entry: LogEntry, time: unknown): string {
  const left = Date.parse(String(time)) - Date.parse(entry.time);
  return Number.isNaN(left) ? "at an unknown time" : `in ${(left / 1000).toFixed(1)}s`;
}
