import { describe, expect, it } from "vitest";
import { LesseeError, VaultError } from "../../src/errors.ts";
import { COUNTED, endsLogin } from "../../src/lease/token.ts";
import { isPassing } from "../../src/vault/verdict.ts";
import { refusal, useLab } from "./lab.ts";
import { MINUTE, SECOND } from "./policies.ts";

const lab = useLab();

/** A rate limit, a standby that is behind, a secondary, a performance standby, a gateway, a seal. */
const PASSING = [412, 429, 472, 473, 502, 503, 504];

describe("what an answer says of what comes next", () => {
  it("is nothing about token or lease, where the server is only not able to answer now", () => {
    const passing = (status: number) => isPassing(new VaultError(status, "x", []));
    expect(PASSING.filter(passing)).toEqual(PASSING);
    expect([200, 400, 403, 404, 405, 500].filter(passing)).toEqual([]);
  });

  it.each(PASSING)("to a renewal, with %d, is no verdict: nothing is looked up, and all is kept", async (status) => {
    const sidecar = await lab.start({ connectionMaxLifetime: MINUTE });
    await sidecar.pass(2 * SECOND);
    const { lease, expiry } = sidecar.keeper.state().current!;
    lab.fail(/sys\/leases\/renew/, refusal(status, "lease not found"), 2);
    const lookups = () => lab.requests(/sys\/leases\/lookup/);
    const before = lookups();
    const { error, retryIn, verdict } = await sidecar.until("renewal failed");
    expect([verdict, lookups()]).toEqual(["unknown", before]);
    expect(error).toContain(String(status));
    expect(retryIn).toBeGreaterThan(SECOND);
    await sidecar.until("renewed");
    expect(sidecar.keeper.state().current).toMatchObject({ lease, renewFailures: 0 });
    expect(sidecar.keeper.state().current!.expiry).toBeGreaterThan(expiry);
  });
});

describe("a failed login", () => {
  const counted = new LesseeError(COUNTED, "3 times only", { hint: "change the role" });

  it("ends the agent with exit_on_err, and at the first of all where no other try can bring another token", () => {
    expect(endsLogin(new Error("x"), true, false)).toBeNull();
    expect(endsLogin(new Error("x"), false, true)).toMatch(/exit_on_err is set: x/);
    expect(endsLogin(counted, true, false)).toMatch(/3 times only \(change the role\)/);
    expect(endsLogin(counted, false, false)).toBeNull();
  });
});
