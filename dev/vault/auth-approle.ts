/** `auth/approle/`: a role id and a secret id become a token. */

import { describeSettings, grantOf, type TokenSettings, termsOf, tokenSettings } from "./auth-role.ts";
import type { ServerClock } from "./clock.ts";
import { parseDuration, toSeconds } from "./durations.ts";
import { type Answer, type Backend, type MountedRequest, textField } from "./protocol.ts";
import { uuid } from "./random.ts";
import { methodNotAllowed, multierror, Refusal } from "./refusal.ts";

interface Role {
  roleId: string;
  token: TokenSettings;
  secretIdTtl: number;
  secretIdNumUses: number;
  bindSecretId: boolean;
  readonly secretIds: Map<string, { readonly ends: number; uses: number }>;
}

export function createAppRoleBackend(clock: ServerClock): Backend {
  const roles = new Map<string, Role>();

  function login(body: MountedRequest["body"]): Answer {
    const roleId = textField(body, "role_id");
    if (roleId === "") throw new Refusal(400, "missing role_id");
    const [name, role] = [...roles].find(([, candidate]) => candidate.roleId === roleId) ?? [];
    if (!role || !useSecretId(role, textField(body, "secret_id"))) throw new Refusal(400, "invalid role or secret ID");
    return {
      login: {
        ...grantOf(role.token),
        displayName: "approle",
        metadata: { role_name: name! },
        alias: roleId,
        role: name!,
      },
    };
  }
  function useSecretId(role: Role, id: string): boolean {
    if (!role.bindSecretId) return true;
    const secret = role.secretIds.get(id);
    if (!secret || secret.ends <= clock.now()) return false;
    if (secret.uses > 0 && --secret.uses === 0) role.secretIds.delete(id);
    return true;
  }
  function newSecretId(role: Role): Answer {
    const id = uuid();
    role.secretIds.set(id, {
      ends: role.secretIdTtl > 0 ? clock.now() + role.secretIdTtl : Number.POSITIVE_INFINITY,
      uses: role.secretIdNumUses,
    });
    return {
      data: {
        secret_id: id,
        secret_id_accessor: uuid(),
        secret_id_num_uses: role.secretIdNumUses,
        secret_id_ttl: toSeconds(role.secretIdTtl),
      },
    };
  }
  function write(name: string, body: MountedRequest["body"]): null {
    const before = roles.get(name);
    roles.set(name, {
      roleId: before?.roleId ?? uuid(),
      token: tokenSettings(body, before?.token),
      secretIdTtl: parseDuration(body.secret_id_ttl) ?? before?.secretIdTtl ?? 0,
      secretIdNumUses: Number(body.secret_id_num_uses ?? before?.secretIdNumUses ?? 0),
      bindSecretId: body.bind_secret_id === undefined ? (before?.bindSecretId ?? true) : body.bind_secret_id === true,
      secretIds: before?.secretIds ?? new Map(),
    });
    return null;
  }
  function ofRole(name: string, part: string | undefined, { operation, body }: MountedRequest): Answer | null {
    if (part === undefined && operation === "update") return write(name, body);
    const role = roles.get(name);
    if (!role) throw new Refusal(404);
    switch (`${operation} ${part ?? ""}`) {
      case "read ":
        return { data: describeRole(role) };
      case "delete ":
        roles.delete(name);
        return null;
      case "read role-id":
        return { data: { role_id: role.roleId } };
      case "update role-id":
        role.roleId = textField(body, "role_id");
        return null;
      case "update secret-id":
        return newSecretId(role);
      default:
        return methodNotAllowed();
    }
  }

  return {
    type: "approle",
    isOpen: (path) => path === "login",
    renewLogin(name) {
      const role = roles.get(name);
      if (!role) throw new Error(`role "${name}" does not exist during renewal`);
      return termsOf(role.token);
    },
    handle(request) {
      const [area, name, part] = request.subpath.split("/");
      if (area === "login") return request.operation === "update" ? login(request.body) : methodNotAllowed();
      if (area === "role" && name) return ofRole(name, part, request);
      if (area === "role" && request.operation === "list")
        return roles.size > 0 ? { data: { keys: [...roles.keys()].sort() } } : null;
      throw new Refusal(404, multierror("unsupported path"));
    },
  };
}

function describeRole(role: Role): Record<string, unknown> {
  return {
    bind_secret_id: role.bindSecretId,
    local_secret_ids: false,
    secret_id_bound_cidrs: null,
    secret_id_num_uses: role.secretIdNumUses,
    secret_id_ttl: toSeconds(role.secretIdTtl),
    ...describeSettings(role.token),
  };
}
