/** Stands before a server for as long as a test runs: what is asked passes on as it is, unless the test answers it. */
import http from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { onTestFinished, type TestContext } from "vitest";

/**
 * Resolves to its own address, `http://127.0.0.1:PORT`.
 * @param meet hears of each request first: it answers (true), or says with which headers the request passes on
 * @param more.edit what the server has answered, on its way back
 * @param more.test where several run at once
 */
export async function startFront(
  server: string,
  meet: (incoming: http.IncomingMessage, outgoing: http.ServerResponse) => true | http.IncomingHttpHeaders,
  more: { edit?: (url: string, text: string) => string; test?: Pick<TestContext, "onTestFinished"> } = {},
): Promise<string> {
  const { edit, test = { onTestFinished } } = more;
  const front = http.createServer((incoming, outgoing) => {
    const headers = meet(incoming, outgoing);
    if (headers === true) return;
    const { method = "GET", url } = incoming;
    const onward = http.request(`${server}${url}`, { method, headers, agent: false }, async (answer) => {
      const { "content-length": _length, ...rest } = answer.headers;
      outgoing.writeHead(answer.statusCode ?? 500, edit === undefined ? answer.headers : rest);
      if (edit === undefined) return void answer.pipe(outgoing);
      outgoing.end(edit(url ?? "", await text(answer)));
    });
    onward.on("error", () => outgoing.destroy());
    incoming.pipe(onward);
  });
  await new Promise<void>((resolve) => front.listen(0, "127.0.0.1", resolve));
  test.onTestFinished(() => {
    front.close();
    front.closeAllConnections();
  });
  return `http://127.0.0.1:${(front.address() as AddressInfo).port}`;
}
