/** Logins against a server: what the methods take from it, and how long is waited in between. */
import * as fs from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type VaultApi, vaultApi } from "../../dev/vault/client.ts";
import { type EmulatedVault, startEmulatedVault } from "../../dev/vault/emulated-vault.ts";
import type { AuthMethod } from "../../src/auth/method.ts";
import { parseAuthMethod } from "../../src/auth/methods.ts";
import type { LesseeEvent } from "../../src/events.ts";
import { createTokens, type Session, type Tokens, type TokensDeps } from "../../src/lease/keeping/tokens.ts";
import type { Clock } from "../../src/ports.ts";
import { createVaultClient } from "../../src/vault/client.ts";
import { createTransport } from "../../src/vault/transport.ts";
import { createFakeClock } from "../support/fake-clock.ts";

const LOGIN = /\/login$/;
const REVOKE = /\/revoke-self$/;
let folder = "";
let vault: EmulatedVault;
let root: VaultApi;
const transport = createTransport({ proxyEnv: {} });
beforeAll(async () => {
  vault = await startEmulatedVault({ rootToken: "s.root" });
  root = vaultApi(vault.address, "s.root");
  await root.expect("POST", "sys/auth/approle", { type: "approle" });
  await root.expect("POST", "auth/approle/role/r", { token_ttl: "20m" });
});
afterAll(async () => {
  transport.close();
  await vault.stop();
});
beforeEach(async () => {
  folder = await fs.mkdtemp(join(tmpdir(), "login-"));
});
afterEach(async () => {
  vault.faults.clear();
  vault.requests.clear();
  await fs.rm(folder, { recursive: true });
});

interface Running {
  readonly tokens: Tokens;
  readonly events: readonly LesseeEvent[];
  /** The next outcome of a login. */
  outcome(): Promise<Session | string>;
  stop(): Promise<void>;
}

function run(method: AuthMethod, clock: Clock, more: Partial<TokensDeps> = {}): Running {
  const events: LesseeEvent[] = [];
  const outcomes: (Session | string)[] = [];
  let told = Promise.withResolvers<void>();
  const tell = (outcome: Session | string) => {
    outcomes.push(outcome);
    told.resolve();
  };
  const emit = (event: LesseeEvent) => {
    events.push(event);
    if (event.is === "login failed") tell(event.error);
  };
  const client = createVaultClient(
    { address: vault.address, namespace: "", headers: {}, timeout: 5_000 },
    transport.send,
    clock,
    emit,
  );
  const tokens = createTokens({
    client,
    method,
    methodName: "any",
    mountPath: "auth/approle",
    givenAway: false,
    files: fs,
    clock,
    random: () => 0,
    emit,
    policy: () => ({ lead: 0, jitter: 0, printsHorizon: false, backoff: { min: 1_000, max: 300_000 } }),
    learn: () => {},
    onLogin: tell,
    onChange: () => {},
    onFailure: () => {},
    ...more,
  });
  const running = tokens.run();
  return {
    tokens,
    events,
    async outcome() {
      while (outcomes.length === 0) {
        told = Promise.withResolvers();
        await told.promise;
      }
      return outcomes.shift()!;
    },
    async stop() {
      tokens.stop();
      await running;
    },
  };
}

async function approle(secretId: string, more: Record<string, unknown> = {}): Promise<AuthMethod> {
  const { role_id } = (await root.expect("GET", "auth/approle/role/r/role-id")).body.data;
  await fs.writeFile(join(folder, "role"), String(role_id));
  await fs.writeFile(join(folder, "secret"), secretId);
  return parseAuthMethod("approle", {
    role_id_file_path: join(folder, "role"),
    secret_id_file_path: join(folder, "secret"),
    ...more,
  });
}

const CREATION_PATH = "auth/approle/role/r/secret-id";
async function wrappedSecretId(): Promise<string> {
  const answer = await root.send("POST", CREATION_PATH, {}, { "x-vault-wrap-ttl": "60s" });
  return answer.body.wrap_info.token;
}

async function first(method: AuthMethod, more: Partial<TokensDeps> = {}): Promise<Session | string> {
  const running = run(method, createFakeClock(Date.now()), more);
  const outcome = await running.outcome();
  await running.stop();
  return outcome;
}

describe("approle", () => {
  it("logs in with a secret id that comes wrapped", async () => {
    const method = await approle(await wrappedSecretId(), { secret_id_response_wrapping_path: CREATION_PATH });
    expect(await first(method)).toMatchObject({ number: 1 });
    expect(await first(method)).toMatchObject({ number: 1 });
  });

  it("says of a wrapping token that was opened before what that may mean", async () => {
    const token = await wrappedSecretId();
    await vaultApi(vault.address, token).expect("PUT", "sys/wrapping/unwrap");
    const outcome = await first(await approle(token, { secret_id_response_wrapping_path: CREATION_PATH }));
    expect(outcome).toContain("treat what was in it as stolen");
    expect(outcome).not.toContain(token);
  });

  it("opens no wrapping token that was made elsewhere", async () => {
    const token = await wrappedSecretId();
    const outcome = await first(
      await approle(token, { secret_id_response_wrapping_path: "auth/approle/role/other/secret-id" }),
    );
    expect(outcome).toContain(`was made at "${CREATION_PATH}"`);
    expect((await vaultApi(vault.address, token).send("PUT", "sys/wrapping/unwrap")).status).toBe(200);
  });
});

describe("token_file", () => {
  const method = () => parseAuthMethod("token_file", { token_file_path: join(folder, "token") });

  it("takes a token without an end, and asks nothing of it any more", async () => {
    await fs.writeFile(join(folder, "token"), "s.root");
    const clock = createFakeClock(Date.now());
    const { tokens, outcome, stop } = run(method(), clock);
    expect(await outcome()).toMatchObject({ expiry: Number.POSITIVE_INFINITY });
    await clock.advance(3_600_000);
    expect(tokens.status()).toMatchObject({ expiry: null, horizon: null, renewable: false, policies: ["root"] });
    expect(vault.requests.count(() => true)).toBe(1);
    await stop();
  });

  it("is refused with a token that the server does not know", async () => {
    await fs.writeFile(join(folder, "token"), "s.unknown");
    expect(await first(method())).toContain("403");
  });

  it("takes the new token of a changed file when it is told to", async () => {
    const made = await root.expect("POST", "auth/token/create", { ttl: "1h" });
    await fs.writeFile(join(folder, "token"), "s.root");
    const { tokens, outcome, stop } = run(method(), createFakeClock(Date.now()));
    await outcome();
    await fs.writeFile(join(folder, "token"), made.body.auth.client_token);
    tokens.renew();
    expect(((await outcome()) as Session).token.reveal()).toBe(made.body.auth.client_token);
    await stop();
  });
});

describe("wrap_ttl of the method", () => {
  it("brings what the token lies under, for the sink; nothing is renewed and nothing revoked", async () => {
    const { secret_id } = (await root.expect("POST", CREATION_PATH, {})).body.data;
    const clock = createFakeClock(Date.now());
    const { outcome, stop, tokens } = run(await approle(String(secret_id)), clock, {
      wrapTtl: 300_000,
    });
    const wrapping = JSON.parse(((await outcome()) as Session).token.reveal());
    expect(wrapping).toMatchObject({
      ttl: 300,
      creation_path: "auth/approle/login",
      wrapped_accessor: expect.any(String),
    });
    await clock.advance(86_400_000);
    await stop();
    await tokens.revokeAll();
    expect([
      vault.requests.count(({ path }) => LOGIN.test(path)),
      vault.requests.count(({ path }) => REVOKE.test(path)),
    ]).toEqual([1, 0]);
    const unwrapped = await vaultApi(vault.address, wrapping.token).expect("PUT", "sys/wrapping/unwrap");
    expect(unwrapped.body.auth.lease_duration).toBe(1_200);
  });

  it("is a failure where the server does not wrap", async () => {
    const { secret_id } = (await root.expect("POST", CREATION_PATH, {})).body.data;
    vault.faults.inject(({ path }) => LOGIN.test(path), {
      kind: "answer",
      status: 200,
      body: { auth: { client_token: "s.bare" } },
    });
    expect(await first(await approle(String(secret_id)), { wrapTtl: 1_000 })).toContain("not wrapped");
  });
});

describe("min_backoff and max_backoff", () => {
  it("are really waited: between them, growing, and as documented but for the first wait's jitter", async () => {
    const failing: AuthMethod = {
      watches: [],
      pod: async () => "",
      prepare: () => Promise.reject(new Error("no")),
    };
    const policies = fc.record({
      min: fc.integer({ min: 1, max: 60_000 }),
      factor: fc.double({ min: 1.01, max: 1_000, noNaN: true }),
      chance: fc.double({ min: 0, max: 0.999, noNaN: true }),
    });
    await fc.assert(
      fc.asyncProperty(policies, async ({ min, factor, chance }) => {
        const max = min * factor;
        const clock = createFakeClock();
        const times: number[] = [];
        const { outcome, stop } = run(failing, clock, {
          random: () => chance,
          policy: () => ({ lead: 0, jitter: 0, printsHorizon: false, backoff: { min, max } }),
          onFailure: () => times.push(clock.now()),
        });
        for (let failure = 0; failure < 12; failure++) {
          await outcome();
          // Both lanes: the one that waits to log in, and the one that has nothing to keep.
          await clock.asleep(2);
          while (times.length === failure + 1) await clock.advance(clock.next - clock.now());
        }
        await stop();
        const waits = times.slice(1).map((time, at) => time - times[at]!);
        for (const [at, wait] of waits.entries()) {
          expect(wait).toBeGreaterThanOrEqual(min - 1e-3);
          expect(wait).toBeLessThanOrEqual(max + 1e-3);
          expect(wait).toBeGreaterThanOrEqual(0.75 * Math.min(max, min * 2 ** at) - 1e-3);
        }
      }),
      { numRuns: 30 },
    );
  });
});
