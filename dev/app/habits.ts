/** How applications learn of a new credential, and what they do about their connections then. */

export const HABITS = {
  "per-connection": "reads its file for every connection",
  sighup: "reads its file once, and again on SIGHUP",
  http: "reads its file once, and again when it is asked to by HTTP",
  "watch-file": "watches its file, and reads it again when that changes",
  "watch-folder": "watches the folder of its file, and reads it again when that changes",
  restart: "has its credential in its environment, and is started anew (exec)",
  deaf: "hears nothing, and keeps each connection until that is closed for it",
  pgbouncer: "connects to a PgBouncer, which is told by SIGHUP",
} as const;

export type Habit = keyof typeof HABITS;

export function isHabit(text: string): text is Habit {
  return Object.hasOwn(HABITS, text);
}
