/** `auth/token/`: a token asks about itself, renews itself, ends itself, makes others. */
import type { Core } from "./core.ts";
import { calculateTtl, parseDuration, type Terms } from "./durations.ts";
import { type Answer, type Backend, listField, type MountedRequest, textField } from "./protocol.ts";
import { methodNotAllowed, multierror, PERMISSION_DENIED, Refusal } from "./refusal.ts";
import { describeAuth, describeToken, type Token, tokenPolicies } from "./tokens.ts";

export function createTokenBackend(core: Core): Backend {
  return {
    type: "token",
    handle(request) {
      const { subpath, operation, body } = request;
      const own = request.token!;
      const id = textField(body, "token");
      const named = () => (id === "" ? own : (core.tokens.find(id) ?? badToken()));
      if (!ACTIONS.has(subpath)) throw new Refusal(404, multierror("unsupported path"));
      if (subpath === "lookup-self") return { data: describeToken(own, core.clock.now()) };
      if (subpath === "lookup") return { data: describeToken(named(), core.clock.now()) };
      if (operation !== "update") methodNotAllowed();
      switch (subpath) {
        case "renew-self":
          return renew(core, own, body);
        case "renew":
          return renew(core, named(), body);
        case "revoke-self":
          return revoke(core, own);
        case "revoke": {
          const token = core.tokens.find(id);
          return token ? revoke(core, token) : null;
        }
        case "revoke-accessor":
          return revoke(core, core.tokens.findByAccessor(textField(body, "accessor")) ?? badToken());
        default:
          return create(core, request, subpath === "create-orphan");
      }
    },
  };
}

const ACTIONS = new Set([
  "lookup-self",
  "lookup",
  "renew-self",
  "renew",
  "revoke-self",
  "revoke",
  "revoke-accessor",
  "create",
  "create-orphan",
]);

function badToken(): never {
  throw new Refusal(403, "bad token");
}

function renew(core: Core, token: Token, body: MountedRequest["body"]): Answer {
  if (token.type === "batch") throw new Refusal(400, "batch tokens cannot be renewed");
  if (!token.renewable) throw new Refusal(400, "lease is not renewable");
  const increment = parseDuration(body.increment) ?? 0;
  try {
    const warnings = core.tokens.renew(token, presentTerms(core, token), increment);
    return { auth: describeAuth(token, token.lastRenewal!), warnings };
  } catch (error) {
    // Judged by its words alone, this failure looks like a passing one.
    throw new Refusal(500, multierror((error as Error).message));
  }
}

/** The auth method's role may have changed or gone since the login; its explicit_max_ttl stays as it was. */
function presentTerms(core: Core, token: Token): Terms {
  if (token.role === "") return token.terms;
  const backend = core.mounts.match(`${token.path}/`)?.backend;
  try {
    return { ...backend!.renewLogin!(token.role), explicitMaxTtl: token.terms.explicitMaxTtl ?? 0 };
  } catch (error) {
    throw new Error(`failed to renew entry: ${(error as Error).message}`);
  }
}

function revoke(core: Core, token: Token): null {
  if (token.type === "batch") throw new Refusal(400, "batch tokens cannot be revoked");
  core.tokens.revoke(token);
  return null;
}

function create(core: Core, { body, token: parent }: MountedRequest, orphan: boolean): Answer {
  if (parent!.type === "batch") throw new Refusal(400, "batch tokens cannot create more tokens");
  if (parent!.numUses > 0) throw new Refusal(400, "restricted use token cannot generate child tokens");
  const isRoot = parent!.policies.includes("root");
  const wanted = listField(body, "policies");
  const policies = tokenPolicies(wanted.length > 0 ? wanted : parent!.policies, body.no_default_policy === true);
  if (!isRoot && policies.some((policy) => policy !== "default" && !parent!.policies.includes(policy)))
    throw new Refusal(400, "child policies must be subset of parent");
  if (!isRoot && (orphan || body.no_parent === true || body.id !== undefined || body.period !== undefined))
    throw new Refusal(403, multierror(PERMISSION_DENIED));

  const type = textField(body, "type") === "batch" ? "batch" : "service";
  if (type === "batch") refuseForBatch(body, policies);
  const period = parseDuration(body.period) ?? 0;
  const explicitMaxTtl = parseDuration(body.explicit_max_ttl) ?? 0;
  const terms = { ttl: parseDuration(body.ttl) ?? 0, maxTtl: 0, period, explicitMaxTtl };
  const endless = policies.includes("root") && terms.ttl === 0 && period === 0 && explicitMaxTtl === 0;
  const granted = endless ? undefined : calculateTtl(terms, 0, core.clock.now());
  const name = textField(body, "display_name");
  const id = textField(body, "id");
  const token = core.tokens.create({
    ...(id !== "" && { id }),
    type,
    ...(!orphan && body.no_parent !== true && { parent: parent!.id }),
    path: orphan ? "auth/token/create-orphan" : "auth/token/create",
    displayName: name === "" ? "token" : `token-${name}`,
    policies,
    meta: (body.meta ?? null) as Token["meta"],
    renewable: body.renewable !== false,
    numUses: Number(body.num_uses ?? 0),
    terms,
    ttl: granted?.ttl ?? null,
  });
  const unknown = policies.filter((policy) => core.policies.find(policy) === undefined);
  const warnings = [...(granted?.warnings ?? []), ...unknown.map((policy) => `Policy "${policy}" does not exist`)];
  return { auth: describeAuth(token, token.issueTime), warnings };
}

function refuseForBatch(body: MountedRequest["body"], policies: readonly string[]): void {
  const impossible = ["explicit_max_ttl", "num_uses", "period"].find((name) => body[name]);
  if (impossible) throw new Refusal(400, `batch tokens cannot have "${impossible}" set`);
  if (policies.includes("root")) throw new Refusal(400, "batch tokens cannot be root tokens");
}
