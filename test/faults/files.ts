/** The real files, of which calls below a path fail as a disk does. */
import { constants } from "node:fs";
import * as fs from "node:fs/promises";
import type { Files } from "../../src/ports.ts";
import type { Busy } from "./busy.ts";

export interface DiskFault {
  /** Paths that begin with it. */
  readonly below: string;
  readonly code: "ENOSPC" | "EROFS" | "EACCES";
  /** In place of all that changes something. */
  readonly calls?: RegExp;
}

export interface Disk {
  fail(fault: DiskFault, times: number): void;
  mend(): void;
  /** Whatever concerns paths that begin so waits until the answer is called. */
  hold(below: string): () => void;
  readonly hits: number;
  /** For one process; `alive` never resolves once that is dead. */
  files(busy: Busy, alive: () => Promise<void>): Files;
}

/** What each fault keeps from being done; the words are the system's. */
const REFUSES: Readonly<Record<DiskFault["code"], { readonly calls: RegExp; readonly words: string }>> = {
  ENOSPC: { calls: /^(writeFile|mkdir|symlink|link)$/, words: "no space left on device" },
  EROFS: { calls: /^(mkdir|symlink|link|rename|unlink|rm|chmod|chown|create)$/, words: "read-only file system" },
  EACCES: { calls: /^(mkdir|symlink|link|rename|unlink|rm|create)$/, words: "permission denied" },
};

export function createDisk(): Disk {
  let fault: DiskFault | null = null;
  let left = 0;
  let hits = 0;
  let held: { readonly below: string; readonly over: Promise<void> } | null = null;

  function meet(call: string, path: unknown): void {
    if (fault === null || left <= 0 || typeof path !== "string" || !path.startsWith(fault.below)) return;
    const { calls, words } = REFUSES[fault.code];
    if (!(fault.calls ?? calls).test(call)) return;
    left--;
    hits++;
    throw Object.assign(new Error(`${fault.code}: ${words}, ${call} '${path}'`), { code: fault.code });
  }

  return {
    fail(next, times) {
      fault = next;
      left = times;
    },
    mend() {
      fault = null;
      left = 0;
    },
    hold(below) {
      const { promise: over, resolve } = Promise.withResolvers<void>();
      held = { below, over };
      return () => {
        held = null;
        resolve();
      };
    },
    get hits() {
      return hits;
    },
    files(busy, alive) {
      function wrap<T extends object>(target: T, ofHandle: string | null): T {
        return new Proxy(target, {
          get(object, name) {
            const member: unknown = Reflect.get(object, name);
            if (typeof member !== "function" || typeof name !== "string") return member;
            return async (...args: unknown[]) => {
              await alive();
              if (held !== null && String(ofHandle ?? args[0]).startsWith(held.below)) await held.over;
              return busy.during(call(member, object, name, args, ofHandle));
            };
          },
        });
      }
      async function call(member: object, object: object, name: string, args: unknown[], ofHandle: string | null) {
        const path = ofHandle ?? args[0];
        if (name !== "open") meet(name, path);
        else if (opensForWriting(args[1])) meet("create", path);
        const result: unknown = await Reflect.apply(member as () => unknown, object, args);
        return name === "open" ? wrap(Object(result) as object, String(path)) : result;
      }
      return wrap<Files>({ ...fs }, null);
    },
  };
}

function opensForWriting(flags: unknown): boolean {
  return typeof flags === "number" ? (flags & (constants.O_WRONLY | constants.O_RDWR)) !== 0 : flags === "wx";
}
