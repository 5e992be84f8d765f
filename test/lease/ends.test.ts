/** What templates print of a credential's end: settled before the first publish, and the same ever after. */
import { describe, expect, it } from "vitest";
import { advance } from "../../src/lease/advance.ts";
import { decide } from "../../src/lease/lifecycle.ts";
import type { Grant, Outcome } from "../../src/lease/outcomes.ts";
import { NOTHING_YET, type Policy, type State } from "../../src/lease/state.ts";
import { refusal, type SidecarOptions, useLab } from "./lab.ts";
import { HOUR, held, MINUTE, SECOND, SEED_POLICY } from "./policies.ts";

const NEVER = Number.POSITIVE_INFINITY;

describe("what is printed of its end", () => {
  const silent: Policy = { ...SEED_POLICY, verifies: false };
  const printing: Policy = { ...silent, printsHorizon: true };

  function walked(policy: Policy, outcomes: readonly (readonly [number, Outcome])[], from: State = NOTHING_YET): State {
    return outcomes.reduce((state, [now, outcome]) => advance(state, outcome, now, policy, 0), from);
  }
  function read(changes: Partial<Grant> = {}): Outcome {
    return { is: "read", grant: { ...held({ probeAt: 0, renewAt: HOUR }), ...changes } };
  }
  const probed = (horizon: number): Outcome => ({ is: "probed", id: 1, found: { expiry: horizon, horizon } });
  const renewedToken = (horizon: number, asked: boolean): Outcome => {
    return { is: "token renewed", token: 1, expiry: HOUR, horizon, asked };
  };

  it("is the sooner end of lease and token, and renewals do not move it", () => {
    const state = walked(silent, [
      [0, read({ tokenExpiry: HOUR })],
      [10, { is: "published", id: 1, tell: false }],
      [HOUR / 2, renewedToken(NEVER, false)],
      [HOUR, { is: "renewed", id: 1, expiry: 13 * HOUR, horizon: NEVER, renewAt: 8 * HOUR }],
    ]);
    expect(state.current?.ends).toEqual({ expiry: HOUR });
  });

  it("waits for the max TTL of the lease and of its token, where that is to be printed", () => {
    const waiting = walked(printing, [[0, read({ tokenAsked: true })]]);
    expect(waiting.candidate).toMatchObject({ step: "horizon", retryAt: 5 * SECOND });
    const half = walked(printing, [[50, probed(24 * HOUR)]], waiting);
    expect(half.candidate?.step).toBe("horizon");
    expect(decide(half, "apply", 100, printing)).toEqual({ do: "wait", until: 5 * SECOND });
    const whole = walked(printing, [[90, renewedToken(2 * HOUR, false)]], half);
    expect(whole.candidate).toMatchObject({ step: "publish", ends: { expiry: HOUR, horizon: 2 * HOUR } });
  });

  it("waits for what Postgres says first, and no longer than it has to", () => {
    const state = walked({ ...printing, verifies: true }, [
      [0, read()],
      [50, probed(24 * HOUR)],
    ]);
    expect(state.candidate?.step).toBe("verify");
    const verified = walked(printing, [[60, { is: "verified", id: 1, validFor: null }]], state);
    expect(verified.candidate).toMatchObject({ step: "publish", ends: { horizon: 24 * HOUR } });
  });

  it("waits 5 s at most, and prints then what is known; that stays, too", () => {
    const waiting = walked(printing, [[0, read()]]);
    const given = decide(waiting, "apply", 5 * SECOND, printing);
    expect(given).toEqual({ do: "note", outcome: { is: "horizon given up", id: 1 } });
    const state = walked(
      printing,
      [
        [5 * SECOND, { is: "horizon given up", id: 1 }],
        [5 * SECOND, { is: "published", id: 1, tell: false }],
        [6 * SECOND, probed(24 * HOUR)],
        [7 * SECOND, { is: "templates changed" }],
      ],
      waiting,
    );
    expect(state.current?.ends).toEqual({ expiry: 12 * HOUR, horizon: null });
  });

  it("is known to a template that comes later and prints it", () => {
    const state = walked(silent, [
      [0, read()],
      [1, { is: "published", id: 1, tell: false }],
      [SECOND, probed(24 * HOUR)],
    ]);
    expect(state.current?.ends).toEqual({ expiry: 12 * HOUR });
    const changed = walked(printing, [[MINUTE, { is: "templates changed" }]], state);
    expect(changed.current?.ends).toEqual({ expiry: 12 * HOUR, horizon: 24 * HOUR });
  });

  it("is nothing for what has no lease", () => {
    const state = walked(printing, [[0, read({ lease: "", user: null, probeAt: NEVER, rereadAt: MINUTE })]]);
    expect(state.candidate).toMatchObject({ step: "publish" });
    expect(state.candidate?.ends).toBeUndefined();
  });
});

describe("what is printed of its end, with a server", () => {
  const lab = useLab();
  const PRINTING: SidecarOptions = { printsHorizon: true, connectionMaxLifetime: MINUTE };

  it("is known before the first publish, also where the token is what ends it", async () => {
    await lab.authRole("short", { token_max_ttl: "3h" });
    const sidecar = await lab.start({ ...PRINTING, authRole: "short" });
    const { ends, horizon } = sidecar.keeper.state().current!;
    expect(horizon).toBeGreaterThan(ends!.horizon! + 20 * HOUR);
    expect(sidecar.keeper.secret()?.ends).toEqual(ends);
    const left = ends!.horizon! - sidecar.clock.now();
    expect(left).toBeGreaterThan(3 * HOUR - 5 * SECOND);
    expect(left).toBeLessThanOrEqual(3 * HOUR);
    // The clock of the test stands still: nothing was waited for but answers.
    expect(sidecar.count("warning")).toBe(0);

    await sidecar.until("renewed", ({ ttl }) => ttl === 12 * HOUR);
    await sidecar.pass(HOUR);
    expect(sidecar.keeper.state().current?.ends).toBe(ends);
    expect(sidecar.count("published")).toBe(1);
  });

  it("is left out after 5 s in which nobody answers, and said to be so", async () => {
    lab.fail(/sys\/leases\/renew/, { kind: "delay", milliseconds: 1_000 }, 1);
    const sidecar = await lab.prepare(PRINTING);
    sidecar.run();
    await expect.poll(() => sidecar.keeper.state().candidate?.step).toBe("horizon");
    expect(sidecar.count("published")).toBe(0);
    const began = sidecar.clock.now();
    await sidecar.clock.advance(5 * SECOND);
    await expect.poll(() => sidecar.count("published")).toBe(1);
    expect(sidecar.clock.now() - began).toBe(5 * SECOND);
    expect(sidecar.keeper.state().current?.ends?.horizon).toBeNull();
    expect(sidecar.events).toContainEqual(expect.objectContaining({ is: "warning", code: "horizon" }));
  });

  it("is not waited for where it may not be asked for", async () => {
    lab.fail(/sys\/leases\/renew|auth\/token\/renew-self/, refusal(403, "permission denied"));
    const sidecar = await lab.start(PRINTING);
    expect(sidecar.keeper.state().current?.ends?.horizon).toBeNull();
  });

  it("is the same for the sidecar that takes it up", async () => {
    const first = await lab.start(PRINTING);
    const { ends } = first.keeper.state().current!;
    const kept = first.kept();
    const next = await lab.prepare({ ...PRINTING, from: first.clock.now() });
    await next.adopt(JSON.parse(JSON.stringify(kept), (key, value) => (key === "token" ? kept.token : value)));
    next.run();
    await next.until("published");
    expect(next.keeper.state().current?.ends).toEqual(ends);
    expect(next.keeper.secret()?.ends).toEqual(ends);
  });

  it("is settled now for one that a sidecar without such a template has left", async () => {
    const first = await lab.start({ connectionMaxLifetime: MINUTE });
    await first.pass(2 * SECOND);
    const { horizon } = first.keeper.state().current!;
    const next = await lab.prepare({ ...PRINTING, from: first.clock.now() });
    await next.adopt(first.kept());
    next.run();
    await next.until("published");
    expect(next.keeper.state().current?.ends?.horizon).toBe(horizon);
  });
});
