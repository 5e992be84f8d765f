/** What was asked of the server, in order, without anything secret: no bodies, no tokens. */

export interface LoggedRequest {
  readonly method: string;
  /** With `/v1/`, without the query. */
  readonly path: string;
  /** 0 when the client was not answered. */
  readonly status: number;
  /** When it came, milliseconds since 1970 by the machine's clock. */
  readonly at: number;
  readonly duration: number;
}

export type RequestFilter = (request: LoggedRequest) => boolean;

export interface RequestLog {
  readonly entries: readonly LoggedRequest[];
  count(filter: RequestFilter): number;
  /** The next request that matches, from now on. */
  next(filter: RequestFilter): Promise<LoggedRequest>;
  clear(): void;
}

export function createRequestLog(): RequestLog & { add(request: LoggedRequest): void } {
  const entries: LoggedRequest[] = [];
  const waiting = new Set<{ filter: RequestFilter; resolve: (request: LoggedRequest) => void }>();
  return {
    entries,
    count: (filter) => entries.filter(filter).length,
    next: (filter) => new Promise((resolve) => void waiting.add({ filter, resolve })),
    clear: () => void entries.splice(0),
    add(request) {
      entries.push(request);
      for (const waiter of waiting) {
        if (!waiter.filter(request)) continue;
        waiting.delete(waiter);
        waiter.resolve(request);
      }
    },
  };
}
