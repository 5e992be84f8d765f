/** `sys/leases/`: looking up, renewing and ending what was lent. */
import type { Core } from "./core.ts";
import { parseDuration } from "./durations.ts";
import { describeLease } from "./leases.ts";
import { type Answer, type MountedRequest, textField } from "./protocol.ts";
import { methodNotAllowed, Refusal } from "./refusal.ts";

export async function handleLeases(core: Core, request: MountedRequest, action: string): Promise<Answer | null> {
  const [verb, ...rest] = action.split("/");
  const inPath = rest.join("/");
  if (verb === "lookup" && request.operation === "list") return list(core, inPath);
  if (request.operation !== "update") methodNotAllowed();
  if (verb === "revoke-prefix" || verb === "revoke-force") {
    const ids = core.leases.ids(inPath.endsWith("/") ? inPath : `${inPath}/`);
    return revoke(core, request, ids, verb === "revoke-force");
  }

  const id = textField(request.body, "lease_id") || inPath;
  if (id === "") throw new Refusal(400, "lease_id must be specified");
  switch (verb) {
    case "lookup": {
      const lease = core.leases.find(id);
      if (!lease) throw new Refusal(400, "invalid lease");
      return { data: describeLease(lease, core.clock.now()) };
    }
    case "renew": {
      const increment = parseDuration(request.body.increment, INCREMENT) ?? 0;
      const { seconds, warnings } = await core.leases.renew(id, increment).catch(refuse);
      return { lease: { id, seconds }, warnings };
    }
    case "revoke":
      return revoke(core, request, [id]);
    default:
      throw new Refusal(404, "unsupported path");
  }
}

const INCREMENT = 'Field validation failed: error converting input for field "increment": ';

/** At once by default: a failure is the answer, and nothing is tried again. With `sync` false the server goes on by itself. */
async function revoke(
  core: Core,
  { body }: MountedRequest,
  ids: readonly string[],
  force = false,
): Promise<Answer | null> {
  if (body.sync === false || body.sync === "false") {
    for (const id of ids) await core.leases.revokeLater(id);
    return { status: 202 };
  }
  for (const id of ids) await core.leases.revoke(id, force).catch(refuse);
  return null;
}

function list(core: Core, path: string): Answer | null {
  const prefix = path === "" || path.endsWith("/") ? path : `${path}/`;
  const below = core.leases.ids(prefix).map((id) => id.slice(prefix.length).replace(/\/.*/, "/"));
  return below.length === 0 ? null : { data: { keys: [...new Set(below)].sort() } };
}

function refuse(error: Error): never {
  throw new Refusal(400, error.message);
}
