import { describe, expect, it } from "vitest";
import { freePort } from "../../../dev/free-port.ts";
import type { Fault } from "../../../dev/vault/faults.ts";
import { NotifyError } from "../../../src/errors.ts";
import { expiryOf, horizonOf, leadFor } from "../../../src/lease/schedule.ts";
import { HEARS, type LabSidecar, refusal, useLab } from "../lab.ts";
import { HOUR, MINUTE, SECOND, SEED_POLICY } from "../policies.ts";

const lab = useLab();
const READ = /\/v1\/database\/creds\//;
const RENEW = /\/v1\/sys\/leases\/renew$/;
const LOOKUP = /\/v1\/sys\/leases\/lookup$/;
const nothingFor = (lease: string): Fault => ({
  kind: "answer",
  status: 200,
  body: { lease_id: lease, renewable: true, lease_duration: 0 },
});
const REVOKE = /\/v1\/sys\/leases\/revoke$/;

const user = ({ keeper }: LabSidecar) => keeper.status().current?.user;
/** With a long quiet period: Postgres is real, and every look at it takes its time. */
const observed = () => ({ postgres: [lab.block()], connectionMaxLifetime: 10 * MINUTE, quietPeriod: MINUTE });

describe("a credential that is held", () => {
  it("W1: shows by how much longer than the lead it lives, where the lead is known", async () => {
    const sidecar = await lab.start({ connectionMaxLifetime: MINUTE });
    await sidecar.pass(2 * SECOND);
    const { current, lead, margin } = sidecar.keeper.status();
    expect(margin).toBe(current!.expiry - sidecar.clock.now() - lead);
    expect(margin).toBeGreaterThan(0);
    expect((await lab.start()).keeper.status().margin).toBeNull();
  });

  it("W1: is renewed so that its end never comes nearer than the lead, until its rotation is due", async () => {
    const sidecar = await lab.start({ connectionMaxLifetime: 30 * MINUTE });
    const { keeper, clock } = sidecar;
    const first = user(sidecar);
    for (let quarter = 0; quarter < 4 * 22; quarter++) {
      await sidecar.pass(15 * MINUTE);
      const { current } = keeper.state();
      if (current === null) throw new Error("nothing is held");
      if (current.user !== first) break;
      const lead = leadFor(current, { ...SEED_POLICY, connectionMaxLifetime: 30 * MINUTE, longestUse: 3 * MINUTE });
      expect(expiryOf(current) - clock.now()).toBeGreaterThanOrEqual(lead);
    }
    expect(user(sidecar)).toBe(first);
    expect(sidecar.count("read")).toBe(1);
    const due = await sidecar.until("rotation due");
    expect(due.reason).toBe("horizon");
    await sidecar.until("published");
    expect(user(sidecar)).not.toBe(first);
    expect(due.horizon! - clock.now()).toBeGreaterThan(30 * MINUTE);
  });

  it("M1: shows its max TTL in its first second", async () => {
    const sidecar = await lab.start();
    const { current } = sidecar.keeper.state();
    await sidecar.pass(SECOND);
    const held = sidecar.keeper.state().current!;
    expect(Math.abs(horizonOf(held) - current!.readAt - 24 * HOUR)).toBeLessThan(5 * SECOND);
    expect(expiryOf(held)).toBeLessThan(sidecar.clock.now() + 13 * HOUR);
  });

  it("M1: lets others fetch their first credential before, for so long", async () => {
    let others = true;
    const sidecar = await lab.start({ isAwaited: () => others });
    await sidecar.pass(5 * SECOND);
    expect(lab.requests(/leases\/renew/)).toBe(0);
    others = false;
    await sidecar.pass(2 * SECOND);
    expect(horizonOf(sidecar.keeper.state().current!) - sidecar.clock.now()).toBeLessThan(24 * HOUR);
    const impatient = await lab.start({ isAwaited: () => true });
    await impatient.pass(17 * SECOND);
    expect(impatient.keeper.state().current?.probeAt).toBe(Number.POSITIVE_INFINITY);
  });

  it("M1: without a probe shows it in the first renewal that comes back shortened", async () => {
    await lab.databaseRole("short", { default_ttl: "20m", max_ttl: "1h" });
    const sidecar = await lab.start({ role: "short", probe: false, connectionMaxLifetime: MINUTE });
    expect(sidecar.keeper.status().current?.horizon).toBe(sidecar.tokens.status()?.horizon ?? null);
    await sidecar.pass(MINUTE);
    expect(lab.requests(RENEW)).toBe(0);
    expect((await sidecar.until("rotation due")).reason).toBe("horizon");
    expect(sidecar.count("renewal failed")).toBe(0);
    expect(sidecar.clock.now() - sidecar.keeper.state().current!.readAt).toBeLessThan(HOUR);
    await sidecar.until("published");
  });

  it("is said to need more new users an hour than may be made, with the numbers", async () => {
    await lab.databaseRole("brief", { default_ttl: "20s", max_ttl: "40s" });
    // Nothing is known of the connections: a lead of a third of the life always fits, however short that is.
    const sidecar = await lab.start({ role: "brief", maxNewPerHour: 6 });
    const { message } = await sidecar.until("warning", ({ code }) => code === "budget");
    expect(message).toMatch(
      /creds\/brief lives 40(\.\d)? s at most, .* every 2\d(\.\d)? s needs 1\d\d new users an hour/,
    );
    expect(message).toMatch(/max_new_per_hour allows 6:.* Raise max_ttl/);
    await sidecar.pass(5 * MINUTE);
    const said = sidecar.events.filter((one) => one.is === "warning" && one.code === "budget");
    expect(said).toHaveLength(1);
    expect(sidecar.count("lost")).toBe(1);
    expect(sidecar.keeper.status()).toMatchObject({ newUsersLastHour: 6, maxNewPerHour: 6 });
  });

  it("W2: is replaced as often as its TTLs want it where nobody has said how often that may be", async () => {
    await lab.databaseRole("brief", { default_ttl: "20s", max_ttl: "40s" });
    const sidecar = await lab.start({ role: "brief", notifiers: [HEARS] });
    await sidecar.pass(5 * MINUTE);
    expect([sidecar.count("lost"), sidecar.count("warning")]).toEqual([0, 0]);
    const { maxNewPerHour, newUsersLastHour, rotations } = sidecar.keeper.status();
    expect(rotations).toBeGreaterThanOrEqual(10);
    expect(newUsersLastHour).toBe(rotations + 1);
    expect(maxNewPerHour).toBeGreaterThan(newUsersLastHour);
  });

  it("W2: and what is lost again and again is still replaced 6 times an hour only", async () => {
    const sidecar = await lab.start({ notifiers: [HEARS] });
    for (let made = 1; made < 6; made++) {
      sidecar.keeper.take({ is: "expired", id: sidecar.keeper.state().current!.id });
      await sidecar.until("published");
    }
    const { clock, keeper } = sidecar;
    keeper.take({ is: "expired", id: keeper.state().current!.id });
    expect(keeper.status().budgetFreeAt! - clock.now()).toBeGreaterThan(HOUR - MINUTE);
    await sidecar.pass(50 * MINUTE);
    expect(keeper.status()).toMatchObject({ current: null, newUsersLastHour: 6, maxNewPerHour: 6 });
  });

  it("M5: is replaced by the time until which Postgres lets it log in, where renewals do not move that", async () => {
    await lab.databaseRole("still", { renew_statements: "SELECT 1" });
    const sidecar = await lab.start({ ...observed(), role: "still" });
    await lab.login(sidecar);
    await sidecar.until("confirmed");
    await lab.admin.query(
      `ALTER ROLE "${user(sidecar)}" VALID UNTIL '${new Date(Date.now() + 3 * HOUR).toISOString()}'`,
    );
    const due = await sidecar.until("rotation due");
    expect(due.reason).toBe("valid until");
    await sidecar.until("published");
    const said = sidecar.events.flatMap((one) => (one.is === "warning" && one.code === "valid-until" ? [one] : []));
    expect(said.map(({ message }) => message)).toEqual([
      expect.stringMatching(/lets v-\S+ log in for \d+ s less than its lease lives, .*renew_statements.*clocks/),
    ]);
  });

  it("M5: of one whose renewals move it nothing is said", async () => {
    const sidecar = await lab.start(observed());
    await lab.login(sidecar);
    await sidecar.pass(20 * HOUR);
    expect(sidecar.count("renewed")).toBeGreaterThan(2);
    expect(sidecar.events.filter((one) => one.is === "warning" && one.code === "valid-until")).toEqual([]);
  });
});

describe("W6: a renewal that fails", () => {
  it("without end makes a bounded number of requests, and the credential is used as long as it lasts", async () => {
    const sidecar = await lab.start();
    await sidecar.pass(SECOND);
    const before = user(sidecar);
    lab.fail(RENEW, refusal(400, "failed to renew entry: dial tcp: connection refused"));
    await sidecar.until("renewal failed");
    lab.vault.requests.clear();
    await sidecar.pass(MINUTE);
    expect(lab.requests(/\/leases\//)).toBeLessThanOrEqual(10);
    await sidecar.pass(HOUR);
    expect(lab.requests(/\/leases\//)).toBeLessThanOrEqual(10 + 2 * 60);
    expect([user(sidecar), sidecar.count("lost")]).toEqual([before, 0]);
  });

  it("because the server itself fails says nothing of the lease, and nobody asks what it is", async () => {
    const sidecar = await lab.start();
    await sidecar.until("renewed");
    const before = user(sidecar);
    lab.fail(RENEW, refusal(500, "internal error"), 1);
    // What it would say then is as little worth.
    const looked = lab.fail(LOOKUP, refusal(400, "invalid lease"));
    expect((await sidecar.until("renewal failed")).verdict).toBe("unknown");
    expect(looked.hits).toBe(0);
    looked.remove();
    await sidecar.until("renewed");
    expect([user(sidecar), sidecar.count("lost"), sidecar.count("read")]).toEqual([before, 0, 1]);
  });

  it("with the words of a lost lease is no lost lease while the server knows it", async () => {
    const sidecar = await lab.start();
    await sidecar.pass(SECOND);
    lab.fail(RENEW, refusal(400, "lease not found"), 1);
    expect((await sidecar.until("renewal failed")).verdict).toBe("kept");
    await sidecar.until("renewed");
    expect(sidecar.count("read")).toBe(1);
  });

  it("of a lease that is gone is followed by a read at once", async () => {
    const sidecar = await lab.start();
    const { lease } = sidecar.keeper.state().current!;
    const before = user(sidecar);
    await sidecar.pass(SECOND);
    await lab.seed.api.expect("PUT", "sys/leases/revoke", { lease_id: lease, sync: true });
    await sidecar.until("lost");
    const at = sidecar.clock.now();
    await sidecar.until("published");
    expect(sidecar.clock.now()).toBe(at);
    expect(user(sidecar)).not.toBe(before);
  });

  it("is one that is granted no time: in its last second the lease is not asked for again and again", async () => {
    const sidecar = await lab.start();
    const before = user(sidecar);
    await sidecar.pass(SECOND);
    const nothing = lab.fail(RENEW, nothingFor(sidecar.keeper.state().current!.lease));
    const over = lab.fail(LOOKUP, { kind: "answer", status: 200, body: { data: { ttl: 0, renewable: true } } });
    await sidecar.until("lost");
    expect([nothing.hits, over.hits]).toEqual([1, 1]);
    nothing.remove();
    over.remove();
    await sidecar.until("published");
    expect(user(sidecar)).not.toBe(before);
  });

  it("is one that is granted no time for ever: while the server knows the lease it is used, and then replaced in time", async () => {
    const sidecar = await lab.start({ notifiers: [HEARS] });
    await sidecar.pass(SECOND);
    lab.fail(RENEW, nothingFor(sidecar.keeper.state().current!.lease));
    expect((await sidecar.until("renewal failed")).verdict).toBe("kept");
    lab.vault.requests.clear();
    await sidecar.pass(MINUTE);
    expect(lab.requests(/\/leases\//)).toBeLessThanOrEqual(10);
    await sidecar.pass(24 * HOUR);
    expect(sidecar.count("lost")).toBe(0);
    expect(sidecar.count("read")).toBeGreaterThan(2);
    expect(sidecar.count("read")).toBeLessThan(8);
  });

  it("for ever, as of a role that is gone, ends the renewals: the rotation is due at once", async () => {
    await lab.databaseRole("gone", {});
    const sidecar = await lab.start({ role: "gone" });
    await sidecar.pass(SECOND);
    await lab.seed.api.expect("DELETE", "database/roles/gone");
    expect((await sidecar.until("renewal failed")).verdict).toBe("ended");
    expect((await sidecar.until("rotation due")).reason).toBe("renewals ended");
    await sidecar.until("read failed");
    expect(sidecar.keeper.isPublished()).toBe(true);
    await lab.databaseRole("gone", {});
    await sidecar.until("published");
  });
});

describe("promise 6: a new user", () => {
  it("is made 6 times an hour at most, however often one is lost", async () => {
    const sidecar = await lab.start();
    const from = sidecar.clock.now();
    while (sidecar.clock.now() - from < 55 * MINUTE) {
      const lease = sidecar.keeper.state().current?.lease;
      if (lease) {
        await lab.seed.api.expect("PUT", "sys/leases/revoke", { lease_id: lease, sync: true });
        sidecar.keeper.take({ is: "expired", id: sidecar.keeper.state().current!.id });
      }
      await sidecar.pass(MINUTE);
    }
    expect(sidecar.count("read")).toBe(6);
  });

  it("M2: counts as made where a read was cut off", async () => {
    const cut = lab.fail(READ, { kind: "cut" });
    const sidecar = await lab.prepare();
    sidecar.run();
    await sidecar.pass(58 * MINUTE);
    expect(cut.hits).toBe(6);
    cut.remove();
    await sidecar.until("published");
  });

  it.each([
    ["400", refusal(400, "unknown role: pg-role")],
    ["500", refusal(500, "failed to create user")],
    ["503", refusal(503, "Vault is sealed")],
    ["404", refusal(404)],
    ["garbage", { kind: "garbage", text: '{"data":' } as const],
    ["no connection", { kind: "reset" } as const],
  ])(
    "is asked for 10 times in the first minute at most and twice a minute after it, while the answer is %s",
    async (_what, fault) => {
      const failing = lab.fail(READ, fault);
      const sidecar = await lab.prepare();
      sidecar.run();
      await sidecar.pass(MINUTE);
      expect(failing.hits).toBeGreaterThan(2);
      expect(failing.hits).toBeLessThanOrEqual(10);
      const first = failing.hits;
      await sidecar.pass(HOUR);
      expect(failing.hits - first).toBeLessThanOrEqual(120);
      failing.remove();
      await sidecar.until("published");
    },
  );
});

const CREATE = (clause: string) =>
  `CREATE ROLE "{{name}}" WITH ${clause} PASSWORD '{{password}}' VALID UNTIL '{{expiration}}'; GRANT SELECT ON orders TO "{{name}}";`;

it("M7: room for a second generation is looked for before its user is made, and is said once for each", async () => {
  const limited = "LOGIN CONNECTION LIMIT 4";
  await lab.databaseRole("roomless", { creation_statements: CREATE(limited) });
  const sidecar = await lab.start({ ...observed(), role: "roomless", notifiers: [HEARS] });
  for (let sessions = 0; sessions < 3; sessions++) await lab.login(sidecar);
  const before = sidecar.events.length;
  sidecar.keeper.take({ is: "rotation asked" });
  await sidecar.until("published");
  const events = sidecar.events.slice(before);
  const said = events.flatMap((one, at) => (one.is === "warning" && one.code === "postgres" ? [{ at, ...one }] : []));
  expect(said.map(({ message }) => message)).toEqual([
    expect.stringMatching(
      /little room for a second user's sessions: the role's CONNECTION LIMIT is 4, 1 in use, 4 more may be needed/,
    ),
  ]);
  expect(said[0]!.at).toBeLessThan(events.findIndex(({ is }) => is === "read"));
});

it("M7: is never in the way: where nobody can look for it the user is made all the same", async () => {
  const closed = lab.block();
  const { port } = new URL(closed.connectionUrl.replaceAll(/[{}]/g, ""));
  const connectionUrl = closed.connectionUrl.replace(port, String(await freePort("127.0.0.1")));
  const sidecar = await lab.start({ ...observed(), postgres: [{ ...closed, connectionUrl }] });
  sidecar.keeper.take({ is: "rotation asked" });
  await sidecar.until("read");
  expect(sidecar.count("read")).toBe(2);
});

describe("W9: a candidate", { timeout: 120_000 }, () => {
  it("that Postgres refuses is tried again, then given back, once an hour; the current one stays", async () => {
    await lab.databaseRole("refused", {});
    const sidecar = await lab.start({ ...observed(), role: "refused" });
    const current = user(sidecar);
    await lab.databaseRole("refused", { creation_statements: CREATE("NOLOGIN") });
    sidecar.keeper.take({ is: "rotation asked" });
    const { now } = sidecar.clock;
    await sidecar.until("verification failed");
    const from = now();
    await sidecar.until("released");
    expect(now() - from).toBeGreaterThanOrEqual(30 * SECOND);
    const reads = sidecar.count("read");
    await sidecar.pass(50 * MINUTE);
    expect(sidecar.count("read") - reads).toBeLessThanOrEqual(1);
    expect(user(sidecar)).toBe(current);
    await lab.login(sidecar);
  });

  it("that nobody can log in with for now is not replaced by another: without a current one it is published unverified", async () => {
    await lab.databaseRole("limited", { creation_statements: CREATE("LOGIN CONNECTION LIMIT 0") });
    const sidecar = await lab.prepare({ ...observed(), role: "limited" });
    sidecar.run();
    const from = sidecar.clock.now();
    const { verified } = await sidecar.until("published");
    expect(verified).toBe(false);
    expect(sidecar.clock.now() - from).toBeLessThan(MINUTE);
    expect(sidecar.count("read")).toBe(1);
    expect(sidecar.events).toContainEqual(expect.objectContaining({ is: "warning", code: "unverified" }));
  });

  it("that may not run the verify query is refused", async () => {
    await lab.databaseRole("forbidden", {
      creation_statements: CREATE("LOGIN").replace("SELECT ON orders", "pg_monitor"),
    });
    const sidecar = await lab.prepare({ ...observed(), role: "forbidden" });
    sidecar.run();
    expect((await sidecar.until("verification failed")).error).toContain("permission denied");
    await sidecar.until("released");
    expect(sidecar.keeper.isPublished()).toBe(false);
  });

  it("that cannot be published leaves the current one alone", async () => {
    let writable = true;
    const sidecar = await lab.start({ connectionMaxLifetime: MINUTE, publishes: () => writable });
    const current = user(sidecar);
    writable = false;
    await sidecar.until("publish failed");
    await sidecar.pass(MINUTE);
    expect(user(sidecar)).toBe(current);
    expect([sidecar.count("read"), sidecar.count("released")]).toEqual([2, 0]);
    await lab.login(sidecar);
    writable = true;
    await sidecar.until("published");
    expect(user(sidecar)).not.toBe(current);
  });
});

describe("W3: an old credential", () => {
  async function rotated(options: Parameters<typeof lab.start>[0] = {}): Promise<LabSidecar> {
    const sidecar = await lab.start({ ...observed(), ...options });
    sidecar.keeper.take({ is: "rotation asked" });
    await sidecar.until("published");
    return sidecar;
  }

  it("stays while nobody is known to have taken the new one, though it has no session", async () => {
    const sidecar = await rotated();
    await sidecar.pass(30 * MINUTE);
    expect(sidecar.keeper.status().retiring).toHaveLength(1);
    expect(sidecar.count("released")).toBe(0);
    expect(await lab.users()).toHaveLength(2);
  });

  it("goes when a session of the new one was seen and the old one has been quiet, and not before the reader's grace", async () => {
    const sidecar = await rotated();
    await lab.login(sidecar);
    const { by } = await sidecar.until("confirmed");
    expect(by).toBe("sessions");
    const heardAt = sidecar.clock.now();
    await sidecar.until("released");
    expect(sidecar.clock.now() - heardAt).toBeGreaterThanOrEqual(30 * SECOND);
    expect(await lab.users()).toEqual([user(sidecar)]);
  });

  it("stays while it has a session, and goes when that has closed", async () => {
    const sidecar = await lab.start({ ...observed(), notifiers: [HEARS] });
    const session = await lab.login(sidecar);
    sidecar.keeper.take({ is: "rotation asked" });
    await sidecar.until("confirmed");
    await sidecar.pass(5 * MINUTE);
    expect(sidecar.count("released")).toBe(0);
    expect((await session.query("SELECT count(*) FROM orders")).rowCount).toBe(1);
    await session.end();
    await sidecar.until("drained");
    await sidecar.until("released");
    expect(await lab.users()).toHaveLength(1);
  });

  it("stays while the application cannot be told", async () => {
    let works = false;
    const hook = {
      ...HEARS,
      notify: async () => {
        if (!works) throw new Error("no");
      },
    };
    const sidecar = await rotated({ notifiers: [hook] });
    await sidecar.pass(15 * MINUTE);
    expect([sidecar.count("released"), sidecar.keeper.status().retiring.length]).toEqual([0, 1]);
    works = true;
    await sidecar.until("released");
  });

  it("M8: is not told seldom because one of several hooks is hopeless, and nobody is told twice", async () => {
    const told: number[] = [];
    let works = false;
    const hopeless = async () => {
      throw new NotifyError("no right to", true);
    };
    const later = async () => {
      if (!works) throw new NotifyError("not yet", false);
      told.push(sidecar.clock.now());
    };
    const notifiers = [hopeless, later].map((notify) => ({ ...HEARS, notify }));
    const sidecar = await rotated({ notifiers, escalate: [] });
    await sidecar.pass(10 * SECOND);
    works = true;
    const { now } = sidecar.clock;
    const from = now();
    await sidecar.pass(30 * SECOND);
    expect(told).toHaveLength(1);
    expect(told[0]! - from).toBeLessThanOrEqual(15 * SECOND);
    const failures = sidecar.count("notify failed");
    await sidecar.pass(5 * MINUTE);
    // The one that is left is hopeless, and is tried once a minute.
    expect(sidecar.count("notify failed") - failures).toBeLessThanOrEqual(6);
    expect(told).toHaveLength(1);
  });

  it("without Postgres goes a lifetime after the application was told", async () => {
    const sidecar = await lab.start({ connectionMaxLifetime: 10 * MINUTE, notifiers: [HEARS] });
    sidecar.keeper.take({ is: "rotation asked" });
    await sidecar.until("notified");
    const toldAt = sidecar.clock.now();
    await sidecar.until("released");
    expect(sidecar.clock.now() - toldAt).toBeGreaterThanOrEqual(10 * MINUTE);
    expect(sidecar.clock.now() - toldAt).toBeLessThan(15 * MINUTE);
  });
});

it("W4: a role that vanished under open sessions is a lost credential, and no drained one", async () => {
  const sidecar = await lab.start(observed());
  await lab.login(sidecar);
  const gone = user(sidecar);
  sidecar.keeper.take({ is: "rotation asked" });
  await sidecar.until("published");
  await lab.admin.query(`REVOKE ALL ON orders FROM "${gone}"; DROP ROLE "${gone}"`);
  await sidecar.until("warning", ({ code }) => code === "role-vanished");
  await sidecar.pass(5 * MINUTE);
  expect(sidecar.count("drained")).toBe(0);
});

it("W6: one that was replaced and that nobody can watch ends as was meant, and is not lost", async () => {
  await lab.databaseRole("unwatched", { default_ttl: "20m", max_ttl: "1h" });
  const sidecar = await lab.start({ role: "unwatched" });
  const old = user(sidecar);
  await sidecar.until("rotation due");
  await sidecar.until("published");
  expect(await sidecar.until("released")).toMatchObject({ user: old, by: "expiry" });
  expect(sidecar.count("lost")).toBe(0);
});

describe("W7: a release", () => {
  async function retire(options: Parameters<typeof lab.start>[0] = {}): Promise<{ sidecar: LabSidecar; old: string }> {
    const sidecar = await lab.start({ ...observed(), notifiers: [HEARS], ...options });
    const old = user(sidecar)!;
    sidecar.keeper.take({ is: "rotation asked" });
    await sidecar.until("published");
    return { sidecar, old };
  }

  it("is a revocation where the policy allows it", async () => {
    await lab.seed.api.expect("PUT", "sys/policies/acl/may-revoke", {
      policy: 'path "sys/leases/revoke" { capabilities = ["update"] }',
    });
    await lab.authRole("revoker", { token_policies: ["pg-auth", "may-revoke"] });
    const { sidecar, old } = await retire({ authRole: "revoker" });
    expect(await sidecar.until("released")).toMatchObject({ user: old, by: "revoke" });
    expect(await lab.users()).not.toContain(old);
  });

  it("is a renewal for one second with the seed's policy, and the refused revocation is not repeated", async () => {
    const { sidecar, old } = await retire();
    expect(await sidecar.until("released")).toMatchObject({ user: old, by: "short renewal" });
    expect(await lab.users()).not.toContain(old);
    sidecar.keeper.take({ is: "rotation asked" });
    await sidecar.until("released");
    expect(lab.requests(REVOKE)).toBe(1);
  });

  it("that fails is tried again with back-off, and said", async () => {
    const { sidecar, old } = await retire();
    const failing = lab.fail(RENEW, refusal(400, "failed to renew entry: connection refused"));
    await sidecar.until("release failed");
    await sidecar.pass(MINUTE);
    expect(failing.hits).toBeLessThanOrEqual(10);
    expect(sidecar.keeper.status().retiring).toHaveLength(1);
    failing.remove();
    expect((await sidecar.until("released")).user).toBe(old);
  });

  it("of a user that owns objects is said with the reason, as long as the role is there (rule M6)", async () => {
    await lab.databaseRole("owner", {
      creation_statements:
        `CREATE ROLE "{{name}}" WITH LOGIN PASSWORD '{{password}}' VALID UNTIL '{{expiration}}'; ` +
        `GRANT ALL ON ALL TABLES IN SCHEMA public TO "{{name}}"; GRANT CREATE ON SCHEMA public TO "{{name}}";`,
    });
    const sidecar = await lab.start({ ...observed(), notifiers: [HEARS], role: "owner" });
    const session = await lab.login(sidecar);
    const old = user(sidecar)!;
    await session.query("CREATE TABLE owned (id int)");
    await session.end();
    const { message } = await sidecar.until("warning", ({ code }) => code === "owned-objects");
    expect(message).toContain(`${old} owns 1 object (public.owned)`);
    expect(message).toContain(`REASSIGN OWNED BY "${old}" TO`);
    expect(sidecar.keeper.status().current?.owned).toBe(1);
    await sidecar.pass(10 * HOUR);
    expect(sidecar.events.filter((one) => one.is === "warning" && one.code === "owned-objects")).toHaveLength(1);
    sidecar.keeper.take({ is: "rotation asked" });
    const { error } = await sidecar.until("release failed");
    expect(error).toContain(`${old} owns 1 object`);
    expect(error).toContain("revocation_statements");
    expect(await lab.users()).toContain(old);
    await lab.admin.query(`DROP OWNED BY "${old}"`);
    await sidecar.until("released");
    expect(await lab.users()).not.toContain(old);
  });

  it("that is forbidden in every way leaves the lease to expire, and says so", async () => {
    const { sidecar } = await retire();
    lab.fail(RENEW, refusal(403, "permission denied"));
    await sidecar.until("warning", ({ code }) => code === "release-forbidden");
    expect(sidecar.keeper.status().retiring).toEqual([]);
    expect(sidecar.keeper.isPublished()).toBe(true);
  });

  it("W10: once asked for is never taken back: the credential is neither renewed nor in the state", async () => {
    const { sidecar } = await retire();
    lab.fail(LOOKUP, refusal(500, "internal error"));
    await sidecar.until("release failed");
    expect(sidecar.keeper.records().map(({ stage }) => stage)).toEqual(["current"]);
  });
});

describe("a stop", () => {
  it("W7: has the server revoke it by itself: a role that cannot be dropped yet is not waited for, and goes later", async () => {
    await lab.seed.api.expect("PUT", "sys/policies/acl/may-revoke", {
      policy: 'path "sys/leases/revoke" { capabilities = ["update"] }',
    });
    await lab.authRole("revoker", { token_policies: ["pg-auth", "may-revoke"] });
    await lab.databaseRole("stuck", {
      revocation_statements: `SELECT 1 / count(*) FROM orders; REVOKE ALL ON orders FROM "{{name}}"; DROP ROLE "{{name}}"`,
    });
    const sidecar = await lab.start({ authRole: "revoker", role: "stuck" });
    await sidecar.stop("always", 20 * SECOND);
    expect(await lab.users()).toHaveLength(1);
    const said = sidecar.events.flatMap((one) =>
      one.is === "warning" && one.code === "revoking" ? [one.message] : [],
    );
    expect(said).toEqual([expect.stringContaining("Vault is still revoking it, and goes on by itself")]);
    await lab.admin.query("INSERT INTO orders VALUES (1)");
    lab.vault.advance(10 * MINUTE);
    await lab.vault.idle();
    await lab.admin.query("DELETE FROM orders");
    expect(await lab.users()).toEqual([]);
  });

  it("releases everything when nobody uses it", async () => {
    const sidecar = await lab.start(observed());
    await sidecar.stop("drained", 5 * MINUTE);
    expect(sidecar.count("released")).toBe(1);
    expect(sidecar.keeper.left()).toBe(0);
    expect(await lab.users()).toEqual([]);
  });

  it("leaves what is in use, for the sidecar that comes after it", async () => {
    const sidecar = await lab.start(observed());
    const session = await lab.login(sidecar);
    await sidecar.stop("drained");
    expect([sidecar.count("released"), sidecar.keeper.left()]).toEqual([0, 1]);
    expect(sidecar.keeper.records()).toHaveLength(1);
    expect((await session.query("SELECT count(*) FROM orders")).rowCount).toBe(1);
  });

  it.each([
    ["always", 0],
    ["never", 1],
  ] as const)("with release_on_exit = %s leaves %d", async (release, left) => {
    const sidecar = await lab.start(observed());
    await lab.login(sidecar);
    await sidecar.stop(release);
    expect(sidecar.keeper.left()).toBe(left);
    expect(await lab.users()).toHaveLength(left);
  });

  it("M2: waits for a read that is under way, does not abort it, and releases what it brings", async () => {
    const sidecar = await lab.prepare();
    const slow = lab.fail(READ, { kind: "delay", milliseconds: 3_000 });
    sidecar.run();
    while (slow.hits === 0) await new Promise((resolve) => setImmediate(resolve));
    sidecar.keeper.stop({ at: sidecar.clock.now(), until: sidecar.clock.now() + 20_000, release: "always" });
    expect(sidecar.keeper.state().reading).toBe(true);
    lab.vault.advance(3_000);
    await sidecar.stop("always");
    expect(sidecar.count("released")).toBe(1);
    expect(await lab.users()).toEqual([]);
  });
});
