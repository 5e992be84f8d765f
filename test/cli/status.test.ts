import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { runStatus } from "../../src/cli/status.ts";
import { startHealth } from "../../src/health/server.ts";
import type { World } from "../../src/ports.ts";
import type { Status } from "../../src/status.ts";
import { fresh, rotating, trouble } from "../health/samples.ts";

const stops: (() => unknown)[] = [];

afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

async function serving(status: Status): Promise<string> {
  const health = await startHealth({
    address: "127.0.0.1:0",
    status: () => status,
    metrics: { render: async () => ({ contentType: "text/plain", body: "" }) },
    timeline: { recent: () => [], requests: () => ({ sent: 0, failed: 0 }) },
    scrub: (text) => text,
  });
  stops.push(() => health.stop());
  return health.address;
}

async function somethingElse(answer: RequestListener): Promise<string> {
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  stops.push(() => {
    server.close();
    server.closeAllConnections();
  });
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function run(...args: string[]) {
  const out: string[] = [];
  const err: string[] = [];
  const code = await runStatus(args, {
    stdout: { write: (text: string) => out.push(text) },
    stderr: { write: (text: string) => err.push(text) },
  } as Pick<World, "stdout" | "stderr"> as World);
  return { code, out: out.join(""), err: err.join("") };
}

describe("lessee status", () => {
  it("prints a line for every user that is held, in columns", async () => {
    const { code, out, err } = await run(`-address=${await serving(rotating)}`);
    expect({ code, err }).toEqual({ code: 0, err: "" });
    const lines = out.split("\n");
    expect(lines[0]).toBe("lessee 0.1.0: ready, up 1m35s, pid 17");
    const heading = lines.findIndex((line) => line.startsWith("CREDENTIAL"));
    const rows = lines.slice(heading + 1, heading + 4);
    const column = (name: string) => rows.map((row) => row.slice(lines[heading]!.indexOf(name)).split(/ {2,}/)[0]);
    expect(column("STAGE")).toEqual(["current", "candidate", "retiring"]);
    expect(column("STEP")).toEqual(["in use", "verify", "drain"]);
    expect(column("SESSIONS")).toEqual(["8", "0", "3"]);
    expect(column("ENDS")).toEqual(["in 7s", "in 9s", "in 2s"]);
    expect(column("AT THE LATEST")).toEqual(["in 16s", "?", "in 2s"]);
    expect(out).toContain("next rotation in 4s, 4 done");
    expect(out).toContain("token: kubernetes, ends in 58m20s");
  });

  it("exits 1 and says why when not ready", async () => {
    const early = await run("-address", await serving(fresh));
    expect(early.code).toBe(1);
    expect(early.out).toContain("not ready: database/creds/pg-role: no credential yet\n");
    expect(early.out).toContain("token: not logged in\n");
    const late = await run("--address", await serving(trouble));
    expect(late.code).toBe(1);
    expect(late.out).toContain("ended 12s ago");
    expect(late.out).toContain("Vault is sealed");
    expect((await run("-address", await serving({ ...rotating, stopping: true }))).code).toBe(1);
  });

  it("prints JSON when asked to", async () => {
    const { code, out } = await run("-json", "-address", await serving(trouble));
    expect(code).toBe(1);
    expect(JSON.parse(out)).toEqual(trouble);
  });

  it("lets no control character of a foreign text reach the terminal", async () => {
    const nasty = "\u001b]0;owned\u0007\nlessee: ready";
    const { out } = await run("-address", await serving({ ...trouble, notReady: [nasty], warnings: [nasty] }));
    expect(out).not.toMatch(/[\u0000-\u0009\u000b-\u001f]/);
    expect(out).not.toContain("\nlessee: ready");
  });

  it("says in one line that nobody answers", async () => {
    const address = await serving(rotating);
    await stops.pop()?.();
    const { code, out, err } = await run("-address", address);
    expect({ code, out }).toEqual({ code: 1, out: "" });
    expect(err).toMatch(
      /^the sidecar at 127\.0\.0\.1:\d+ cannot be asked: .*ECONNREFUSED.*\(is the sidecar running.*\)\n$/,
    );
  });

  it.each<[string, RequestListener]>([
    ["a page", (_, response) => response.end("<html>")],
    ["other JSON", (_, response) => response.end('{"version":"1"}')],
    ["an error", (_, response) => response.writeHead(404).end()],
  ])("says in one line that something else answers: %s", async (_, answer) => {
    const { code, err } = await run("-address", await somethingElse(answer));
    expect(code).toBe(1);
    expect(err).toMatch(/^what answers at .* is not lessee .*\n$/);
  });

  it.each<[string, RequestListener]>([
    ["hung up", (request) => request.socket.destroy()],
    [
      "cut off",
      (request, response) => {
        response.writeHead(200, { "Content-Length": 100 }).write("{", () => request.socket.destroy());
      },
    ],
    [
      "too long",
      (_, response) => {
        const more = () => response.write(" ".repeat(1 << 20), more);
        more();
      },
    ],
  ])("says in one line that the answer was %s", async (_, answer) => {
    const { code, err } = await run("-address", await somethingElse(answer));
    expect(code).toBe(1);
    expect(err).toMatch(/^the sidecar at .* cannot be asked: .*\n$/);
  });

  it("refuses what it does not understand", async () => {
    expect(await run("-adress=x")).toMatchObject({ code: 1, out: "" });
    expect((await run("-adress=x")).err).toContain("-address");
    expect((await run("-address=nowhere")).err).toMatch(/"nowhere" is not an address \(host:port.*\)\n/);
    expect((await run("now")).err).toBe("status takes no arguments: now\n");
    expect(await run("-h")).toMatchObject({ code: 0, err: "" });
  });
});
