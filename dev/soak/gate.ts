/**
 * Stands between Postgres and those who look after its users, Vault and lessee, and fails as a Postgres does. The
 * application does not come this way: what fails for it, fails for its credential.
 */
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import type { RunningPostgres } from "../postgres.ts";

/** `restarting`: open connections are ended, and new ones refused until it is up. */
export type GateFault = "refused" | "full" | "restarting" | "slow";

export interface Gate {
  /** The same Postgres, as it is reached through the gate. */
  readonly postgres: Pick<RunningPostgres, "host" | "port" | "user" | "password" | "database">;
  fail(fault: GateFault): void;
  mend(): void;
  stop(): Promise<void>;
}

const SLOW = 700;
const FULL = fatal("53300", "sorry, too many clients already");
const STARTING = fatal("57P03", "the database system is starting up");
const ENDING = fatal("57P01", "terminating connection due to administrator command");

export async function startGate(postgres: RunningPostgres): Promise<Gate> {
  const clients = new Set<Socket>();
  let fault: GateFault | null = null;

  function admit(client: Socket): void {
    client.on("error", () => {});
    if (fault === "refused") return void client.resetAndDestroy();
    if (fault === "full" || fault === "restarting") {
      // Not before it was asked: whoever is answered sooner takes it for something else.
      client.once("data", () => client.end(fault === "full" ? FULL : STARTING));
      return;
    }
    clients.add(client);
    const server = connect(postgres.port, postgres.host);
    client.on("close", () => {
      clients.delete(client);
      server.destroy();
    });
    server.on("error", () => {}).on("close", () => client.destroy());
    client.on("data", (chunk) => server.write(chunk));
    server.on("data", (chunk) => {
      if (fault === "slow") setTimeout(() => client.write(chunk), SLOW);
      else client.write(chunk);
    });
  }

  const server = createServer(admit);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const { user, password, database } = postgres;
  return {
    postgres: { host: "127.0.0.1", port, user, password, database },
    fail(next) {
      fault = next;
      if (next === "restarting") for (const client of clients) client.end(ENDING);
    },
    mend() {
      fault = null;
    },
    async stop() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const client of clients) client.destroy();
      await closed;
    },
  };
}

/** As Postgres words it: the last thing that it says on a connection. */
function fatal(code: string, message: string): Buffer {
  const fields = Buffer.from(`SFATAL\0VFATAL\0C${code}\0M${message}\0\0`);
  const head = Buffer.from("E0000");
  head.writeInt32BE(fields.length + 4, 1);
  return Buffer.concat([head, fields]);
}
