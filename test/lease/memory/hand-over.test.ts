/** What an init container leaves behind (rule M10): real users in Postgres, and hours that pass at once. */
import { describe, expect, it } from "vitest";
import type { LesseeEvent } from "../../../src/events.ts";
import type { Keeper } from "../../../src/lease/keeping/keeper.ts";
import { handOver } from "../../../src/lease/memory/hand-over.ts";
import { refusal, type SidecarOptions, useLab } from "../lab.ts";
import { HOUR, MINUTE, SECOND } from "../policies.ts";

const lab = useLab();

interface Given extends SidecarOptions {
  readonly shared?: boolean;
  readonly jobLifetime?: number;
}

/** Hands over, and sees that the server has it as it was said. */
async function handedOver({ shared = false, jobLifetime, ...options }: Given) {
  const sidecar = await lab.start(options);
  await sidecar.pass(SECOND);
  await sidecar.handOver(shared, jobLifetime);
  const event = await sidecar.until("handed over");
  expect(event.shared).toBe(shared);
  const { lease } = sidecar.keeper.state().current!;
  const { body } = await lab.seed.api.expect("PUT", "sys/leases/lookup", { lease_id: lease });
  expect(Number(body.data.ttl) * SECOND).toBeGreaterThan(event.ttl - 5 * SECOND);
  const warnings = sidecar.events.flatMap((one) => (one.is === "warning" ? [one] : []));
  return { sidecar, event, warnings };
}

/** The init container is gone, and nobody renews anything: these users are left after that time. */
async function expectAfter(time: number, users: readonly (string | null | undefined)[]): Promise<void> {
  lab.vault.advance(time);
  // What has ended is dropped a moment later; what was to end is waited for.
  await expect.poll(lab.users, { timeout: 5_000 }).toEqual(users);
}

describe("M10: an init container hands over", () => {
  it("to a sidecar that finds the state: what it has lasts as long as it was given for, and the token with it", async () => {
    const { event } = await handedOver({ connectionMaxLifetime: 10 * MINUTE, shared: true });
    expect(event).toMatchObject({ ttl: 12 * HOUR });
    expect(event).not.toHaveProperty("lifetime");
  });

  it("to nobody: it lasts for the application's first connections", async () => {
    const { event } = await handedOver({ connectionMaxLifetime: 10 * MINUTE });
    expect(event.ttl).toBe(15 * MINUTE);
  });

  it("to a job: the user is there as long as the job may run, and gone soon after", async () => {
    const { event, sidecar, warnings } = await handedOver({ lifetime: 5 * HOUR });
    expect(event).toMatchObject({ ttl: 5 * HOUR, lifetime: 5 * HOUR });
    expect(warnings).toEqual([]);
    await sidecar.stop("never");
    await expectAfter(5 * HOUR - 10 * SECOND, [event.user]);
    await expectAfter(15 * SECOND, []);
  });

  it("to a job whose time the pod tells; that of its own block goes before it", async () => {
    expect((await handedOver({ jobLifetime: 2 * HOUR })).event).toMatchObject({ ttl: 2 * HOUR, lifetime: 2 * HOUR });
    expect((await handedOver({ jobLifetime: 2 * HOUR, lifetime: HOUR })).event.ttl).toBe(HOUR);
  });

  it("to a job that may run longer than the role's max_ttl: the numbers are said", async () => {
    await lab.databaseRole("short", { default_ttl: "10m", max_ttl: "30m" });
    const { event, warnings } = await handedOver({ role: "short", lifetime: 5 * HOUR });
    expect(event.ttl).toBeLessThanOrEqual(30 * MINUTE);
    expect(warnings).toEqual([
      expect.objectContaining({
        code: "job-lifetime",
        message: expect.stringMatching(
          /may run 5h, and the lease ends after (30m|29m59s) \(max_ttl .*\): what runs longer/,
        ),
      }),
    ]);
  });

  it("to a job that may run longer than its token: the numbers are said, and the user ends with the token", async () => {
    await lab.authRole("brief", { token_ttl: "10m", token_max_ttl: "20m" });
    const { event, sidecar, warnings } = await handedOver({ authRole: "brief", lifetime: HOUR });
    expect(event.ttl).toBeLessThanOrEqual(20 * MINUTE);
    expect(warnings.at(-1)?.message).toMatch(/may run 1h, and its token after (20m|19m59s) \(token_max_ttl/);
    await sidecar.stop("never");
    await expectAfter(21 * MINUTE, []);
  });

  it("to a job under a periodic token, which no increment stretches", async () => {
    await lab.authRole("periodic", { token_period: "15m" });
    const { event, warnings } = await handedOver({ authRole: "periodic", lifetime: HOUR });
    expect(event.ttl).toBe(15 * MINUTE);
    expect(warnings.at(-1)?.message).toMatch(/its token after 15m \(token_max_ttl or token_period\)/);
  });

  it("under a token that cannot be renewed: the lease is cut to the job's time all the same", async () => {
    await lab.authRole("batch", { token_type: "batch", token_ttl: "3h" });
    const { event, sidecar, warnings } = await handedOver({ authRole: "batch", lifetime: 10 * MINUTE });
    // A batch token's lease may be renewed no more either; what it has is what it was given.
    expect(event.ttl).toBeLessThanOrEqual(3 * HOUR);
    // Only what was tried is said: the token.
    expect(warnings.filter(({ code }) => code === "hand-over")).toHaveLength(1);
    await sidecar.stop("never");
    await expectAfter(3 * HOUR, []);
  });

  it("and says when that fails", async () => {
    const sidecar = await lab.start();
    await sidecar.pass(SECOND);
    lab.fail(/renew/, refusal(403, "permission denied"));
    await sidecar.handOver(true);
    expect(await sidecar.until("warning")).toMatchObject({
      code: "hand-over",
      message: expect.stringContaining("permission denied"),
    });
    expect((await sidecar.until("handed over")).ttl).toBeGreaterThan(0);
  });

  it("under a token without an end, which a renewal does not give one", async () => {
    const sidecar = await lab.start();
    const [{ held } = expect.fail()] = sidecar.keeper.records();
    const events: LesseeEvent[] = [];
    const renewSelf = async () => ({ durationSeconds: 0 }) as never;
    await handOver([sidecar.keeper], {
      client: { ...sidecar.client, renewSelf },
      tokens: sidecar.tokens,
      clock: sidecar.clock,
      emit: (event) => void events.push(event),
      shared: true,
      jobLifetime: HOUR,
      credential: () => ({}) as never,
    });
    expect(events).toEqual([expect.objectContaining({ is: "handed over", user: held.user, ttl: HOUR })]);
  });

  it("under a lease that cannot be renewed: nobody tries to, and it lasts as long as it does", async () => {
    const sidecar = await lab.start();
    const [{ held } = expect.fail()] = sidecar.keeper.records();
    const events: LesseeEvent[] = [];
    const fixed = { ...held, renewable: false, expiry: sidecar.clock.now() + 10 * MINUTE };
    const keeper = { path: "fixed", records: () => [{ held: fixed }] } as unknown as Keeper;
    await handOver([keeper], {
      client: { ...sidecar.client, renewLease: () => expect.unreachable() },
      tokens: sidecar.tokens,
      clock: sidecar.clock,
      emit: (event) => void events.push(event),
      shared: true,
      jobLifetime: null,
      credential: () => ({}) as never,
    });
    expect(events).toEqual([expect.objectContaining({ is: "handed over", ttl: 10 * MINUTE })]);
  });

  it("two leases of one token: it lives as long as the longer of them, whichever comes last", async () => {
    const sidecar = await lab.start();
    const [{ held } = expect.fail()] = sidecar.keeper.records();
    const token = sidecar.tokens.tokenOf(held.token)!;
    const other = await sidecar.client.read(token, `${lab.seed.databaseMount}/creds/pg-role`);
    const second = { ...held, lease: other!.lease.id, user: "second" };
    const keeperOf = (path: string, one: typeof held) =>
      ({ path, records: () => [{ held: one }] }) as unknown as Keeper;
    const lifetimes: Readonly<Record<string, number>> = { long: 3 * HOUR, brief: 10 * MINUTE };
    await handOver([keeperOf("long", held), keeperOf("brief", second)], {
      client: sidecar.client,
      tokens: sidecar.tokens,
      clock: sidecar.clock,
      emit: () => {},
      shared: false,
      jobLifetime: null,
      credential: ({ path }) => ({ lifetime: lifetimes[path] }) as never,
    });
    const left = (await sidecar.client.lookupSelf(token)).ttlSeconds;
    expect(left).toBeGreaterThan((2.9 * HOUR) / SECOND);
    await sidecar.stop("never");
    await expectAfter(11 * MINUTE, [held.user]);
  });
});
