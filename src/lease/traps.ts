/** What is wrong, or may become so, with the TTLs, the rights and the roles behind a credential: each with its cure. Pure. */
import { mostPlanned, usersPerHour } from "./budget.ts";
import { type Facts, type Forecast, leaseLife, type Rights, tokenLife } from "./forecast.ts";
import { ownedText } from "./owned.ts";
import type { Policy } from "./state.ts";

export interface Trap {
  /** Stable, for machines. */
  readonly code: string;
  readonly message: string;
  readonly cure: string;
}

/** `say` prints a duration. */
export function trapsOf(
  facts: Facts,
  planned: Forecast | null,
  policy: Policy,
  say: (ms: number) => string,
): readonly Trap[] {
  return [
    ...(facts.rights === null ? [] : rightTraps(facts.rights)),
    ...ofToken(facts, planned, say),
    ...ofLife(facts, planned, policy, say),
    ...ofUser(facts, say),
  ];
}

/** What is missing, where something else cannot take its place. */
export function rightTraps(rights: Rights): readonly Trap[] {
  const grant = (path: string) =>
    `give the policy path "${path}" { capabilities = ["update"] }; Vault's default policy has it`;
  return [
    ...when(
      !rights.read,
      "read-forbidden",
      "the token may not read the credential",
      'give the policy capabilities = ["read"] on its path',
    ),
    ...when(
      !rights.renewLease,
      "renew-forbidden",
      "the token may not renew leases: every user ends with the TTL of its lease, and cannot be given back early either",
      grant("sys/leases/renew"),
    ),
    ...when(
      !rights.lookupLease,
      "lookup-forbidden",
      "the token may not look leases up: after a failed renewal only the server's words tell whether the lease is lost",
      grant("sys/leases/lookup"),
    ),
    ...when(
      !rights.renewSelf,
      "renew-self-forbidden",
      "the token may not renew itself: it ends with its first TTL, and every user that was read with it",
      grant("auth/token/renew-self"),
    ),
  ];
}

/** What nobody can say, and how it could be found out. */
export function unknowns(facts: Facts, policy: Policy): readonly string[] {
  return [
    ...(facts.token === null ? ["the token's TTLs: give -token-ttl and -token-max-ttl"] : []),
    ...(facts.token !== null && facts.token.maxTtl === null ? ["the token's max TTL: give -token-max-ttl"] : []),
    ...(facts.lease === null
      ? ["the lease's TTLs: the token may not read the role; give -ttl and -max-ttl, or -make-user"]
      : []),
    ...(facts.lease !== null && facts.lease.maxTtl === null && facts.lease.renewable
      ? ["the lease's max TTL: give -max-ttl, or -make-user"]
      : []),
    ...(facts.rights === null ? ["what the token's policies allow"] : []),
    ...(facts.user === null && policy.verifies
      ? [
          "what Postgres says of the user (VALID UNTIL, room for a second generation, owned objects): -make-user makes one and gives it back",
        ]
      : []),
    ...(policy.connectionMaxLifetime === null
      ? ["how long the application keeps a connection: set connection_max_lifetime"]
      : []),
  ];
}

// ---- internal ----

const when = (holds: boolean, code: string, message: string, cure: string): readonly Trap[] =>
  holds ? [{ code, message, cure }] : [];

function ofToken({ token }: Facts, planned: Forecast | null, say: (ms: number) => string): readonly Trap[] {
  if (token === null) return [];
  return [
    ...when(
      token.numUses > 0,
      "num-uses",
      `the token may be used ${token.numUses} times only, and its leases die with the last use: lessee refuses it`,
      "set token_num_uses = 0 on the auth role",
    ),
    ...when(
      token.type === "batch",
      "batch-token",
      `a batch token cannot be renewed: all that is read with it ends ${say(token.ttl)} after the login, whatever VALID UNTIL says`,
      "set token_type = service on the auth role",
    ),
    ...when(
      !token.orphan,
      "token-parent",
      "the token has a parent, whose end it shares and cannot see",
      "use an orphan token: those of auth methods are, unless somebody made them otherwise",
    ),
    ...when(
      token.period > 0 && planned !== null && token.period <= planned.lead,
      "period-below-lead",
      `the token's period of ${say(token.period)} is no longer than the lead of ${say(planned?.lead ?? 0)}: one failed renewal may cut a rotation short`,
      "set token_period to more than the lead",
    ),
  ];
}

function ofLife(facts: Facts, planned: Forecast | null, policy: Policy, say: (ms: number) => string): readonly Trap[] {
  if (planned === null) return [];
  const [lease, token] = [leaseLife(facts), tokenLife(facts)];
  const { life, lead, fits } = planned;
  const which = token < lease ? "token" : "lease";
  const raise = which === "token" ? "raise token_max_ttl on the auth role" : "raise max_ttl on the database role";
  const lifetime = policy.connectionMaxLifetime;
  const interval = planned.rotations[0]?.rotationAt ?? Number.POSITIVE_INFINITY;
  const perHour = usersPerHour(interval);
  return [
    ...when(
      lifetime !== null && life < lifetime,
      "max-ttl-below-lifetime",
      `the ${which} lives ${say(life)} at most, and connections ${say(lifetime ?? 0)}: they outlive their user, and their queries fail`,
      `${raise} to ${say(2 * lead)} or more, or shorten the connections' lifetime`,
    ),
    ...when(
      !fits && !(lifetime !== null && life < lifetime),
      "lead",
      `the ${which} lives ${say(life)} at most, and a rotation needs ${say(lead)}: two generations do not fit, and connections may outlive their user`,
      `${raise} to ${say(2 * lead)} or more, or shorten the connections' lifetime`,
    ),
    ...when(
      token < lease && Number.isFinite(lease),
      "token-below-lease",
      `the token lives ${say(token)} at most, and the lease could live ${say(lease)}: every user ends with the token that it was read with`,
      `set token_max_ttl to ${say(lease)} or more on the auth role`,
    ),
    ...when(
      perHour > mostPlanned(policy),
      "budget",
      `a rotation every ${say(interval)} needs ${perHour} new users an hour, and ${policy.maxNewPerHour === null ? "the most that are made is" : "max_new_per_hour is"} ${mostPlanned(policy)}`,
      policy.maxNewPerHour === null ? raise : `${raise}, or leave max_new_per_hour out`,
    ),
  ];
}

function ofUser({ statements, user }: Facts, say: (ms: number) => string): readonly Trap[] {
  const mended = statements !== null && /REASSIGN\s+OWNED/i.test(statements.revocation);
  const owner =
    "let the creation statements say IN ROLE owner and ALTER ROLE … SET ROLE owner, and the revocation statements REASSIGN OWNED: docs/troubleshooting.md#owned-objects";
  if (user === null) return [];
  const short = user.validFor !== null && user.validFor < user.leaseFor - 5_000;
  return [
    ...when(
      short,
      "valid-until",
      `after a renewal to ${say(user.leaseFor)} Postgres lets the user log in for ${say(user.validFor ?? 0)} only: VALID UNTIL ends before the lease`,
      "let the role's renew_statements move VALID UNTIL (the default does), and compare the clocks of Vault and Postgres",
    ),
    ...when(
      user.ownsWhatItCreates && !mended,
      "owned-objects",
      "the user may create tables, and would own them: such a user cannot be dropped, and the next one may not use them",
      owner,
    ),
    ...user.owners.map((one) => ({
      code: "owned-objects",
      message: `of an earlier user: ${ownedText(one)}`,
      cure: owner,
    })),
    ...user.warnings.map((message) => ({ code: "postgres", message, cure: "see docs/troubleshooting.md" })),
  ];
}
