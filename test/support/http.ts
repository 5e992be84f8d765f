/** An HTTP server of a test's own: the application's reload endpoint. It ends with the test. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { onTestFinished, type TestContext } from "vitest";

export interface ReceivedRequest {
  readonly method: string;
  readonly path: string;
  readonly body: string;
  /** From 1. */
  readonly count: number;
}

export interface TestServer {
  /** `http://127.0.0.1:PORT/` */
  readonly url: string;
  readonly requests: readonly ReceivedRequest[];
}

/** @param answer the status; `hang` never answers */
export async function startServer(
  answer: (request: ReceivedRequest) => number | "hang",
  test: Pick<TestContext, "onTestFinished"> = { onTestFinished },
): Promise<TestServer> {
  const requests: ReceivedRequest[] = [];
  const server = createServer(async (incoming, outgoing) => {
    const body = await text(incoming);
    const request = { method: incoming.method ?? "", path: incoming.url ?? "", body, count: requests.length + 1 };
    requests.push(request);
    const status = answer(request);
    if (status !== "hang") outgoing.writeHead(status).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  test.onTestFinished(
    () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  );
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, requests };
}
