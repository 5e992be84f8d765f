/** Stands before a server for as long as a test runs: what is asked passes on as it is, unless the test answers it. */
import http from "node:http";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";

/**
 * Resolves to its own address, `http://127.0.0.1:PORT`.
 * @param meet hears of each request first: it answers (true), or says with which headers the request passes on
 */
export async function startFront(
  server: string,
  meet: (incoming: http.IncomingMessage, outgoing: http.ServerResponse) => true | http.IncomingHttpHeaders,
): Promise<string> {
  const front = http.createServer((incoming, outgoing) => {
    const headers = meet(incoming, outgoing);
    if (headers === true) return;
    const { method = "GET", url } = incoming;
    const onward = http.request(`${server}${url}`, { method, headers, agent: false }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 500, answer.headers);
      answer.pipe(outgoing);
    });
    onward.on("error", () => outgoing.destroy());
    incoming.pipe(onward);
  });
  await new Promise<void>((resolve) => front.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    front.close();
    front.closeAllConnections();
  });
  return `http://127.0.0.1:${(front.address() as AddressInfo).port}`;
}
