/** `lessee status`: how is the sidecar that runs on this machine? */
import { describe } from "../errors.ts";
import { fetchStatus } from "../health/client.ts";
import { reasonsNotReady } from "../health/readiness.ts";
import { escapeInvisible } from "../log/invisible.ts";
import type { World } from "../ports.ts";
import type { Status } from "../status.ts";
import { type FlagDefinition, helpText, parseFlags } from "./flags.ts";
import { statusText } from "./status-text.ts";

const DEFAULT_ADDRESS = "127.0.0.1:9102";

const STATUS_FLAGS: readonly FlagDefinition[] = [
  {
    name: "address",
    kind: "text",
    group: "Status",
    placeholder: "HOST:PORT",
    default: DEFAULT_ADDRESS,
    help: "The health port of the sidecar.",
  },
  { name: "json", kind: "bool", group: "Status", help: "Print what the sidecar answers, times in ms since 1970." },
];

/** Resolves to the exit code: 0 ready, 1 not ready, not reachable or not understood. */
export async function runStatus(args: readonly string[], world: World): Promise<number> {
  const outcome = parseFlags(args, STATUS_FLAGS);
  if (outcome.kind === "help") {
    world.stdout.write(
      helpText(
        "lessee status [flags]",
        "Prints which credentials the running sidecar holds and how long they last. Exits 0 when it is ready, else 1.",
        STATUS_FLAGS,
      ),
    );
    return 0;
  }
  const refuse = (message: string) => {
    world.stderr.write(`${escapeInvisible(message)}\n`);
    return 1;
  };
  if (outcome.kind === "invalid") return refuse(outcome.message);
  const { values, positional } = outcome.flags;
  if (positional.length > 0) return refuse(`status takes no arguments: ${positional.join(" ")}`);

  let status: Status;
  try {
    status = await fetchStatus(values.get("address")?.at(-1) ?? DEFAULT_ADDRESS);
  } catch (error) {
    return refuse(describe(error));
  }
  const json = values.get("json")?.at(-1) === "true";
  world.stdout.write(json ? `${JSON.stringify(status, null, 2)}\n` : statusText(status));
  return reasonsNotReady(status).length === 0 ? 0 : 1;
}
