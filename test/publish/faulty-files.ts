/** The real files, of which one call fails, or every call from one on. */
import * as fs from "node:fs/promises";
import type { Files } from "../../src/ports.ts";

export interface FaultPlan {
  /** The first call that fails, from 1; 0: none. */
  readonly from: number;
  readonly lasting: boolean;
  readonly code: string;
  /** What the fault does not hit; closing always works. */
  spares(call: string): boolean;
}

export interface FaultyFiles {
  readonly files: Files;
  /** The calls that were made, e.g. `open`, `handle.sync`. */
  readonly calls: readonly string[];
}

export function faultyFiles(plan: FaultPlan): FaultyFiles {
  const calls: string[] = [];

  function meet(call: string): void {
    calls.push(call);
    const due = plan.from > 0 && (plan.lasting ? calls.length >= plan.from : calls.length === plan.from);
    if (due && !plan.spares(call)) {
      throw Object.assign(new Error(`${plan.code}: injected, ${call}`), { code: plan.code });
    }
  }

  function wrap<T extends object>(target: T, prefix: string): T {
    return new Proxy(target, {
      get(object, name) {
        const member: unknown = Reflect.get(object, name);
        if (typeof member !== "function" || typeof name !== "string") return member;
        return async (...args: unknown[]) => {
          const call = prefix + name;
          // What is open is closed, whatever is said of it.
          if (name === "close") await Reflect.apply(member, object, args);
          meet(call);
          if (name === "close") return;
          const result: unknown = await Reflect.apply(member, object, args);
          return name === "open" ? wrap(Object(result), "handle.") : result;
        };
      },
    });
  }

  return { files: wrap<Files>({ ...fs }, ""), calls };
}
