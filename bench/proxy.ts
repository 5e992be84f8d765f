/**
 * `node bench/proxy.ts` after `npm run build`: what a request costs more when it goes through the agent's listener, one,
 * fifty and a thousand at a time, each over a connection of its own that is kept, over loopback. With VAULT_BIN (a `vault` or `bao`), its agent's listener is measured
 * in turn with ours, on the same configuration and the same server. Options: --runs N, --markdown.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import http from "node:http";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort } from "../dev/free-port.ts";
import { optionsOf } from "./options.ts";
import { cells, markdown, median, type Row, text } from "./table.ts";
import { startVault } from "./world.ts";

const ROOT_TOKEN = "bench-root";
const SECRET = "/v1/secret/data/bench";
/** At a time, and how many in all for one figure. */
const LOADS = [
  { atATime: 1, requests: 1_000 },
  { atATime: 50, requests: 5_000 },
  { atATime: 1_000, requests: 10_000 },
] as const;

interface Figures {
  /** Milliseconds from the request to the end of the answer; the median. */
  readonly latency: number;
  /** Requests a second, all connections together. */
  readonly rate: number;
}

const values = optionsOf({ runs: { type: "string", default: "5" }, markdown: { type: "boolean", default: false } });
const other = process.env.VAULT_BIN;
const programs = [[join(import.meta.dirname, "../bin/lessee")], ...(other ? [[other]] : [])] as const;

await using undo = new AsyncDisposableStack();
const folder = await mkdtemp(join(tmpdir(), "lessee-bench-"));
undo.defer(() => rm(folder, { recursive: true, force: true }));
const vault = await startVault(ROOT_TOKEN);
undo.defer(() => vault.stop());
await request(
  new http.Agent(),
  `${vault.address}${SECRET}`,
  { "X-Vault-Token": ROOT_TOKEN },
  "POST",
  '{"data":{"a":"b"}}',
);
const addresses: string[] = [];
for (const [index, [command]] of programs.entries()) addresses.push(await startProxy(command as string, index));

const direct: Figures[][] = [];
const through = programs.map((): Figures[][] => []);
// The first round warms everything up and is not counted.
for (let run = 0; run <= Number(values.runs); run++) {
  for (const [place, load] of LOADS.entries()) {
    const add = (figures: Figures[][], one: Figures) => {
      figures[place] ??= [];
      if (run > 0) figures[place].push(one);
    };
    add(direct, await measure(vault.address, load, { "X-Vault-Token": ROOT_TOKEN }));
    for (const [index, address] of addresses.entries())
      add(through[index] as Figures[][], await measure(address, load, {}));
  }
}

const rows = LOADS.flatMap(({ atATime }, place): Row[] => {
  const of = (figures: Figures[][] | undefined, read: (one: Figures) => number) => figures?.[place]?.map(read) ?? [];
  const row = (name: string, unit: string, read: (one: Figures) => number): Row => ({
    name: `${name}, ${atATime} at a time`,
    unit,
    ours: of(through[0], read),
    ...(other ? { theirs: of(through[1], read) } : {}),
  });
  return [
    row("latency", "ms", ({ latency }) => latency),
    row("time for 1,000 requests", "ms", ({ rate }) => 1e6 / rate),
  ];
});
const header = ["median (least–most)", "lessee", other ?? "VAULT_BIN", "ratio", "limit", "verdict"];
console.log((values.markdown ? markdown : text)(header, rows.map(cells)));
for (const [place, { atATime }] of LOADS.entries()) {
  const figures = direct[place] as Figures[];
  const [latency, rate] = [median(figures.map((one) => one.latency)), median(figures.map((one) => one.rate))];
  const own = median((through[0] as Figures[][])[place]?.map((one) => one.rate) ?? []);
  console.log(
    `\nWithout any proxy, ${atATime} at a time: ${latency.toFixed(2)} ms, ${rate.toFixed(0)} requests/s; lessee ${own.toFixed(0)}/s`,
  );
}
console.log(
  `\n${cpus().length} × ${cpus()[0]?.model.trim()}, Node ${process.versions.node}; ${values.runs} runs; client, proxy and server share the machine`,
);

/** Runs the program's agent with one listener, and resolves to its address once that answers. */
async function startProxy(command: string, index: number): Promise<string> {
  const port = await freePort("127.0.0.1");
  const address = `http://127.0.0.1:${port}`;
  const [config, token] = [join(folder, `${index}.hcl`), join(folder, `token-${index}`)];
  await writeFile(token, ROOT_TOKEN);
  await writeFile(
    config,
    `vault { address = "${vault.address}" }
auto_auth {
  method "token_file" { config = { token_file_path = "${token}" } }
}
api_proxy { use_auto_auth_token = true }
listener "tcp" {
  address     = "127.0.0.1:${port}"
  tls_disable = true
}
health { address = "" }
state  { path = "${join(folder, `state-${index}`)}" }
`,
  );
  // A line for every request would be part of the figure.
  const child = spawn(command, ["agent", `-config=${config}`, "-log-level=error"], {
    env: { PATH: process.env.PATH, HOME: folder },
    stdio: ["ignore", "ignore", "inherit"],
  });
  undo.defer(() => stop(child));
  for (;;) {
    if (child.exitCode !== null) throw new Error(`${command} ended with ${child.exitCode}`);
    const status = await request(new http.Agent(), `${address}${SECRET}`, {}).catch(() => 0);
    if (status === 200) return address;
    await sleep(50);
  }
}

async function stop(child: ChildProcess): Promise<void> {
  child.kill("SIGTERM");
  if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
}

async function measure(
  address: string,
  { atATime, requests }: (typeof LOADS)[number],
  headers: http.OutgoingHttpHeaders,
): Promise<Figures> {
  const agent = new http.Agent({ keepAlive: true, maxSockets: atATime });
  const latencies: number[] = [];
  let left = requests;
  const began = performance.now();
  await Promise.all(
    Array.from({ length: atATime }, async () => {
      while (left-- > 0) {
        const sent = performance.now();
        const status = await request(agent, `${address}${SECRET}`, headers);
        if (status !== 200) throw new Error(`${address} answered ${status}`);
        latencies.push(performance.now() - sent);
      }
    }),
  );
  const took = performance.now() - began;
  agent.destroy();
  return { latency: median(latencies), rate: (requests / took) * 1_000 };
}

function request(
  agent: http.Agent,
  url: string,
  headers: http.OutgoingHttpHeaders,
  method = "GET",
  body?: string,
): Promise<number> {
  return new Promise((resolve, reject) => {
    const outgoing = http.request(url, { agent, headers, method }, (answer) => {
      answer.resume().on("end", () => resolve(answer.statusCode ?? 0));
    });
    outgoing.on("error", reject);
    outgoing.end(body);
  });
}
