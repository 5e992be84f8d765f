/**
 * The log: one event a line, through pino, written synchronously so that the last line before an exit is not lost.
 * A log never throws and never answers back.
 */
import { pino } from "pino";
import type { Clock, Emit } from "../ports.ts";
import { fieldsOf, type LogFields, type LogLevel, levelOf } from "./entry.ts";
import { escapeInvisible } from "./invisible.ts";

export interface LogOptions {
  readonly level: LogLevel;
  readonly format: "standard" | "json";
  readonly clock: Pick<Clock, "now">;
  /** Gets a whole line with its line feed. What it throws is ignored: there is nobody left to tell. */
  write(line: string): void;
  /** Goes over every text that is not our own wording. */
  scrub(text: string): string;
  /** Stand at the end of every line, as the pod's name. */
  readonly fields?: LogFields;
}

export interface Log {
  readonly observe: Emit;
  trace(message: string, fields?: LogFields): void;
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  setLevel(level: LogLevel): void;
}

export function createLog(options: LogOptions): Log {
  const line = options.format === "json" ? jsonLine : standardLine;
  const logger = pino(
    {
      level: options.level,
      base: null,
      timestamp: () => `,"time":"${isoTime(options.clock.now())}"`,
      formatters: { level: (label) => ({ level: label }) },
    },
    {
      write(json: string) {
        try {
          options.write(line(json));
        } catch {
          // A closed stderr must not end the sidecar.
        }
      },
    },
  );

  function log(level: LogLevel, message: () => string, fields: () => LogFields): void {
    if (!logger.isLevelEnabled(level)) return;
    logger[level](clean({ ...fields(), ...options.fields }, options.scrub), message());
  }
  const said =
    (level: LogLevel) =>
    (message: string, fields: LogFields = {}) =>
      log(
        level,
        () => short(options.scrub(message)),
        () => fields,
      );

  return {
    observe: (event) =>
      log(
        levelOf(event),
        () => event.is,
        () => fieldsOf(event, isoTime),
      ),
    trace: said("trace"),
    debug: said("debug"),
    info: said("info"),
    warn: said("warn"),
    error: said("error"),
    setLevel(level) {
      logger.level = level;
    },
  };
}

/** A time that no calendar knows (a lease of a million years) is said as a number rather than thrown at. */
function isoTime(ms: number): string {
  return Math.abs(ms) <= 8.64e15 ? new Date(ms).toISOString() : String(ms);
}

/** The longest text that one field may have: a server's answer may be a page of HTML. */
const LONGEST = 4096;
/** Of that the end, where an error in an error in an error has its cause. */
const LAST_WORDS = 512;

/** Scrubbed before it becomes a line, so that whatever the secret is, the line stays well-formed. */
function clean(fields: LogFields, scrub: (text: string) => string): LogFields {
  const value = (one: unknown): unknown => {
    if (typeof one === "string") return short(scrub(one));
    if (Array.isArray(one)) return one.map(value);
    if (typeof one === "object" && one !== null) return clean(one as LogFields, scrub);
    return one;
  };
  const present = Object.entries(fields).filter(([, one]) => one !== null && one !== undefined);
  return Object.fromEntries(present.map(([name, one]) => [name, value(one)])) as LogFields;
}

function short(text: string): string {
  if (text.length <= LONGEST) return text;
  const left = `… (${text.length - LONGEST} characters more) …`;
  return `${text.slice(0, LONGEST - LAST_WORDS)}${left}${text.slice(-LAST_WORDS)}`;
}

function jsonLine(json: string): string {
  return `${escapeInvisible(json.trimEnd())}\n`;
}

/** As hclog writes: `2026-11-24T02:00:00.000Z [INFO]  published: path=database/creds/pg-role user=v-…` */
function standardLine(json: string): string {
  const { level, time, msg, ...fields } = JSON.parse(json) as Record<string, unknown>;
  const pairs = Object.entries(fields).flatMap(([name, value]) => pairsOf(name, value));
  const head = `${time} ${`[${String(level).toUpperCase()}]`.padEnd(7)} ${escapeInvisible(unquoted(String(msg)))}`;
  return `${head}${pairs.length === 0 ? "" : ": "}${pairs.join(" ")}\n`;
}

function pairsOf(name: string, value: unknown): readonly string[] {
  if (Array.isArray(value)) return [`${name}=[${value.map(word).join(", ")}]`];
  if (typeof value === "object" && value !== null) {
    return Object.entries(value).flatMap(([key, one]) => pairsOf(`${name}.${key}`, one));
  }
  return [`${name}=${word(value)}`];
}

/** A value that could be mistaken for two, or for another field, stands in quotes. */
function word(value: unknown): string {
  const text = String(value);
  return escapeInvisible(/^[^\s"=[\],\\]+$/.test(text) ? text : JSON.stringify(text));
}

function unquoted(text: string): string {
  return JSON.stringify(text).slice(1, -1).replaceAll('\\"', '"');
}
