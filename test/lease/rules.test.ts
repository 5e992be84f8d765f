/** Rules about leases that no other file is about. */
import { describe, expect, it } from "vitest";
import type { LesseeEvent } from "../../src/events.ts";
import { advance } from "../../src/lease/advance.ts";
import { createNarrator } from "../../src/lease/keeping/narrator.ts";
import { decide } from "../../src/lease/lifecycle.ts";
import { horizonOf } from "../../src/lease/schedule.ts";
import { NOTHING_YET, type Policy } from "../../src/lease/state.ts";
import { Sensitive } from "../../src/sensitive.ts";
import { createVaultClient } from "../../src/vault/client.ts";
import { createFakeClock } from "../support/fake-clock.ts";
import { HEARS, type LabSidecar, refusal, useLab } from "./lab.ts";
import { HOUR, held, MINUTE, SECOND, SEED_POLICY } from "./policies.ts";

const lab = useLab();

const READ = /\/v1\/database\/creds\//;
const RENEW = /\/v1\/sys\/leases\/renew$/;
const LOOKUP = /\/v1\/sys\/leases\/lookup$/;

describe("M9: at a stop", () => {
  it("a moment without sessions is not the end: whoever connects while the application drains keeps its user", async () => {
    const sidecar = await lab.start({ postgres: [lab.block()], quietPeriod: 15 * SECOND });
    const { clock, keeper } = sidecar;
    keeper.stop({ at: clock.now(), until: clock.now() + 20 * SECOND, release: "drained" });
    await sidecar.pass(6 * SECOND);
    expect(keeper.status().retiring[0]?.sessions).toBe(0);
    const session = await lab.loginAs(sidecar, keeper.status().retiring[0]!.user!);
    await sidecar.stop("drained");
    expect([sidecar.count("released"), keeper.left()]).toEqual([0, 1]);
    expect((await session.query("SELECT count(*) FROM orders")).rowCount).toBe(1);
  });
});

describe("M14: a lease of another namespace", () => {
  it("is looked up, renewed and revoked in the namespace of the read", async () => {
    const asked: (string | undefined)[] = [];
    const client = createVaultClient(
      { address: "http://vault", namespace: "team-a/", headers: {}, timeout: 1_000 },
      async ({ headers, url }) => {
        asked.push(headers["X-Vault-Namespace"] ?? headers["x-vault-namespace"]);
        const data = url.endsWith("/lookup") ? { data: { ttl: 5, renewable: true } } : {};
        return {
          status: 200,
          headers: {},
          body: JSON.stringify({ lease_id: "l", lease_duration: 5, renewable: true, ...data }),
        };
      },
      { now: () => 0, sleep: async () => {} },
      () => {},
    );
    const token = new Sensitive("t");
    await client.read(token, "database/creds/x");
    await client.lookupLease(token, "l");
    await client.renewLease(token, "l", 5);
    await client.revokeLease(token, "l", true);
    expect(asked).toEqual(["team-a/", "team-a/", "team-a/", "team-a/"]);
  });

  it("that may be neither renewed nor looked up there ends with its own duration, and is replaced in time", async () => {
    const sidecar = await lab.start({ connectionMaxLifetime: MINUTE });
    lab.fail(RENEW, refusal(403, "permission denied"));
    lab.fail(LOOKUP, refusal(403, "permission denied"));
    const { expiry } = sidecar.keeper.state().current!;
    expect((await sidecar.until("renewal failed")).verdict).toBe("ended");
    expect((await sidecar.until("rotation due")).reason).toBe("renewals ended");
    await sidecar.until("published");
    expect(sidecar.clock.now()).toBeLessThan(expiry);
    expect(sidecar.count("lost")).toBe(0);
  });
});

it("R1: a right that is known to be missing is not asked for again for the same lease", async () => {
  const sidecar = await lab.start({ notifiers: [HEARS], connectionMaxLifetime: MINUTE, maxNewPerHour: 1 });
  lab.fail(RENEW, refusal(403, "permission denied"));
  lab.fail(LOOKUP, refusal(403, "permission denied"));
  const { lease, retryIn } = await sidecar.until("renewal failed");
  expect(retryIn).toBeNull();
  await sidecar.pass(2 * HOUR);
  expect(sidecar.events.filter((event) => event.is === "renewal failed" && event.lease === lease)).toHaveLength(1);
});

describe("R1, M14: what the token may do", () => {
  const NOT_OF_THE_TOKEN = /^\/v1\/(?!auth)/;
  const CAPABILITIES = /\/v1\/sys\/capabilities-self$/;

  async function policies(name: string, text: string): Promise<string> {
    await lab.seed.api.expect("PUT", `sys/policies/acl/${name}`, { policy: text });
    await lab.authRole(name, { token_policies: [name], token_no_default_policy: true });
    return name;
  }
  const said = (sidecar: LabSidecar) =>
    sidecar.events.flatMap((event) => (event.is === "warning" ? [`${event.code}: ${event.message}`] : []));
  const READS = 'path "database/creds/*" { capabilities = ["read"] }';
  const allows = (...paths: string[]) =>
    [READS, ...paths.map((path) => `path "${path}" { capabilities = ["update"] }`)].join("\n");

  it("is asked for once, in one request, and nothing is said where nothing is missing", async () => {
    const sidecar = await lab.start({ asksRights: true, notifiers: [HEARS] });
    await sidecar.pass(HOUR);
    sidecar.keeper.take({ is: "rotation asked" });
    await sidecar.until("released");
    await sidecar.pass(24 * HOUR);
    expect(lab.requests(CAPABILITIES)).toBe(1);
    expect(said(sidecar)).toEqual([]);
    // The default policy cannot revoke: that is known, and not tried.
    expect(lab.requests(/\/v1\/sys\/leases\/revoke$/)).toBe(0);
  });

  it("is said with the line of a policy that mends it, and is not tried; what cannot be renewed is replaced in time", async () => {
    const paths = ["sys/capabilities-self", "sys/leases/lookup", "auth/token/renew-self", "auth/token/lookup-self"];
    const authRole = await policies("no-renewal", allows(...paths));
    await lab.databaseRole("minutes", { default_ttl: "20m", max_ttl: "24h" });
    const sidecar = await lab.start({ asksRights: true, authRole, role: "minutes", connectionMaxLifetime: MINUTE });
    await sidecar.pass(2 * SECOND);
    const { expiry } = sidecar.keeper.state().current!;
    expect(sidecar.keeper.state().current).toMatchObject({ renewable: false, horizon: expiry });
    expect(said(sidecar)).toContainEqual(
      expect.stringMatching(/^rights: .*path "sys\/leases\/renew" \{ capabilities = \["update"\] \}/),
    );
    const before = lab.requests(RENEW);
    await sidecar.until("rotation due");
    expect(sidecar.clock.now()).toBeGreaterThan(expiry - 10 * MINUTE);
    await sidecar.pass(5 * HOUR);
    expect([lab.requests(RENEW) - before, sidecar.count("lost")]).toEqual([0, 0]);
    // Planned, each of them: a missing right uses no budget up.
    expect(sidecar.count("read")).toBeGreaterThan(15);
  });

  it("is among the ten requests of the first minute where everything fails from the first moment on", async () => {
    await lab.databaseRole("moments", { default_ttl: "1s", max_ttl: "1h" });
    lab.fail(RENEW, refusal(400, "it stays so"));
    const sidecar = await lab.prepare({ asksRights: true, notifiers: [HEARS], role: "moments", maxNewPerHour: 60 });
    sidecar.run();
    await sidecar.until("read");
    lab.fail(READ, refusal(400, "so do they"));
    const before = lab.requests(NOT_OF_THE_TOKEN);
    await sidecar.until("renewal failed");
    expect(lab.requests(CAPABILITIES)).toBe(0);
    await sidecar.pass(MINUTE - SECOND);
    expect(lab.requests(CAPABILITIES)).toBe(1);
    expect(lab.requests(NOT_OF_THE_TOKEN) - before).toBeLessThanOrEqual(sidecar.keeper.state().trouble!.asked.length);
    expect(sidecar.keeper.state().trouble!.asked.length).toBeLessThanOrEqual(10);
  });

  it("is said of the token too: what it may not prolong ends with it, and is planned by it at once", async () => {
    const paths = ["sys/capabilities-self", "sys/leases/lookup", "sys/leases/renew", "auth/token/lookup-self"];
    const authRole = await policies("no-self", allows(...paths));
    const sidecar = await lab.start({ asksRights: true, authRole, connectionMaxLifetime: MINUTE });
    await sidecar.pass(2 * SECOND);
    expect(said(sidecar)).toContainEqual(expect.stringMatching(/^rights: .*path "auth\/token\/renew-self"/));
    const { current } = sidecar.keeper.state();
    expect(horizonOf(current!)).toBeLessThanOrEqual(current!.readAt + HOUR);
    await sidecar.pass(5 * HOUR);
    expect(sidecar.count("lost")).toBe(0);
    // Each once when that is known, and once at its end.
    expect(sidecar.count("token renewal failed")).toBeLessThanOrEqual(2 * lab.requests(/kubernetes\/login$/));
  });

  it("that cannot be asked for either is said once, is never fatal, and what is refused is remembered", async () => {
    const authRole = await policies("nothing", READS);
    const sidecar = await lab.start({ asksRights: true, authRole, connectionMaxLifetime: MINUTE, notifiers: [HEARS] });
    await sidecar.pass(4 * HOUR);
    expect(said(sidecar).filter((line) => line.startsWith("rights: "))).toHaveLength(1);
    expect(lab.requests(CAPABILITIES)).toBe(1);
    expect(sidecar.count("lost")).toBe(0);
    const renewed = sidecar.events.flatMap((event) => (event.is === "renewal failed" ? [event.lease] : []));
    expect(new Set(renewed).size).toBe(renewed.length);
  });
});

describe("M13: a clock that jumps forward by more than 30 s", () => {
  const LOOKUP_SELF = /\/v1\/auth\/token\/lookup-self$/;
  const jumps = ({ events }: LabSidecar) => events.filter(({ is }) => is.startsWith("clock jump"));

  it("has the server asked before a rotation is begun because of it; what has not passed is not counted", async () => {
    const sidecar = await lab.start({ notifiers: [HEARS], connectionMaxLifetime: 10 * MINUTE });
    await sidecar.pass(HOUR);
    const before = sidecar.keeper.status();
    const [lookups, selves] = [lab.requests(LOOKUP), lab.requests(LOOKUP_SELF)];
    await sidecar.clock.jump(22.5 * HOUR);
    await sidecar.pass(MINUTE);
    expect([lab.requests(LOOKUP) - lookups, lab.requests(LOOKUP_SELF) - selves]).toEqual([1, 1]);
    expect([sidecar.count("rotation due"), sidecar.count("read"), sidecar.count("lost")]).toEqual([0, 1, 0]);
    // An operator sees both: that it has jumped, and that this time had not passed.
    const { user } = before.current!;
    expect(jumps(sidecar)).toEqual([
      { is: "clock jumped", path: "database/creds/pg-role", user, ahead: 22.5 * HOUR },
      { is: "clock jump undone", path: "database/creds/pg-role", user, ahead: expect.closeTo(22.5 * HOUR, -4) },
    ]);
    const after = sidecar.keeper.status();
    expect(after.current?.user).toBe(before.current?.user);
    const moved = (after.rotationDue! - before.rotationDue!) / HOUR;
    expect(moved).toBeCloseTo(22.5, 2);
    // And it is replaced when its time has really come.
    await sidecar.until("rotation due");
    expect(sidecar.clock.now() - after.rotationDue!).toBeLessThan(MINUTE);
  });

  it("because the machine has slept: what has ended meanwhile is read anew at once", async () => {
    const sidecar = await lab.start({ notifiers: [HEARS] });
    await sidecar.pass(HOUR);
    lab.vault.advance(30 * HOUR);
    await lab.vault.idle();
    await sidecar.clock.jump(30 * HOUR);
    await sidecar.until("read");
    await sidecar.until("published");
    expect(sidecar.clock.skipped!()).toBe(30 * HOUR);
    expect(jumps(sidecar)).toEqual([expect.objectContaining({ is: "clock jumped", ahead: 30 * HOUR })]);
  });

  it("and where nobody may look, our own clock has to do", async () => {
    const sidecar = await lab.start({ notifiers: [HEARS] });
    await sidecar.pass(HOUR);
    lab.fail(LOOKUP, refusal(403, "permission denied"));
    await sidecar.clock.jump(22.9 * HOUR);
    expect((await sidecar.until("rotation due")).reason).toBe("horizon");
  });

  it("and by less than that has nobody asked", async () => {
    const sidecar = await lab.start();
    await sidecar.pass(HOUR);
    const lookups = lab.requests(LOOKUP);
    await sidecar.clock.jump(29 * SECOND);
    await sidecar.pass(MINUTE);
    expect(jumps(sidecar)).toEqual([]);
    expect(lab.requests(LOOKUP)).toBe(lookups);
  });
});

it("R2: a lease stays with the token that it was read with: it is renewed by that one, which is kept for it", async () => {
  const sidecar = await lab.start();
  await sidecar.pass(2 * SECOND);
  const { token } = sidecar.keeper.state().current!;
  sidecar.tokens.renew();
  await sidecar.until("login");
  await sidecar.until("renewed");
  expect(sidecar.keeper.state().current!.token).toBe(token);
  expect(sidecar.tokens.status()?.older).toBe(1);
  expect(sidecar.count("token revoked")).toBe(0);
  sidecar.keeper.take({ is: "rotation asked" });
  await sidecar.until("published");
  expect(sidecar.keeper.state().current!.token).not.toBe(token);
});

it("R3: nothing but what retires is ever released, whatever the time", () => {
  const read = advance(NOTHING_YET, { is: "read", grant: held({ renewAt: 7 * HOUR }) }, 0, SEED_POLICY, 0);
  const inUse = advance(read, { is: "published", id: 1, tell: false }, 0, SEED_POLICY, 0);
  for (const state of [read, inUse]) {
    for (let now = 0; now < 48 * HOUR; now += 5 * MINUTE) {
      expect(decide(state, "keep", now, SEED_POLICY).do).not.toMatch(/release/);
    }
  }
});

it("R9, M2: a GRANT that another one has crossed is tried again, and counts as a user made", async () => {
  const sidecar = await lab.start();
  const fault = refusal(500, "failed to execute query: ERROR: tuple concurrently updated (SQLSTATE XX000)");
  const crossed = lab.fail(READ, fault, 1);
  sidecar.keeper.take({ is: "rotation asked" });
  await sidecar.until("read failed");
  await sidecar.until("published");
  expect(crossed.hits).toBe(1);
  expect(sidecar.keeper.status().newUsersLastHour).toBe(3);
});

describe("M12: where sessions cannot be seen", () => {
  const policy: Policy = {
    ...SEED_POLICY,
    verifies: true,
    observes: true,
    notifies: true,
    connectionMaxLifetime: MINUTE,
  };

  it("none seen is no proof: the old one goes by the lead alone, counted from when the application was told", () => {
    let state = advance(NOTHING_YET, { is: "read", grant: held() }, 0, policy, 0);
    state = advance(state, { is: "verified", id: 1, validFor: null, blind: true }, 0, policy, 0);
    state = advance(state, { is: "published", id: 1, tell: false }, 0, policy, 0);
    state = advance(state, { is: "read", grant: held({ readAt: SECOND }) }, SECOND, policy, 0);
    state = advance(state, { is: "verified", id: 2, validFor: null, blind: true }, SECOND, policy, 0);
    state = advance(state, { is: "published", id: 2, tell: true }, SECOND, policy, 0);
    state = advance(state, { is: "notified", id: 2 }, SECOND, policy, 0);
    const none = { sessions: 0, opened: 0, validFor: null, owned: 0 };
    for (let now = SECOND; now < 2 * MINUTE; now += 5 * SECOND) {
      state = advance(
        state,
        {
          is: "watched",
          roles: [
            { id: 1, ...none },
            { id: 2, ...none },
          ],
        },
        now,
        policy,
        0,
      );
      expect(decide(state, "apply", now, policy)).not.toMatchObject({ do: "note", outcome: { is: "drained" } });
    }
    const over = SECOND + policy.readerGrace + MINUTE + policy.longestUse + policy.margin;
    expect(decide(state, "apply", over, policy)).toEqual({ do: "note", outcome: { is: "drained", id: 1 } });
  });

  it.each([
    { blind: true, said: "released" },
    { blind: false, said: "lost" },
  ])("and cannot be asked for either, the end of the old one is $said (blind: $blind)", ({ blind, said }) => {
    let state = advance(NOTHING_YET, { is: "read", grant: held() }, 0, policy, 0);
    state = advance(state, { is: "verified", id: 1, validFor: null, blind }, 0, policy, 0);
    state = advance(state, { is: "published", id: 1, tell: false }, 0, policy, 0);
    state = advance(state, { is: "read", grant: held({ readAt: SECOND }) }, SECOND, policy, 0);
    state = advance(state, { is: "verified", id: 2, validFor: null, blind }, SECOND, policy, 0);
    state = advance(state, { is: "published", id: 2, tell: true }, SECOND, policy, 0);
    state = advance(state, { is: "watch failed", error: "unreachable" }, SECOND, policy, 0);
    const events: LesseeEvent[] = [];
    const clock = createFakeClock();
    const narrator = createNarrator({
      path: "database/creds/pg-role",
      clock,
      emit: (event) => void events.push(event),
    });
    const expired = { is: "expired", id: 1 } as const;
    narrator.tell(state, expired, advance(state, expired, SECOND, policy, 0), policy);
    expect(events.map(({ is }) => is)).toContain(said);
  });
});
