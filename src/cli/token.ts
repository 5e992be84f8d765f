/**
 * `lessee token revoke -self`, which the injector's preStop hook calls. Where a lessee runs in the same home, it is asked
 * for its orderly end instead: revoking its token would take the database user from an application that still drains
 * (rule M9).
 */
import type { ParsedFlags } from "../config/types.ts";
import { describe } from "../errors.ts";
import { runningHere } from "../lease/memory/state-place.ts";
import type { World } from "../ports.ts";
import { SERVER_FLAGS } from "./agent-flags.ts";
import { connectByFlags, ownToken, serverByFlags } from "./client.ts";
import { type FlagDefinition, helpText, parseFlags } from "./flags.ts";
import type { ProcessSignals } from "./process.ts";

const TOKEN = "Token";

const REVOKE_FLAGS: readonly FlagDefinition[] = [
  { name: "self", kind: "bool", group: TOKEN, help: "Revoke the token of VAULT_TOKEN or ~/.vault-token." },
  { name: "accessor", kind: "bool", group: TOKEN, hidden: true, help: "Not supported." },
  { name: "mode", kind: "text", group: TOKEN, hidden: true, help: "Not supported." },
  ...SERVER_FLAGS,
];

/** A lessee ends within its shutdown_timeout and some seconds; a pod is rarely given longer. */
const PATIENCE = 120_000;
const POLL = 100;

/** Resolves to the exit code, as `vault` has them: 1 for a wrong call, 2 for a failure. */
export async function runTokenRevoke(args: readonly string[], world: World, signals: ProcessSignals): Promise<number> {
  const outcome = parseFlags(args, REVOKE_FLAGS);
  if (outcome.kind === "help") {
    world.stdout.write(helpText("lessee token revoke -self [flags]", DESCRIPTION, REVOKE_FLAGS));
    return 0;
  }
  const fail = (code: 1 | 2, message: string) => {
    world.stderr.write(`${message}\n`);
    return code;
  };
  if (outcome.kind === "invalid") return fail(1, outcome.message);
  const { positional, values } = outcome.flags;
  if (values.get("self")?.at(-1) !== "true") {
    return fail(1, "lessee revokes its own token only: lessee token revoke -self");
  }
  if (positional.length > 0) return fail(1, `Too many arguments with -self (expected 0, got ${positional.length})`);
  if (values.get("accessor")?.at(-1) === "true") return fail(1, "Cannot use -self with -accessor!");
  if (values.get("mode")?.at(-1)) return fail(1, "Cannot use -self with -mode!");

  try {
    const asked = insteadOfRevoking(outcome.flags, world);
    if (asked !== null) {
      world.stdout.write(asked);
      return 0;
    }
    const pid = await findLessee(world);
    if (pid !== null) return await endLessee(pid, world, signals);
    const { client, transport } = await connectByFlags(outcome.flags, world);
    try {
      await client.revokeSelf(await ownToken(world));
    } finally {
      transport.close();
    }
    world.stdout.write("Success! Revoked token (if it existed)\n");
    return 0;
  } catch (error) {
    return fail(2, `Error revoking token: ${describe(error)}`);
  }
}

const DESCRIPTION =
  "Revokes the token of VAULT_TOKEN or ~/.vault-token. Where a lessee runs in the same home folder, that one is ended and waited for instead: it gives back what nobody uses any more.";

/** Who asks what would be done does not want it done. */
function insteadOfRevoking(flags: ParsedFlags, world: World): string | null {
  const isAsked = (name: string) => flags.values.get(name)?.at(-1) === "true";
  if (isAsked("output-policy")) return 'path "auth/token/revoke-self" {\n  capabilities = ["update"]\n}\n';
  if (!isAsked("output-curl-string")) return null;
  const { address, namespace } = serverByFlags(flags, world);
  const headers = ["X-Vault-Request: true", "X-Vault-Token: $(vault print token)"];
  if (namespace !== undefined) headers.push(`X-Vault-Namespace: ${namespace}`);
  return `curl -X PUT ${headers.map((header) => `-H "${header}"`).join(" ")} ${address}/v1/auth/token/revoke-self\n`;
}

async function endLessee(pid: number, world: World, { stop }: ProcessSignals): Promise<number> {
  const { clock, kill, stderr, stdout } = world;
  kill(pid, "SIGTERM");
  const until = clock.now() + PATIENCE;
  while ((await findLessee(world)) === pid) {
    if (stop.aborted || clock.now() >= until) {
      stderr.write(`Error revoking token: the lessee with pid ${pid} has been asked to end and has not ended yet\n`);
      return 2;
    }
    await clock.sleep(clock.now() + POLL, stop);
  }
  stdout.write(`Success! The lessee with pid ${pid} has ended, and gave back what nobody used any more\n`);
  return 0;
}

/** By the lock of its state, else by the pid file that the injector has it write. */
async function findLessee({ env, files, kill, pid }: World): Promise<number | null> {
  const holder = await runningHere(env.HOME, { files, kill, pid });
  if (holder !== null || env.HOME === undefined) return holder;
  const noted = Number(await files.readFile(`${env.HOME}/.pid`, "utf8").catch(() => ""));
  if (!Number.isInteger(noted) || noted <= 0 || noted === pid) return null;
  const words = (await files.readFile(`/proc/${noted}/cmdline`, "utf8").catch(() => "")).split("\0");
  const isAgent = words.some((word, at) => /(^|\/)lessee\.cjs$/.test(word) && words[at + 1] === "agent");
  return isAgent ? noted : null;
}
