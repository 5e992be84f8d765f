import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { describe, expect, it } from "vitest";
import { freePort } from "../../../dev/free-port.ts";
import type { Fault } from "../../../dev/vault/faults.ts";
import type { SavedState } from "../../../src/lease/memory/state-file.ts";
import { HEARS, type LabSidecar, refusal, type SidecarOptions, useLab } from "../lab.ts";
import { HOUR, MINUTE, SECOND } from "../policies.ts";

const lab = useLab();
const LOOKUP = /\/v1\/sys\/leases\/lookup$/;
const RENEW = /\/v1\/sys\/leases\/renew$/;

const user = ({ keeper }: LabSidecar) => keeper.status().current?.user;
const observed = () => ({
  postgres: [lab.block()],
  connectionMaxLifetime: 10 * MINUTE,
  quietPeriod: MINUTE,
  notifiers: [HEARS],
});

/** A sidecar that was killed, and what it had kept. */
async function killed(options: SidecarOptions, prepare = async (_sidecar: LabSidecar) => {}) {
  const sidecar = await lab.start(options);
  await sidecar.pass(SECOND);
  await prepare(sidecar);
  const state = sidecar.kept();
  const before = user(sidecar);
  await sidecar.stop("never");
  lab.vault.requests.clear();
  return { state, user: before, now: sidecar.clock.now() };
}

async function successor(state: SavedState, options: SidecarOptions, from: number): Promise<LabSidecar> {
  const sidecar = await lab.prepare({ ...options, from });
  await sidecar.adopt(state);
  sidecar.run();
  return sidecar;
}

describe("W10: a sidecar that follows another", () => {
  it("takes up what lives: the same user, no login, no read", async () => {
    const before = await killed(observed());
    const sidecar = await successor(before.state, observed(), before.now);
    await sidecar.until("published");
    expect(user(sidecar)).toBe(before.user);
    expect([sidecar.count("login"), sidecar.count("read")]).toEqual([0, 0]);
    expect(sidecar.events).toContainEqual(
      expect.objectContaining({ is: "adopted", stage: "current", user: before.user }),
    );
    await lab.login(sidecar);
    await sidecar.until("confirmed");
    await sidecar.pass(10 * HOUR);
    expect([user(sidecar), await lab.users()]).toEqual([before.user, [before.user]]);
    expect(sidecar.keeper.status().current?.horizon).toBeLessThan(before.now + 24 * HOUR);
  });

  it("renews at once: whoever is killed again and again keeps a lease of seconds", async () => {
    const before = await killed(observed());
    const sidecar = await successor(before.state, observed(), before.now);
    await sidecar.quiet();
    expect([sidecar.count("renewed"), sidecar.clock.now()]).toEqual([1, before.now]);
  });

  it("leaves a retiring one retiring, and lets it go when it is drained", async () => {
    const before = await killed(observed(), async (sidecar) => {
      await lab.login(sidecar);
      sidecar.keeper.take({ is: "rotation asked" });
      await sidecar.until("published");
    });
    expect(before.state.credentials.map(({ stage }) => stage)).toEqual(["current", "retiring"]);
    const sidecar = await successor(before.state, observed(), before.now);
    await sidecar.until("published");
    expect(sidecar.keeper.status().retiring).toHaveLength(1);
    await lab.login(sidecar);
    await sidecar.pass(5 * MINUTE);
    expect(sidecar.count("released")).toBe(0);
    await lab.admin.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename <> '${before.user}' AND usename LIKE 'v-kubernet%'`,
    );
    await sidecar.until("released");
    expect(await lab.users()).toEqual([before.user]);
  });

  it("M12: is as blind as the one before it, and leaves the old one to the lead alone", async () => {
    // As a provider that shows nobody the sessions of others, nor their own.
    await lab.admin.query(
      "CREATE SCHEMA blind; GRANT USAGE ON SCHEMA blind TO PUBLIC; " +
        "CREATE VIEW blind.pg_stat_activity AS SELECT * FROM pg_catalog.pg_stat_activity WHERE false; " +
        "GRANT SELECT ON blind.pg_stat_activity TO PUBLIC",
    );
    const { connectionUrl } = lab.block();
    const blind = lab.block({ connectionUrl: `${connectionUrl}&options=-csearch_path%3Dblind,pg_catalog,public` });
    const options = { ...observed(), postgres: [blind] };
    try {
      const before = await killed(options);
      const sidecar = await successor(before.state, options, before.now);
      await sidecar.until("published");
      const session = await lab.login(sidecar);
      sidecar.keeper.take({ is: "rotation asked" });
      await sidecar.until("published");
      await sidecar.pass(10 * MINUTE);
      expect([sidecar.count("drained"), sidecar.keeper.status().retiring[0]?.user]).toEqual([0, before.user]);
      expect((await session.query("SELECT count(*) FROM orders")).rowCount).toBe(1);
      await sidecar.until("drained");
      await session.end();
    } finally {
      await lab.admin.query("DROP SCHEMA blind CASCADE");
    }
  });

  it("gives a candidate back that was never published, and keeps the one in use", async () => {
    let writable = true;
    const options = { ...observed(), publishes: () => writable };
    const before = await killed(options, async (sidecar) => {
      writable = false;
      sidecar.keeper.take({ is: "rotation asked" });
      await sidecar.until("publish failed");
    });
    expect(before.state.credentials).toHaveLength(2);
    const sidecar = await successor(before.state, observed(), before.now);
    await sidecar.until("published");
    expect(user(sidecar)).toBe(before.user);
    await sidecar.until("released");
    expect(await lab.users()).toEqual([before.user]);
  });

  it("publishes a candidate that nobody came before", async () => {
    const options = { ...observed(), publishes: () => false };
    const first = await lab.prepare(options);
    first.run();
    await first.until("publish failed");
    const state = first.kept();
    await first.stop("never");
    const sidecar = await successor(state, observed(), first.clock.now());
    await sidecar.until("published");
    expect([sidecar.count("read"), user(sidecar)]).toEqual([0, state.credentials[0]?.user]);
  });

  it("starts anew where the token is dead, and says so", async () => {
    const before = await killed(observed());
    await lab.seed.api.as(before.state.token.reveal()).expect("PUT", "auth/token/revoke-self");
    await lab.vault.idle();
    const sidecar = await successor(before.state, observed(), before.now);
    expect(await sidecar.until("warning")).toMatchObject({
      code: "adoption",
      message: expect.stringContaining("token"),
    });
    await sidecar.until("published");
    expect([sidecar.count("login"), sidecar.count("read")]).toEqual([1, 1]);
    expect(user(sidecar)).not.toBe(before.user);
  });

  it("reads anew where the lease is gone", async () => {
    const before = await killed(observed());
    const { lease } = before.state.credentials[0]!;
    await lab.seed.api.expect("PUT", "sys/leases/revoke", { lease_id: lease, sync: true });
    const sidecar = await successor(before.state, observed(), before.now);
    expect(await sidecar.until("warning")).toMatchObject({ code: "adoption", message: expect.stringContaining(lease) });
    await sidecar.until("published");
    expect(sidecar.count("read")).toBe(1);
  });

  it("reads anew where the server fails to revoke it: its grants are gone, though the lookup knows it still", async () => {
    const before = await killed({ connectionMaxLifetime: MINUTE });
    const { lease } = before.state.credentials[0]!;
    await lab.admin.query(`CREATE TABLE mine (); ALTER TABLE mine OWNER TO "${before.user}"`);
    try {
      await lab.seed.api.expect("PUT", "sys/leases/revoke", { lease_id: lease, sync: false });
      await lab.vault.idle();
      const sidecar = await successor(before.state, { connectionMaxLifetime: MINUTE }, before.now);
      await sidecar.until("published");
      expect(user(sidecar)).not.toBe(before.user);
      expect(sidecar.count("adopted")).toBe(0);
    } finally {
      await lab.admin.query("DROP TABLE mine");
    }
  });

  it.each([
    ["in its last second", { ttl: 0, renewable: true }],
    ["expired", { ttl: -1, renewable: true }],
    ["never to be renewed", { ttl: 600, renewable: false }],
  ])("reads anew where the lease is %s", async (_how, data) => {
    const before = await killed({ connectionMaxLifetime: MINUTE });
    lab.fail(LOOKUP, { kind: "answer", status: 200, body: { data } });
    const sidecar = await successor(before.state, { connectionMaxLifetime: MINUTE }, before.now);
    await sidecar.until("published");
    expect([sidecar.count("adopted"), sidecar.count("read")]).toEqual([0, 1]);
  });

  it("knows its end by what the server says now, and not by what it was", async () => {
    const before = await killed({ connectionMaxLifetime: MINUTE });
    const { lease } = before.state.credentials[0]!;
    await lab.seed.api.expect("PUT", "sys/leases/renew", { lease_id: lease, increment: 1_800 });
    lab.fail(RENEW, refusal(503, "Vault is sealed"));
    const sidecar = await successor(before.state, { connectionMaxLifetime: MINUTE }, before.now);
    await sidecar.until("published");
    const { expiry } = sidecar.keeper.state().current!;
    expect(expiry - before.now).toBeLessThanOrEqual(30 * MINUTE);
    expect(expiry - before.now).toBeGreaterThan(29 * MINUTE);
  });

  it("reads anew where the server still has the lease and Postgres no longer the rights: only a query proves a credential", async () => {
    const before = await killed(observed());
    await lab.admin.query(`REVOKE ALL ON orders FROM "${before.user}"`);
    const sidecar = await successor(before.state, observed(), before.now);
    expect((await sidecar.until("warning")).message).toContain("permission denied");
    await sidecar.until("published");
    expect(sidecar.count("read")).toBe(1);
  });

  it("takes up what Postgres does not deny: one that cannot be asked proves nothing", async () => {
    const before = await killed(observed());
    const closed = lab.block();
    const { port } = new URL(closed.connectionUrl.replaceAll(/[{}]/g, ""));
    const connectionUrl = closed.connectionUrl.replace(port, String(await freePort("127.0.0.1")));
    const sidecar = await successor(
      before.state,
      { ...observed(), postgres: [{ ...closed, connectionUrl }] },
      before.now,
    );
    await sidecar.until("published");
    expect([user(sidecar), sidecar.count("read")]).toEqual([before.user, 0]);
  });

  it.each([
    ["sealed", refusal(503, "Vault is sealed")],
    ["not there", { kind: "reset" } as Fault],
  ])("waits for a server that is %s: the user that the application has is not left alone", async (_how, fault) => {
    const before = await killed(observed());
    // More often than a server that answers may fail.
    lab.fail(/\/v1\/auth\/token\/lookup-self$/, fault, 12);
    lab.fail(LOOKUP, fault, 3);
    const sidecar = await lab.prepare({ ...observed(), from: before.now });
    const adopting = sidecar.adopt(before.state);
    await sidecar.pass(20 * MINUTE);
    expect(await adopting).toBe(true);
    sidecar.run();
    await sidecar.quiet();
    expect([user(sidecar), sidecar.count("login"), sidecar.count("read"), sidecar.count("warning")]).toEqual([
      before.user,
      0,
      0,
      1,
    ]);
  });

  it("starts anew where the server does nothing but fail", async () => {
    const before = await killed(observed());
    lab.fail(/\/v1\/auth\/token\/lookup-self$/, refusal(500, "internal error"));
    const sidecar = await lab.prepare({ ...observed(), from: before.now });
    const adopting = sidecar.adopt(before.state);
    await sidecar.pass(10 * MINUTE);
    expect(await adopting).toBe(true);
    expect(lab.requests(/lookup-self$/)).toBe(10);
    sidecar.run();
    await sidecar.until("published");
    expect(sidecar.count("read")).toBe(1);
  });

  it("leaves everything as it is when it is to stop before the server can be asked", async () => {
    const before = await killed(observed());
    lab.fail(/\/v1\/auth\/token\/lookup-self$/, refusal(503, "Vault is sealed"));
    const sidecar = await lab.prepare({ ...observed(), from: before.now });
    const stop = new AbortController();
    const adopting = sidecar.adopt(before.state, stop.signal);
    await sidecar.quiet();
    stop.abort();
    expect(await adopting).toBe(false);
    expect(await lab.users()).toEqual([before.user]);
  });

  it("waits for a Postgres that does not answer no longer than until it is to stop", async () => {
    const before = await killed(observed());
    const asked = Promise.withResolvers<void>();
    const silent = createServer(() => asked.resolve()).listen(0, "127.0.0.1");
    await once(silent, "listening");
    const block = { ...lab.block(), connectTimeout: HOUR };
    const { port } = new URL(block.connectionUrl.replaceAll(/[{}]/g, ""));
    const connectionUrl = block.connectionUrl.replace(port, String((silent.address() as AddressInfo).port));
    const sidecar = await lab.prepare({ ...observed(), postgres: [{ ...block, connectionUrl }], from: before.now });
    const stop = new AbortController();
    const adopting = sidecar.adopt(before.state, stop.signal);
    await asked.promise;
    stop.abort();
    expect(await adopting).toBe(true);
    silent.close();
  });

  it("renews where looking is forbidden", async () => {
    const before = await killed(observed());
    lab.fail(LOOKUP, refusal(403, "permission denied"));
    const sidecar = await successor(before.state, observed(), before.now);
    await sidecar.until("published");
    expect([user(sidecar), sidecar.count("read")]).toEqual([before.user, 0]);
  });
});
