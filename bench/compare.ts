/**
 * `npm run compare`: lessee and a real agent beside the same application, on the same server, one after the other. With
 * VAULT_BIN (a `vault` or `bao`), which is server and agent. Options: --for DURATION (for each agent; default 90s),
 * --markdown. A database user lives 30 s at most, the application's connections 15 s.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { agentConfiguration } from "../dev/demo/configuration.ts";
import { type DemoOptions, parseOptions } from "../dev/demo/options.ts";
import { startSampleApplication } from "../dev/demo/sample-application.ts";
import { projectToken } from "../dev/demo/service-account.ts";
import { startWorld } from "../dev/demo/world.ts";
import { startGuard } from "../dev/guard.ts";
import { type Figures, REFUSING, rowsOf } from "./compare-rows.ts";
import { type Front, startFront } from "./front.ts";
import { nameOf } from "./measure.ts";
import { optionsOf } from "./options.ts";
import { markdown, text } from "./table.ts";
import { watchLives } from "./user-lives.ts";

const values = optionsOf({ for: { type: "string", default: "90s" }, markdown: { type: "boolean", default: false } });
const binary = process.env.VAULT_BIN;
if (!binary) {
  process.stderr.write("VAULT_BIN=/path/to/vault is needed: the server and the agent to compare with\n");
  process.exit(2);
}
const options = parse(["--for", values.for, "--connection-max-lifetime", "15s", "--plain"]);
const names = ["lessee", nameOf(binary)];
const commands = [
  [join(import.meta.dirname, "../bin/lessee"), "agent"],
  [binary, "agent"],
] as const;

await using stack = new AsyncDisposableStack();
const folder = await mkdtemp(join(tmpdir(), "lessee-compare-"));
const guard = startGuard(folder);
stack.defer(guard.dismiss);
stack.defer(() => rm(folder, { recursive: true, force: true }));
const world = await startWorld(options, process.env, guard, stack);
const jwt = await projectToken(join(folder, "serviceaccount"), world.signToken);
stack.defer(jwt.stop);
const front = await startFront(world.vault.address);
stack.defer(front.stop);

const figures: Figures[] = [];
for (const [index, command] of commands.entries()) {
  process.stderr.write(
    `${names[index]}: ${values.for} beside the application, then a pod's life, then refused renewals\n`,
  );
  const served = await serve(command, join(folder, `${index}-a`));
  const usersOfAPod = await liveAsAPod(command, join(folder, `${index}-b`));
  figures.push({ ...served, usersOfAPod, refusedRequests: await refuse(command, join(folder, `${index}-c`), front) });
}

console.log((values.markdown ? markdown : text)(["", ...names], rowsOf(figures)));
console.log(`
${cpus().length} × ${cpus()[0]?.model.trim()}; the server is ${names[1]?.replace(" agent", "")} in dev mode, with a max TTL of 30 s
Again: VAULT_BIN=/path/to/vault npm run compare -- --for ${values.for}`);
process.exitCode = figures[0]?.failed === 0 ? 0 : 1;

function parse(args: readonly string[]): DemoOptions & { readonly runFor: number } {
  const { runFor = 0, ...rest } = parseOptions(args)!;
  return { ...rest, runFor };
}

/** The agent and the application together, for as long as was asked. */
async function serve(
  command: readonly [string, string],
  place: string,
): Promise<Pick<Figures, "queries" | "failed" | "failures" | "ends">> {
  const configuration = await prepare(place);
  const lives = await watchLives(world.postgres.url);
  const application = startSampleApplication(options, world.postgres, join(place, "config.yaml"), process.env, guard);
  const agent = start(command, [`-config=${configuration}`], place);
  await written(place);
  await sleep(options.runFor);
  // Of those whose time is not up yet nothing is known.
  const ends = lives.ends();
  await application.child.stop(10_000);
  const report = application.report()!;
  await lives.stop();
  await agent.stop();
  const { failed, failures, ok } = report;
  return { queries: ok + failed, failed, failures, ends };
}

/** An init container, the sidecar after it, and another one after a SIGKILL. */
async function liveAsAPod(command: readonly [string, string], place: string): Promise<number> {
  const configuration = await prepare(place);
  const lives = await watchLives(world.postgres.url);
  const init = start(command, [`-config=${configuration}`, "-exit-after-auth"], place);
  await init.ended;
  for (const end of ["SIGKILL", "SIGTERM"] as const) {
    const sidecar = start(command, [`-config=${configuration}`], place);
    // Before any rotation is due.
    await sleep(2_500);
    await sidecar.stop(end);
  }
  const users = lives.count();
  await lives.stop();
  return users;
}

/** The requests that are made while no renewal succeeds. */
async function refuse(command: readonly [string, string], place: string, { refuseRenewals }: Front): Promise<number> {
  const configuration = await prepare(place);
  const before = front.requests;
  refuseRenewals(true);
  const agent = start(command, [`-config=${configuration}`], place);
  await written(place);
  await sleep(REFUSING);
  const made = front.requests - before;
  refuseRenewals(false);
  await agent.stop();
  return made;
}

async function prepare(place: string): Promise<string> {
  await mkdir(place, { recursive: true });
  const path = join(place, "agent.hcl");
  await writeFile(
    path,
    agentConfiguration({
      options,
      vaultAddress: front.address,
      authMount: `auth/${world.seed.kubernetesMount}`,
      credentialPath: world.seed.credentialPath,
      tokenFile: jwt.file,
      destination: join(place, "config.yaml"),
      application: {},
      stateFolder: join(place, "state"),
      postgres: `${world.postgres.host}:${world.postgres.port}/${world.postgres.database}`,
      healthAddress: "",
    }),
  );
  return path;
}

function start([program, ...first]: readonly [string, string], args: readonly string[], home: string) {
  const child = spawn(program, [...first, ...args], {
    env: { PATH: process.env.PATH, HOME: home },
    stdio: "ignore",
    detached: true,
  });
  guard.watch(child.pid!);
  const ended = once(child, "exit");
  return {
    ended,
    async stop(signal: NodeJS.Signals = "SIGTERM") {
      child.kill(signal);
      await ended;
    },
  };
}

async function written(place: string): Promise<void> {
  for (const end = Date.now() + 60_000; !existsSync(join(place, "config.yaml")); await sleep(20))
    if (Date.now() > end) throw new Error(`nothing was written in ${place} within 60 s`);
}
