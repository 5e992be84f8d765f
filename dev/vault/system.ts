/** `sys/`: mounts, policies, quotas, wrapping, and what the other files of the system back end add. */
import { createBackend } from "./backends.ts";
import type { Core } from "./core.ts";
import { formatTime, parseDuration, toSeconds } from "./durations.ts";
import { describeMount, type Mount } from "./mounts.ts";
import { type Answer, type Backend, listField, type MountedRequest, textField } from "./protocol.ts";
import { methodNotAllowed, PERMISSION_DENIED, Refusal } from "./refusal.ts";
import { handleLeases } from "./system-leases.ts";
import { createServerState } from "./system-state.ts";
import type { Token } from "./tokens.ts";

export function createSystemBackend(core: Core, unsealKey: string): Backend {
  const state = createServerState(core, unsealKey);
  return {
    type: "system",
    isOpen: (path) => state.isOpen(path) || path === "wrapping/lookup" || path.startsWith("internal/ui/mounts"),
    handle(request) {
      const [area, ...rest] = request.subpath.split("/");
      const name = rest.join("/");
      switch (area) {
        case "mounts":
          return mount(core, request, "", name);
        case "auth":
          return mount(core, request, "auth/", name);
        case "policy":
          return policy(core, request, name, "rules");
        case "policies":
          return policy(core, request, rest.slice(1).join("/"), "policy");
        case "quotas":
          return quota(core, request, rest.slice(1).join("/"));
        case "capabilities-self":
          return capabilities(core, request);
        case "wrapping":
          return wrapping(core, request, name);
        case "leases":
          return handleLeases(core, request, name);
        case "renew":
        case "revoke":
          return handleLeases(core, request, area);
        case "internal":
          return preflight(core, request, rest.slice(2).join("/"));
        default:
          return state.handle(request);
      }
    },
  };
}

async function mount(core: Core, request: MountedRequest, prefix: "" | "auth/", name: string): Promise<Answer | null> {
  const { operation, body } = request;
  if (name === "") return operation === "read" ? listMounts(core, prefix) : methodNotAllowed();
  const path = `${prefix}${name.replace(/\/$/, "")}/`;
  if (operation === "read") return readMount(core, path);
  if (operation === "update") {
    const taken = core.mounts.conflict(path);
    if (taken) throw new Refusal(400, `path is already in use at ${taken.path.slice(prefix.length)}`);
    const options = (body.options ?? {}) as NonNullable<Mount["options"]>;
    const backend = createBackend(prefix === "" ? "secret" : "auth", textField(body, "type"), options, core);
    core.mounts.add(path, backend, { description: textField(body, "description"), options });
    return null;
  }
  if (operation !== "delete") methodNotAllowed();
  await unmount(core, path);
  return null;
}

/** Leases and tokens that came from a mount end with it. */
async function unmount(core: Core, path: string): Promise<void> {
  for (const token of core.tokens.madeUnder(path)) core.tokens.revoke(token);
  try {
    for (const id of core.leases.ids(path)) await core.leases.revoke(id);
  } catch (error) {
    throw new Refusal(400, (error as Error).message);
  }
  await core.mounts.remove(path)?.backend.close?.();
}

function listMounts(core: Core, prefix: "" | "auth/"): Answer {
  const mounts = core.mounts.all().filter((entry) => entry.path.startsWith("auth/") === (prefix === "auth/"));
  const data = Object.fromEntries(mounts.map((entry) => [entry.path.slice(prefix.length), describeMount(entry)]));
  return { data, inject: true };
}

function readMount(core: Core, path: string): Answer {
  const found = core.mounts.get(path);
  if (!found) throw new Refusal(400, `No secret engine mount at ${path}`);
  const { deprecation_status: _, ...data } = describeMount(found);
  return { data, inject: true };
}

function policy(core: Core, { operation, body }: MountedRequest, name: string, key: "rules" | "policy"): Answer | null {
  if (name === "") {
    const names = core.policies.names();
    return key === "rules" ? { data: { keys: names, policies: names }, inject: true } : { data: { keys: names } };
  }
  switch (operation) {
    case "read": {
      const found = core.policies.find(name);
      return found ? { data: describePolicy(name, key, found), inject: key === "rules" } : null;
    }
    case "delete":
      core.policies.remove(name);
      return null;
    case "update": {
      const text = textField(body, "policy");
      if (text === "") throw new Refusal(400, "'policy' parameter not supplied or empty");
      core.policies.write(name, text);
      return null;
    }
    default:
      return methodNotAllowed();
  }
}

function describePolicy(
  name: string,
  key: "rules" | "policy",
  { text, version, modified }: NonNullable<ReturnType<Core["policies"]["find"]>>,
): Record<string, unknown> {
  return {
    allow_slashes_in_identity_templates: false,
    allow_wildcards_in_identity_templates: false,
    cas_required: false,
    ...(version > 0 && { modified: formatTime(modified) }),
    name,
    [key]: text,
    version,
  };
}

function quota(core: Core, { operation, body }: MountedRequest, name: string): Answer | null {
  switch (operation) {
    case "update":
      if (!(Number(body.rate) > 0)) throw new Refusal(400, "'rate' is invalid");
      core.quotas.set(name, {
        rate: Number(body.rate),
        interval: parseDuration(body.interval) ?? 1000,
        path: textField(body, "path"),
      });
      return null;
    case "delete":
      core.quotas.remove(name);
      return null;
    case "read": {
      const limit = core.quotas.get(name);
      return limit ? { data: { name, type: "rate-limit", ...limit, interval: limit.interval / 1000 } } : null;
    }
    default:
      return methodNotAllowed();
  }
}

function capabilities(core: Core, { body, token }: MountedRequest): Answer {
  const paths = [...listField(body, "paths"), ...listField(body, "path")];
  if (paths.length === 0) throw new Refusal(400, "paths must be supplied");
  const granted = paths.map((path) => [path, core.policies.capabilities(token!.policies, path)] as const);
  const data = Object.fromEntries(granted);
  return { data: paths.length === 1 ? { ...data, capabilities: granted[0]![1] } : data, inject: true };
}

function wrapping(core: Core, request: MountedRequest, action: string): Answer | null {
  const id = textField(request.body, "token") || (request.clientToken ?? "");
  switch (action) {
    case "wrap":
      if (request.wrapTtl === undefined) throw new Refusal(400, "endpoint requires response wrapping to be used");
      return { data: request.body };
    case "unwrap": {
      const answer = core.wrapping.unwrap(id);
      if (!answer) throw new Refusal(400, "wrapping token is not valid or does not exist");
      return { bare: { ...answer, request_id: request.id } };
    }
    case "lookup": {
      const found = core.wrapping.find(id);
      if (!found) throw new Refusal(400, "wrapping token is not valid or does not exist");
      const { token, path } = found;
      const creation_time = formatTime(token.issueTime);
      return { data: { creation_path: path, creation_time, creation_ttl: toSeconds(token.creationTtl) } };
    }
    default:
      throw new Refusal(404, "unsupported path");
  }
}

/** Tells which mount a path belongs to: that is how a client learns whether a KV store has versions. */
function preflight(core: Core, { clientToken }: MountedRequest, path: string): Answer {
  const token = core.tokens.find(clientToken);
  if (path === "") return { data: visibleMounts(core, token) };
  if (!token) throw new Refusal(403, PERMISSION_DENIED);
  const entry = core.mounts.match(`${path}/`);
  if (!entry || !core.policies.reaches(token.policies, entry.path))
    throw new Refusal(
      403,
      `preflight capability check returned 403, please ensure client's policies grant access to path "${path}/"`,
    );
  return { data: { ...describeMount(entry), path: entry.path } };
}

/** Nothing for one without a token: that is how a log-in page asks. */
function visibleMounts(core: Core, token: Token | undefined): Record<string, unknown> {
  const reachable = core.mounts.all().filter((entry) => token && core.policies.reaches(token.policies, entry.path));
  const below = (prefix: "" | "auth/") =>
    Object.fromEntries(
      reachable
        .filter(({ path }) => path.startsWith("auth/") === (prefix === "auth/"))
        .map((entry) => [entry.path.slice(prefix.length), describeMount(entry)]),
    );
  return { auth: below("auth/"), secret: below("") };
}
