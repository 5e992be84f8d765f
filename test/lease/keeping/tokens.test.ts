import { describe, expect, it } from "vitest";
import type { Fault } from "../../../dev/vault/faults.ts";
import { Sensitive } from "../../../src/sensitive.ts";
import { HEARS, refusal, useLab } from "../lab.ts";
import { HOUR, MINUTE, SECOND } from "../policies.ts";

const lab = useLab();
const LOGIN = /\/v1\/auth\/kubernetes\/login$/;
const RENEW_SELF = /\/v1\/auth\/token\/renew-self$/;
const REVOKE_SELF = /\/v1\/auth\/token\/revoke-self$/;
const LOOKUP_SELF = /\/v1\/auth\/token\/lookup-self$/;
const NOTHING: Fault = {
  kind: "answer",
  status: 200,
  body: { auth: { client_token: "s.x", accessor: "a", policies: [], renewable: true, lease_duration: 0 } },
};
const READ = /\/v1\/database\/creds\//;

describe("the token", () => {
  it("W1: is renewed with an increment, so that it outlives its own TTL by far", async () => {
    const sidecar = await lab.start({ connectionMaxLifetime: 10 * MINUTE });
    await sidecar.pass(10 * HOUR);
    expect(lab.requests(LOGIN)).toBe(1);
    expect(sidecar.count("token renewed")).toBeGreaterThan(5);
    expect(sidecar.tokens.status()?.expiry).toBeGreaterThan(sidecar.clock.now() + 10 * MINUTE);
  });

  it("M1: shows its max TTL to a probe: there is a new login before it, and the old one is revoked once it is childless", async () => {
    await lab.authRole("short", { token_ttl: "20m", token_max_ttl: "2h" });
    const notifiers = [HEARS];
    const sidecar = await lab.start({ authRole: "short", connectionMaxLifetime: 5 * MINUTE, notifiers });
    await sidecar.pass(SECOND);
    const loggedInAt = sidecar.clock.now();
    const horizon = sidecar.tokens.status()?.horizon ?? 0;
    expect(Math.abs(horizon - loggedInAt - 2 * HOUR)).toBeLessThan(5 * SECOND);
    await sidecar.until("login");
    expect(sidecar.clock.now()).toBeLessThan(horizon - 5 * MINUTE);
    expect(sidecar.tokens.status()?.older ?? 0).toBeLessThanOrEqual(1);
    // W8: the leases of the old one are in use still.
    expect(lab.requests(REVOKE_SELF)).toBe(0);
    await sidecar.until("token revoked");
    expect(sidecar.keeper.parents()).not.toContain(1);
    expect(sidecar.tokens.tokenOf(1)).toBeUndefined();
  });

  it("W8: that was given away is never revoked, but left to expire", async () => {
    await lab.authRole("short", { token_ttl: "20m", token_max_ttl: "1h" });
    const sidecar = await lab.start({ authRole: "short", connectionMaxLifetime: MINUTE, givenAway: true });
    await sidecar.pass(5 * HOUR);
    await sidecar.tokens.revokeAll();
    expect(lab.requests(LOGIN)).toBeGreaterThan(3);
    expect(lab.requests(REVOKE_SELF)).toBe(0);
  });

  it("M3: that may be used a few times only is refused, with what cures it", async () => {
    await lab.authRole("uses", { token_num_uses: 3 });
    const sidecar = await lab.prepare({ authRole: "uses" });
    sidecar.run();
    const { error } = await sidecar.until("login failed");
    expect(error).toContain("3 times only");
    expect(error).toContain("token_num_uses = 0");
    expect(lab.requests(READ)).toBe(0);
  });

  it("M3: that may be used a few times only from now on leaves the one that there is in use, with back-off", async () => {
    await lab.authRole("changed", { token_num_uses: 0 });
    const sidecar = await lab.start({ authRole: "changed" });
    await sidecar.pass(2 * SECOND);
    const { lease } = sidecar.keeper.state().current!;
    await lab.authRole("changed", { token_num_uses: 5 });
    sidecar.tokens.renew();
    const { retryIn } = await sidecar.until("login failed");
    expect(retryIn).toBeGreaterThanOrEqual(SECOND);
    await sidecar.pass(10 * MINUTE);
    expect(sidecar.count("login failed")).toBeLessThanOrEqual(10);
    expect([sidecar.keeper.state().current?.lease, sidecar.count("lost")]).toEqual([lease, 0]);
    // Nothing is left of the tokens that were refused.
    expect(lab.requests(REVOKE_SELF)).toBe(sidecar.count("login failed"));
    await lab.authRole("changed", { token_num_uses: 0 });
    await sidecar.until("login");
    expect(sidecar.keeper.state().current?.lease).toBe(lease);
  });

  it("M4: of the kind batch is neither renewed nor revoked, and its end is the horizon of its leases", async () => {
    await lab.authRole("batch", { token_type: "batch", token_ttl: "1h" });
    const sidecar = await lab.start({ authRole: "batch", connectionMaxLifetime: 5 * MINUTE });
    const status = sidecar.tokens.status();
    expect(status).toMatchObject({ renewable: false, horizon: status?.expiry });
    expect(sidecar.keeper.status().current?.horizon).toBeLessThanOrEqual(status!.horizon!);
    await sidecar.until("login");
    await sidecar.until("published");
    await sidecar.pass(2 * HOUR);
    await sidecar.tokens.revokeAll();
    expect(lab.requests(RENEW_SELF) + lab.requests(REVOKE_SELF)).toBe(0);
  });

  it("W1: whose period is shorter than the lead is said at the start with the numbers, and nothing is rotated for it", async () => {
    await lab.authRole("brief", { token_period: "2m" });
    const sidecar = await lab.start({ authRole: "brief", connectionMaxLifetime: 10 * MINUTE });
    const { message } = await sidecar.until("warning", ({ code }) => code === "period");
    expect(message).toMatch(/renewed for (119|120)(\.\d)? s each time, and a rotation needs 736 s/);
    expect(sidecar.keeper.status().margin! / SECOND).toBeCloseTo(120 - 736, -1);
    await sidecar.pass(2 * HOUR);
    expect([sidecar.count("read"), sidecar.count("lost")]).toEqual([1, 0]);
    expect(sidecar.events.filter((event) => event.is === "warning" && event.code === "period")).toHaveLength(1);
  });

  it("M4: that is periodic has no horizon, and is renewed for ever", async () => {
    await lab.authRole("periodic", { token_period: "30m" });
    const sidecar = await lab.start({ authRole: "periodic" });
    await sidecar.pass(12 * HOUR);
    expect(sidecar.tokens.status()?.horizon).toBeNull();
    expect(lab.requests(LOGIN)).toBe(1);
  });

  it("W6: is judged by a lookup when a renewal fails, and kept while it is known: the calls are bounded", async () => {
    const sidecar = await lab.start({ connectionMaxLifetime: MINUTE });
    await sidecar.pass(SECOND);
    lab.vault.requests.clear();
    lab.fail(RENEW_SELF, refusal(500, "role pg does not exist during renewal"));
    await sidecar.until("token renewal failed");
    await sidecar.pass(MINUTE);
    expect(lab.requests(/renew-self|lookup-self/)).toBeLessThanOrEqual(10);
    const after = lab.requests(/renew-self|lookup-self/);
    await sidecar.pass(5 * MINUTE);
    expect(lab.requests(/renew-self|lookup-self/) - after).toBeLessThanOrEqual(10);
    expect(sidecar.keeper.isPublished()).toBe(true);
    expect(sidecar.count("lost")).toBe(0);
  });

  it("W6: that a renewal grants no time is not asked for again and again in its last second", async () => {
    const sidecar = await lab.start({ connectionMaxLifetime: MINUTE });
    await sidecar.pass(SECOND);
    const nothing = lab.fail(RENEW_SELF, NOTHING);
    const data = { ttl: 0, expire_time: "2026-01-02T03:04:05Z", renewable: true };
    const over = lab.fail(LOOKUP_SELF, { kind: "answer", status: 200, body: { data } });
    await sidecar.until("token renewal failed", ({ lost }) => lost);
    expect([nothing.hits, over.hits]).toEqual([1, 1]);
    nothing.remove();
    over.remove();
    await sidecar.until("published");
    expect(lab.requests(LOGIN)).toBe(2);
  });

  it("W6: that a renewal grants no time for ever is used while the server knows it, and followed in time", async () => {
    lab.fail(RENEW_SELF, NOTHING);
    const sidecar = await lab.start({ connectionMaxLifetime: MINUTE, notifiers: [HEARS] });
    await sidecar.pass(5 * HOUR);
    expect(sidecar.count("lost")).toBe(0);
    expect(lab.requests(LOGIN)).toBeGreaterThanOrEqual(5);
    expect(lab.requests(LOGIN)).toBeLessThanOrEqual(12);
    expect(sidecar.count("read")).toBeLessThanOrEqual(12);
  });

  it.each([
    ["its policies forbid it", refusal(403, "permission denied")],
    ["its role was deleted", refusal(500, "role pg does not exist during renewal")],
  ])(
    "W6: that lives and can never be renewed, as %s, is followed in time by another and by new users",
    async (_why, fault) => {
      lab.fail(RENEW_SELF, fault);
      const sidecar = await lab.start({ connectionMaxLifetime: MINUTE, notifiers: [HEARS] });
      await sidecar.pass(5 * HOUR);
      expect(sidecar.count("lost")).toBe(0);
      expect(lab.requests(LOGIN)).toBeGreaterThanOrEqual(5);
      expect(lab.requests(LOGIN)).toBeLessThanOrEqual(12);
      expect(sidecar.count("read")).toBeLessThanOrEqual(12);
    },
  );

  it("R1: whose policies allow the read and nothing else is followed in time by another, and nothing is lost", async () => {
    await lab.authRole("bare", { token_no_default_policy: true });
    const sidecar = await lab.start({ authRole: "bare", connectionMaxLifetime: MINUTE, notifiers: [HEARS] });
    await sidecar.pass(3 * HOUR);
    expect(sidecar.count("lost")).toBe(0);
    await lab.login(sidecar);
    expect(lab.requests(LOGIN)).toBeLessThanOrEqual(8);
    expect(sidecar.count("read")).toBeLessThanOrEqual(8);
  });

  it("W6: that is gone is followed by a login and a read at once", async () => {
    const sidecar = await lab.start();
    const before = sidecar.keeper.status().current?.user;
    const token = sidecar.tokens.tokenOf(1)!;
    await lab.seed.api.as(token.reveal()).expect("PUT", "auth/token/revoke-self");
    await lab.vault.idle();
    await sidecar.until("token renewal failed", ({ lost }) => lost);
    await sidecar.until("published");
    expect(sidecar.keeper.status().current?.user).not.toBe(before);
    expect(sidecar.tokens.tokenOf(1)).toBeUndefined();
    expect(lab.requests(LOGIN)).toBe(2);
  });
});

describe("a token that somebody else holds", () => {
  it("is not revoked before it is let go, though its own leases are gone", async () => {
    await lab.authRole("short", { token_ttl: "20m", token_max_ttl: "2h" });
    const sidecar = await lab.start({ authRole: "short", connectionMaxLifetime: 5 * MINUTE, notifiers: [HEARS] });
    const first = sidecar.tokens.current();
    const hold = sidecar.tokens.hold(first!);
    await sidecar.until("login");
    expect(sidecar.tokens.current()?.reveal()).not.toBe(first?.reveal());
    await sidecar.until("released");
    await sidecar.quiet();
    expect([sidecar.keeper.parents(), lab.requests(REVOKE_SELF), hold.lost.aborted]).toEqual([[2], 0, false]);
    hold.release();
    await sidecar.until("token revoked");
  });

  it("says when it has ended", async () => {
    const sidecar = await lab.start({ connectionMaxLifetime: MINUTE });
    const { lost } = sidecar.tokens.hold(sidecar.tokens.current()!);
    const stranger = sidecar.tokens.hold(new Sensitive("s.of-somebody-else"));
    lab.fail(RENEW_SELF, refusal(403, "permission denied"));
    lab.fail(LOOKUP_SELF, refusal(403, "permission denied"));
    await sidecar.until("token renewal failed", ({ lost: isLost }) => isLost);
    expect([lost.aborted, stranger.lost.aborted]).toEqual([true, false]);
  });
});

describe("a login that fails", () => {
  it.each([
    ["403", refusal(403, "permission denied")],
    ["500", refusal(500, "internal error")],
    ["503", refusal(503, "Vault is sealed")],
    ["garbage", { kind: "garbage", text: "<html>" } as const],
    ["a cut connection", { kind: "reset" } as const],
  ])("with %s is tried 10 times in the first minute at most and twice a minute after it", async (_what, fault) => {
    const failing = lab.fail(LOGIN, fault);
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
  });

  it("waits as long as the server asks", async () => {
    const failing = lab.fail(
      LOGIN,
      { kind: "answer", status: 429, body: { errors: [] }, headers: { "retry-after": "90" } },
      1,
    );
    const sidecar = await lab.prepare();
    sidecar.run();
    expect((await sidecar.until("login failed")).retryIn).toBe(90 * SECOND);
    await sidecar.pass(89 * SECOND);
    expect([failing.hits, lab.requests(LOGIN)]).toEqual([1, 1]);
    await sidecar.until("login");
  });

  it("is tried at once when the file has changed", async () => {
    lab.fail(LOGIN, refusal(403, "permission denied"), 6);
    const sidecar = await lab.prepare();
    sidecar.run();
    await sidecar.pass(40 * SECOND);
    const { now } = sidecar.clock;
    const at = now();
    sidecar.tokens.wake();
    await sidecar.quiet();
    expect(sidecar.count("login")).toBe(1);
    expect(now()).toBe(at);
  });
});

describe("a read", () => {
  it("R6: that is forbidden is followed by one login, and no more: then it is the policy", async () => {
    lab.fail(READ, refusal(403, "1 error occurred: * permission denied"));
    const sidecar = await lab.prepare();
    sidecar.run();
    await sidecar.until("read failed");
    expect([lab.requests(LOGIN), lab.requests(READ)]).toEqual([2, 2]);
    await sidecar.pass(4 * MINUTE);
    expect(lab.requests(LOGIN)).toBe(2);
    await sidecar.pass(HOUR);
    expect(lab.requests(LOGIN)).toBeLessThanOrEqual(2 + 12);
    expect(sidecar.tokens.status()?.older).toBe(0);
  });

  it("that is forbidden once, as with a token that is dead, succeeds with the new one", async () => {
    lab.fail(READ, refusal(403, "permission denied"), 1);
    const sidecar = await lab.start();
    expect(lab.requests(LOGIN)).toBe(2);
    expect(sidecar.count("read failed")).toBe(0);
  });
});
