/** How a credential is given back (rule W7). Only what is retiring comes here: it is the stage that is released, not a lease id (rule R3). */
import { describe, VaultError } from "../../errors.ts";
import type { Emit, RoleSessions } from "../../ports.ts";
import type { Sensitive } from "../../sensitive.ts";
import type { VaultClient } from "../../vault/client.ts";
import { retryAfter } from "../../vault/verdict.ts";
import type { Outcome } from "../outcomes.ts";
import { ownedText } from "../owned.ts";
import type { Retiring } from "../state.ts";
import type { KnownRights } from "./rights.ts";
import type { Tokens } from "./tokens.ts";

export interface ReleaseDeps {
  readonly path: string;
  readonly client: VaultClient;
  readonly tokens: Pick<Tokens, "tokenOf">;
  readonly rights: KnownRights;
  readonly emit: Emit;
}

export interface ReleaseOperations {
  /** On the way out nobody waits for Postgres: the server queues it, and tries again by itself. */
  release(held: Retiring, isStopping: boolean): Promise<Outcome>;
  /** `roleOf` is what Postgres says of the user; null where it cannot be asked. */
  checkRelease(held: Retiring, roleOf: () => Promise<RoleSessions | null>): Promise<Outcome>;
}

export function createReleaseOperations({ path, client, tokens, rights, emit }: ReleaseDeps): ReleaseOperations {
  /** Of these the server has taken the revocation on, and goes on with it by itself. */
  const queued = new Set<number>();

  const mayRevoke = (held: Retiring) => !rights.isRefused(held.token, "revoke");

  /** Revoked where that is allowed, else ended by a renewal for one second (rule W7). */
  async function release(held: Retiring, isStopping: boolean): Promise<Outcome> {
    const token = tokens.tokenOf(held.token);
    if (token === undefined) return { is: "released", id: held.id };
    const tried = mayRevoke(held);
    try {
      if (tried) {
        try {
          await client.revokeLease(token, held.lease, !isStopping);
          if (isStopping) queued.add(held.id);
          return { is: "release asked", id: held.id };
        } catch (error) {
          if (!(error instanceof VaultError && error.status === 403)) throw error;
          rights.refuse(held.token, "revoke");
        }
      }
      await client.renewLease(token, held.lease, 1);
      return { is: "release asked", id: held.id };
    } catch (error) {
      if (error instanceof VaultError && error.status === 403) {
        emit({
          is: "warning",
          code: "release-forbidden",
          path,
          message: `${held.lease} may neither be revoked nor renewed, and is left to expire: ${describe(error)}`,
        });
        return { is: "left", id: held.id };
      }
      // A try costs two requests at most (trouble.ts): why it has failed after a refused revocation, the next one asks.
      if (tried === mayRevoke(held) && (await whyHeld(held, token)) === null) return released(held);
      return releaseFailed(held, error);
    }
  }

  /** A release has ended only when the lease is unknown and the role is gone (rule W7). */
  async function checkRelease(held: Retiring, roleOf: () => Promise<RoleSessions | null>): Promise<Outcome> {
    const token = tokens.tokenOf(held.token);
    const why = token === undefined ? null : await whyHeld(held, token);
    const role = await roleOf();
    const error = role?.exists ? remains(role) : why === null ? null : `${held.lease}: ${why}`;
    if (error === null) return released(held);
    if (!queued.has(held.id)) return { is: "release failed", id: held.id, error };
    emit({
      is: "warning",
      code: "revoking",
      path,
      message: `Vault is still revoking it, and goes on by itself: ${error}`,
    });
    return { is: "left", id: held.id };
  }

  /** null where the server holds the lease no more, as far as it can be asked. */
  async function whyHeld(held: Retiring, token: Sensitive<string>): Promise<string | null> {
    try {
      const info = await client.lookupLease(token, held.lease);
      const gone = info.ttlSeconds <= 0 && !info.renewable && held.user === null;
      return gone ? null : "the server still holds the lease";
    } catch (error) {
      if (error instanceof VaultError && (error.status === 400 || error.status === 403)) return null;
      return `whether it has ended is not known: ${describe(error)}`;
    }
  }

  function released(held: Retiring): Outcome {
    emit({
      is: "released",
      path,
      lease: held.lease,
      ...(held.user === null ? {} : { user: held.user }),
      by: mayRevoke(held) ? "revoke" : "short renewal",
    });
    return { is: "released", id: held.id };
  }

  function releaseFailed(held: Retiring, error: unknown): Outcome {
    return { is: "release failed", id: held.id, error: describe(error), ...retryAfter(error) };
  }

  return { release, checkRelease };
}

/** What keeps a role from being dropped, and its cure (rule M6). */
function remains(role: RoleSessions): string {
  return role.owned === 0 ? `the role ${role.username} is still in Postgres` : ownedText(role);
}
