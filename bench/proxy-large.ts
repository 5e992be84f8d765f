/**
 * `node bench/proxy-large.ts` after `npm run build`: 100 MB through the agent's listener, down and up, and eight readers
 * of 100 MB each that stop reading. Measured are the time and the most memory that the agent takes. With VAULT_BIN (a
 * `vault` or `bao`), its agent is measured in turn with ours. Options: --runs N, --markdown.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import http from "node:http";
import { type AddressInfo, connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort } from "../dev/free-port.ts";
import { environment, megabytes, nameOf, type Program } from "./measure.ts";
import { optionsOf } from "./options.ts";
import { cells, markdown, type Row, text } from "./table.ts";

const PIECE = Buffer.alloc(64 * 1024, "x");
const PIECES = 1_600;
const READERS = 8;
const TOKEN = {
  ...{ id: "s.bench", accessor: "a", path: "auth/token/create", type: "service", display_name: "token", entity_id: "" },
  ...{
    policies: ["default"],
    orphan: true,
    renewable: false,
    ttl: 3_600,
    creation_ttl: 3_600,
    num_uses: 0,
    meta: null,
  },
};

const values = optionsOf({ runs: { type: "string", default: "3" }, markdown: { type: "boolean", default: false } });
const other = process.env.VAULT_BIN;
const programs: readonly Program[] = [
  { name: "lessee", command: [join(import.meta.dirname, "../bin/lessee"), "agent"] },
  ...(other ? [{ name: nameOf(other), command: [other, "agent"] as const }] : []),
];

interface Figure {
  readonly seconds: number;
  /** VmHWM afterwards, in megabytes. */
  readonly peak: number;
}

await using undo = new AsyncDisposableStack();
const folder = await mkdtemp(join(tmpdir(), "lessee-bench-"));
undo.defer(() => rm(folder, { recursive: true, force: true }));
const server = http.createServer(answer).listen(0, "127.0.0.1");
await once(server, "listening");
undo.defer(() => {
  server.close();
  server.closeAllConnections();
});

const LOADS = [
  { name: "100 MB down", load: (address: string) => exchange(address, "GET") },
  { name: "100 MB up", load: (address: string) => exchange(address, "PUT") },
  { name: `${READERS} readers of 100 MB that stop, 3 s`, load: readersThatStop },
] as const;

const rows: Row[] = [];
for (const { load, name } of LOADS) {
  const figures = programs.map((): Figure[] => []);
  for (let run = 0; run < Number(values.runs); run++)
    for (const [index, program] of programs.entries()) figures[index]?.push(await measure(program, load));
  const row = (what: string, unit: string, read: (figure: Figure) => number): Row => {
    const [ours = [], theirs] = figures.map((runs) => runs.map(read));
    return { name: `${name}: ${what}`, unit, ours, ...(theirs ? { theirs } : {}) };
  };
  if (load !== readersThatStop) rows.push(row("time", "s", ({ seconds }) => seconds));
  rows.push(row("most memory, RSS", "MB", ({ peak }) => peak));
}
const header = ["median (least–most)", "lessee", programs[1]?.name ?? "VAULT_BIN", "ratio", "limit", "verdict"];
console.log((values.markdown ? markdown : text)(header, rows.map(cells)));

/** As much of Vault as an agent with a given token asks for, and 100 MB at any other path, no faster than they are read. */
function answer(request: http.IncomingMessage, response: http.ServerResponse): void {
  request.resume();
  request.once("end", () => {
    if (request.url?.includes("/large") && request.method === "GET") {
      response.setHeader("content-type", "application/json");
      Readable.from(pieces()).pipe(response);
      return;
    }
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify({ data: TOKEN }));
  });
}

function* pieces(): Generator<Buffer> {
  for (let piece = 0; piece < PIECES; piece++) yield PIECE;
}

/** With an agent of its own: its peak is of this load alone. */
async function measure(program: Program, load: (address: string) => Promise<void>): Promise<Figure> {
  const home = await mkdtemp(join(folder, "run-"));
  const port = await freePort("127.0.0.1");
  const config = join(home, "agent.hcl");
  await writeFile(join(home, "token"), "s.bench");
  await writeFile(config, configuration((server.address() as AddressInfo).port, port, home));
  const [command, ...first] = program.command;
  const child = spawn(command, [...first, `-config=${config}`, "-log-level=error"], {
    env: environment(home),
    stdio: "ignore",
  });
  try {
    const address = `http://127.0.0.1:${port}/v1`;
    while ((await exchange(`${address}/small`, "GET").catch(() => "not yet")) === "not yet") {
      if (child.exitCode !== null) throw new Error(`${program.name} ended with ${child.exitCode}`);
      await sleep(50);
    }
    const began = performance.now();
    await load(`${address}/large`);
    const seconds = (performance.now() - began) / 1_000;
    return { seconds, peak: megabytes(await readFile(`/proc/${child.pid}/status`, "utf8"), "VmHWM") };
  } finally {
    child.kill("SIGTERM");
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  }
}

async function exchange(url: string, method: "GET" | "PUT"): Promise<void> {
  const outgoing = http.request(url, { method, agent: false });
  if (method === "PUT") Readable.from(pieces()).pipe(outgoing);
  else outgoing.end();
  const [response] = (await once(outgoing, "response")) as [http.IncomingMessage];
  await once(response.resume(), "end");
  if (response.statusCode !== 200) throw new Error(`${url} answered ${response.statusCode}`);
}

/** Each asks, takes the first bytes, and then nothing more. */
async function readersThatStop(address: string): Promise<void> {
  const { hostname, pathname, port } = new URL(address);
  const readers = Array.from({ length: READERS }, async () => {
    const socket = connect(Number(port), hostname).on("error", () => undefined);
    socket.write(`GET ${pathname} HTTP/1.1\r\nHost: ${hostname}\r\n\r\n`);
    // One that gathers the whole first sends nothing before it has it.
    await Promise.race([once(socket, "readable"), sleep(20_000, null, { ref: false })]);
    return socket;
  });
  const sockets = await Promise.all(readers);
  await sleep(3_000);
  for (const socket of sockets) socket.destroy();
}

function configuration(vault: number, port: number, home: string): string {
  return `vault { address = "http://127.0.0.1:${vault}" }
auto_auth {
  method "token_file" { config = { token_file_path = "${join(home, "token")}" } }
}
api_proxy { use_auto_auth_token = true }
listener "tcp" {
  address     = "127.0.0.1:${port}"
  tls_disable = true
}
health { address = "" }
state  { path = "${join(home, "state")}" }
`;
}
