/** Faults that a test asks the server to commit. */

export type Fault =
  /** The connection is reset before anything is done. */
  | { readonly kind: "reset" }
  /** The request is done after this many milliseconds. */
  | { readonly kind: "delay"; readonly milliseconds: number }
  /** Nothing is done; this is the answer. */
  | {
      readonly kind: "answer";
      readonly status: number;
      readonly body: unknown;
      readonly headers?: Readonly<Record<string, string>>;
    }
  /** Nothing is done; the answer is 200 with this text, JSON or not. */
  | { readonly kind: "garbage"; readonly text: string }
  /** The request is done, and the connection breaks in the middle of the answer. */
  | { readonly kind: "cut" }
  /** Nothing is done, and no answer ever comes. */
  | { readonly kind: "hang" };

export interface FaultyRequest {
  readonly method: string;
  /** Without the query, e.g. `/v1/sys/leases/renew`. */
  readonly path: string;
}

export interface InjectedFault {
  /** How often it was committed. */
  readonly hits: number;
  remove(): void;
}

export interface FaultInjector {
  /** Holds for the first `times` requests that match; for ever when not given. The oldest that matches wins. */
  inject(when: (request: FaultyRequest) => boolean, fault: Fault, times?: number): InjectedFault;
  clear(): void;
  /** For the server: the fault to commit now, which is counted. */
  next(request: FaultyRequest): Fault | undefined;
}

export function createFaultInjector(): FaultInjector {
  const rules = new Set<{ when: (request: FaultyRequest) => boolean; fault: Fault; left: number; hits: number }>();
  return {
    inject(when, fault, times = Number.POSITIVE_INFINITY) {
      const rule = { when, fault, left: times, hits: 0 };
      rules.add(rule);
      return {
        get hits() {
          return rule.hits;
        },
        remove: () => void rules.delete(rule),
      };
    },
    clear: () => rules.clear(),
    next(request) {
      const rule = [...rules].find((candidate) => candidate.left > 0 && candidate.when(request));
      if (!rule) return undefined;
      rule.left--;
      rule.hits++;
      return rule.fault;
    },
  };
}
