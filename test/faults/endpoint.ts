/** The application's reload endpoint, which fails as HTTP servers do. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { HttpResponse } from "../../src/ports.ts";
import type { HttpFault } from "./pod.ts";

export interface Endpoint {
  readonly url: string;
  /** Called at each request that is heard, before it is answered. */
  onTold(listener: () => Promise<void>): void;
  /** The exchange that `work` makes fails so. */
  failing(
    fault: Exclude<HttpFault, "refused" | "timeout" | "slow">,
    work: () => Promise<HttpResponse>,
  ): Promise<HttpResponse>;
  stop(): Promise<void>;
}

export async function startEndpoint(): Promise<Endpoint> {
  let told: () => Promise<void> = async () => {};
  let fault: HttpFault | null = null;
  const server = createServer(async (incoming, outgoing) => {
    incoming.resume();
    if (fault === "garbage") return void incoming.socket.end("220 mail.example ESMTP\r\n");
    if (fault === "cut") {
      outgoing.writeHead(200, { "content-length": 100 }).write("half", () => incoming.socket.resetAndDestroy());
      return;
    }
    if (typeof fault === "object" && fault !== null) return void outgoing.writeHead(fault.status).end(fault.error);
    await told().catch(() => {});
    outgoing.writeHead(204).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/-/reload`,
    onTold(listener) {
      told = listener;
    },
    async failing(next, work) {
      fault = next;
      try {
        return await work();
      } finally {
        fault = null;
      }
    },
    stop: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
