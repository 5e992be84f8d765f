/** `auth/kubernetes/`: a service account's token is shown to the cluster, and becomes a token of this server. */
import { request as httpsRequest } from "node:https";
import { text } from "node:stream/consumers";
import { describeSettings, grantOf, type TokenSettings, termsOf, tokenSettings } from "./auth-role.ts";
import { type Answer, type Backend, listField, type MountedRequest, textField } from "./protocol.ts";
import { methodNotAllowed, multierror, PERMISSION_DENIED, Refusal } from "./refusal.ts";

interface Config {
  readonly host: string;
  readonly caCertificate: string;
  readonly reviewerJwt: string;
}

interface Role {
  readonly names: readonly string[];
  readonly namespaces: readonly string[];
  readonly audience: string;
  readonly token: TokenSettings;
}

export function createKubernetesBackend(): Backend {
  const roles = new Map<string, Role>();
  let config: Config | undefined;

  async function login({ body }: MountedRequest): Promise<Answer> {
    const roleName = textField(body, "role");
    if (roleName === "") throw new Refusal(400, "missing role");
    const jwt = textField(body, "jwt");
    if (jwt === "") throw new Refusal(400, "missing jwt");
    const role = roles.get(roleName);
    if (!role) throw new Refusal(400, `invalid role name "${roleName}"`);
    if (!config) throw new Refusal(500, "could not load backend configuration");

    const account = accountOf(jwt, role);
    // A role without an audience takes a token for any, and the cluster is asked about those that it names.
    const audiences = role.audience === "" ? account.audiences : [role.audience];
    if (!(await isValid(jwt, audiences, config))) throw new Refusal(403, PERMISSION_DENIED);
    return {
      login: {
        ...grantOf(role.token),
        displayName: `${account.namespace}-${account.name}`,
        metadata: {
          role: roleName,
          service_account_name: account.name,
          service_account_namespace: account.namespace,
          service_account_secret_name: "",
          service_account_uid: account.uid,
        },
        alias: account.uid,
        role: roleName,
      },
    };
  }

  return {
    type: "kubernetes",
    isOpen: (path) => path === "login",
    renewLogin(name) {
      const role = roles.get(name);
      if (!role) throw new Error(`role ${name} does not exist during renewal`);
      return termsOf(role.token);
    },
    handle(request) {
      const { subpath, operation, body } = request;
      const [area, name = ""] = subpath.split("/");
      switch (`${operation} ${area}`) {
        case "update login":
          return login(request);
        case "update config":
          config = parseConfig(body);
          return null;
        case "read config":
          return config ? { data: describeConfig(config) } : null;
        case "update role":
          roles.set(name, parseRole(body, roles.get(name)));
          return null;
        case "read role": {
          const role = roles.get(name);
          return role ? { data: describeRole(role) } : null;
        }
        case "delete role":
          roles.delete(name);
          return null;
        case "list role":
          return roles.size > 0 ? { data: { keys: [...roles.keys()].sort() } } : null;
        default:
          if (AREAS.has(area!)) methodNotAllowed();
          throw new Refusal(404, multierror("unsupported path"));
      }
    },
  };
}

const AREAS = new Set(["login", "config", "role"]);

function parseConfig(body: MountedRequest["body"]): Config {
  const host = textField(body, "kubernetes_host");
  if (host === "") throw new Refusal(400, "no host provided");
  return {
    host,
    caCertificate: textField(body, "kubernetes_ca_cert"),
    reviewerJwt: textField(body, "token_reviewer_jwt"),
  };
}

/** The reviewer's token is never given out. */
function describeConfig(config: Config): Record<string, unknown> {
  return {
    disable_iss_validation: true,
    disable_local_ca_jwt: false,
    issuer: "",
    kubernetes_ca_cert: config.caCertificate,
    kubernetes_host: config.host,
    pem_keys: [],
    token_reviewer_jwt_set: config.reviewerJwt !== "",
  };
}

function parseRole(body: MountedRequest["body"], before: Role | undefined): Role {
  const list = (name: string, old: readonly string[] | undefined) =>
    body[name] === undefined ? (old ?? []) : listField(body, name);
  const role = {
    names: list("bound_service_account_names", before?.names),
    namespaces: list("bound_service_account_namespaces", before?.namespaces),
    audience: body.audience === undefined ? (before?.audience ?? "") : textField(body, "audience"),
    token: tokenSettings(body, before?.token),
  };
  if (role.names.length === 0) throw new Refusal(400, '"bound_service_account_names" can not be empty');
  if (role.namespaces.length === 0)
    throw new Refusal(
      400,
      '"bound_service_account_namespaces" can not be empty if "bound_service_account_namespace_selector" is not set',
    );
  for (const bound of [role.names, role.namespaces])
    if (bound.length > 1 && bound.includes("*")) throw new Refusal(400, 'can not mix "*" with values');
  return role;
}

function describeRole(role: Role): Record<string, unknown> {
  return {
    alias_name_source: "serviceaccount_uid",
    ...(role.audience !== "" && { audience: role.audience }),
    bound_service_account_names: role.names,
    bound_service_account_namespace_selector: "",
    bound_service_account_namespaces: role.namespaces,
    ...describeSettings(role.token),
  };
}

interface Account {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly audiences: readonly string[];
}

/** Reads the claims, which the cluster confirms afterwards, and compares them with the role's bounds. */
function accountOf(jwt: string, role: Role): Account {
  const claims = claimsOf(jwt);
  const { namespace, serviceaccount } = claims["kubernetes.io"];
  if (!role.names.some((pattern) => glob(pattern, serviceaccount.name)))
    throw new Refusal(403, "service account name not authorized");
  if (!role.namespaces.some((pattern) => glob(pattern, namespace))) throw new Refusal(403, "namespace not authorized");
  const audiences = [claims.aud ?? []].flat();
  if (role.audience !== "" && !audiences.includes(role.audience))
    throw new Refusal(403, "invalid audience (aud) claim: audience claim does not match any expected audience");
  return { namespace, name: serviceaccount.name, uid: serviceaccount.uid, audiences };
}

interface Claims {
  readonly aud?: string | readonly string[];
  readonly exp?: number;
  readonly "kubernetes.io": { readonly namespace: string; readonly serviceaccount: { name: string; uid: string } };
}

function claimsOf(jwt: string): Claims {
  const [, payload, signature] = jwt.split(".");
  let claims: Claims;
  try {
    if (!signature) throw new SyntaxError("not a JWT");
    claims = JSON.parse(Buffer.from(payload!, "base64url").toString()) as Claims;
  } catch {
    throw new Refusal(403, PERMISSION_DENIED);
  }
  if (claims.exp !== undefined && claims.exp * 1000 + LEEWAY < Date.now())
    throw new Refusal(403, "invalid expiration time (exp) claim: token is expired");
  if (typeof claims["kubernetes.io"]?.serviceaccount?.name !== "string") throw new Refusal(403, PERMISSION_DENIED);
  return claims;
}

/** The clocks of cluster and server may differ. */
const LEEWAY = 150_000;

/** A star at either end stands for anything. */
function glob(pattern: string, value: string): boolean {
  const escaped = pattern.split("*").map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(`^${escaped.join(".*")}$`).test(value);
}

/** Asks the cluster, with the reviewer's token, whether this token is one of its own. */
async function isValid(jwt: string, audiences: readonly string[], config: Config): Promise<boolean> {
  const review = {
    apiVersion: "authentication.k8s.io/v1",
    kind: "TokenReview",
    spec: { token: jwt, audiences },
  };
  try {
    const { status, body } = await post(config, "/apis/authentication.k8s.io/v1/tokenreviews", JSON.stringify(review));
    if (status !== 201 && status !== 200) return false;
    return (JSON.parse(body) as { status?: { authenticated?: boolean } }).status?.authenticated === true;
  } catch {
    // To the one who logs in, a cluster that cannot be asked looks like a refusal.
    return false;
  }
}

function post(config: Config, path: string, body: string): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const outgoing = httpsRequest(
      new URL(path, config.host),
      {
        method: "POST",
        ca: config.caCertificate,
        agent: false,
        timeout: 10_000,
        headers: { authorization: `Bearer ${config.reviewerJwt}`, "content-type": "application/json" },
      },
      (answer) => text(answer).then((content) => resolve({ status: answer.statusCode!, body: content }), reject),
    );
    outgoing.on("timeout", () => outgoing.destroy(new Error("timeout")));
    outgoing.on("error", reject).end(body);
  });
}
