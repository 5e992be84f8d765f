/** Stands before a server: counts what is asked, and refuses renewals when it is told to. */
import http from "node:http";
import type { AddressInfo } from "node:net";

export interface Front {
  /** `http://127.0.0.1:PORT` */
  readonly address: string;
  /** Requests so far. */
  readonly requests: number;
  /** From now on renewals of leases and tokens are answered with 400, or no more. */
  refuseRenewals(refuse: boolean): void;
  stop(): Promise<void>;
}

const RENEWALS = /^\/v1\/(sys\/leases\/renew|auth\/token\/renew-self)/;

export async function startFront(server: string): Promise<Front> {
  let requests = 0;
  let refusing = false;
  const agent = new http.Agent({ keepAlive: true });
  const front = http.createServer((incoming, outgoing) => {
    requests++;
    if (refusing && RENEWALS.test(incoming.url ?? "")) {
      incoming.resume();
      outgoing.writeHead(400, { "content-type": "application/json" }).end('{"errors":["renewals are refused"]}');
      return;
    }
    const { method, headers, url } = incoming;
    const onward = http.request(`${server}${url}`, { method, headers, agent }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
    });
    onward.on("error", () => outgoing.destroy());
    incoming.pipe(onward);
  });
  await new Promise<void>((resolve) => front.listen(0, "127.0.0.1", resolve));
  return {
    address: `http://127.0.0.1:${(front.address() as AddressInfo).port}`,
    get requests() {
      return requests;
    },
    refuseRenewals(refuse) {
      refusing = refuse;
    },
    async stop() {
      agent.destroy();
      front.closeAllConnections();
      await new Promise<void>((resolve) => void front.close(() => resolve()));
    },
  };
}
