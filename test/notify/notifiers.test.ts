import { once } from "node:events";
import * as fs from "node:fs/promises";
import { createServer, type IncomingMessage, type Server } from "node:http";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { createNotifier } from "../../src/notify/notifiers.ts";
import { caught, change, never, useNotifiers } from "./fixture.ts";

const told = useNotifiers();

const servers: Server[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
    await once(server, "close");
  }
});

describe("http", () => {
  it("sends what is configured, and takes 2xx as heard", async () => {
    const { url, requests } = await serve(204);
    const headers = { "x-reload": "yes" };
    await told.notify({ kind: "http", method: "POST", url: `${url}/-/reload?token=abc`, headers, body: "now" });
    expect(requests).toMatchObject([{ method: "POST", url: "/-/reload?token=abc", headers, body: "now" }]);
  });

  it.each([400, 404, 500, 503])("takes %d as not heard, to be tried again", async (status) => {
    const { url } = await serve(status);
    const error = await told.failure({ kind: "http", method: "GET", url, headers: {} });
    expect(error).toMatchObject({ permanent: false, message: expect.stringContaining(`answered ${status}`) });
  });

  it("follows no redirect", async () => {
    const { url, requests } = await serve(302);
    const error = await told.failure({ kind: "http", method: "POST", url, headers: {} });
    expect(error).toMatchObject({ permanent: true, hint: expect.stringMatching(/redirect leads to/) });
    expect(requests).toHaveLength(1);
  });

  it("does not wait longer than its timeout", async () => {
    const { url } = await serve("never");
    const error = await told.failure({ kind: "http", method: "POST", url, headers: {}, timeout: 100 });
    expect(error.permanent).toBe(false);
  });

  it("shows no secret of the URL, whatever happens", async () => {
    const { url } = await serve(500);
    for (const base of [url, "http://127.0.0.1:1"]) {
      const secret = `${base.replace("://", "://user:s3cret@")}/reload?token=s3cret#s3cret`;
      const config = { kind: "http", method: "POST", url: secret, headers: {}, timeout: 1000 } as const;
      const notifier = createNotifier(config, told.ports);
      const error = await caught(notifier.notify(change, never));
      expect(notifier.target).toBe(`POST ${base}/reload`);
      expect(`${error.message} ${error.hint} ${error.stack} ${String(error.cause)}`).not.toContain("s3cret");
    }
  });
});

describe("exec", () => {
  it("tells the command what has changed", async () => {
    const file = join(told.folder, "env");
    const command = [`env | grep -E '^(LESSEE_(FILES|LEASE_ID|PATH|PREVIOUS_ENDS|USERNAME)|MINE)=' | sort > ${file}`];
    await told.notify({ kind: "exec", command, env: { MINE: "1" } });
    expect(await fs.readFile(file, "utf8")).toBe(
      [
        "LESSEE_FILES=/etc/dbvault/config.yaml",
        "LESSEE_LEASE_ID=database/creds/pg-role/abc",
        "LESSEE_PATH=database/creds/pg-role",
        "LESSEE_PREVIOUS_ENDS=1700000000",
        "LESSEE_USERNAME=v-pg-role-1",
        "MINE=1",
        "",
      ].join("\n"),
    );
  });

  it("takes any other exit code as not heard, to be tried again", async () => {
    const error = await told.failure({ kind: "exec", command: ["echo not yet; exit 7"], env: {} });
    expect(error).toMatchObject({ permanent: false, message: "echo not yet; exit 7: exit code 7: not yet" });
  });

  it("does not wait longer than its timeout", async () => {
    const error = await told.failure({ kind: "exec", command: ["sleep 60; :"], env: {}, timeout: 100 });
    expect(error.message).toMatch(/no end within 0.1 s/);
  });
});

describe("file", () => {
  it("is created, and then written in place with the time", async () => {
    const path = join(told.folder, "touched");
    const times = [1_700_000_000_000, 1_700_000_100_000];
    const notifier = createNotifier(
      { kind: "file", path, timeout: 1000 },
      {
        ...told.ports,
        clock: { ...told.ports.clock, now: () => times.shift() ?? 0 },
      },
    );
    await notifier.notify(change, never);
    expect(await fs.readFile(path, "utf8")).toBe("2023-11-14T22:13:20.000Z\n");
    const { ino } = await fs.stat(path);
    await notifier.notify(change, never);
    expect(await fs.readFile(path, "utf8")).toBe("2023-11-14T22:15:00.000Z\n");
    expect((await fs.stat(path)).ino).toBe(ino);
  });

  it("is not written through a link", async () => {
    await fs.writeFile(join(told.folder, "victim"), "whole");
    await fs.symlink("victim", join(told.folder, "touched"));
    expect((await told.failure({ kind: "file", path: join(told.folder, "touched") })).message).toMatch(/cannot touch/);
    expect(await fs.readFile(join(told.folder, "victim"), "utf8")).toBe("whole");
  });

  it("says what is missing", async () => {
    const error = await told.failure({ kind: "file", path: join(told.folder, "no/such/folder") });
    expect(error).toMatchObject({ permanent: false, hint: expect.stringMatching(/folder must exist/) });
  });
});
interface Seen {
  readonly method: string | undefined;
  readonly url: string | undefined;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

async function serve(answer: number | "never"): Promise<{ url: string; requests: Seen[] }> {
  const requests: Seen[] = [];
  const server = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk) => {
      body += String(chunk);
    });
    request.on("end", () => {
      requests.push({ method: request.method, url: request.url, headers: request.headers, body });
      if (answer !== "never") response.writeHead(answer, { location: "/elsewhere" }).end();
    });
  });
  servers.push(server);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("not a port");
  return { url: `http://127.0.0.1:${address.port}`, requests };
}
