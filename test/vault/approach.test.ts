/** VAULT_RATE_LIMIT and VAULT_SRV_LOOKUP: what comes before a request. */
import { setImmediate as turn } from "node:timers/promises";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { VaultConfig } from "../../src/config/types.ts";
import { type ApproachPorts, approached, createApproach } from "../../src/vault/approach.ts";
import { createFakeClock } from "../support/fake-clock.ts";
import { useServers } from "./servers.ts";

const { serve, transport } = useServers();

const PLAIN: Omit<ApproachPorts, "clock"> = { random: () => 0, resolveSrv: null };
const limited = (rateLimit: NonNullable<VaultConfig["rateLimit"]>, clock = createFakeClock()) => ({
  clock,
  approach: createApproach({ address: "https://vault", rateLimit }, { ...PLAIN, clock }),
});

describe("a rate limit", () => {
  it("lets a burst through at once and then one after the other, in the order in which they came", async () => {
    const { clock, approach } = limited({ rate: 2, burst: 3 });
    const begun = clock.now();
    const times: number[] = [];
    const all = [1, 2, 3, 4, 5, 6].map(async (n) => {
      await approach.admit();
      times.push(n, clock.now() - begun);
    });
    await turn();
    await clock.advance(10_000);
    await Promise.all(all);
    expect(times).toEqual([1, 0, 2, 0, 3, 0, 4, 500, 5, 1_000, 6, 1_500]);
  });

  it("is never passed, however they come", async () => {
    const cases = fc.record({
      rate: fc.double({ min: 0.1, max: 100, noNaN: true }),
      burst: fc.integer({ min: 1, max: 10 }),
      gaps: fc.array(fc.integer({ min: 0, max: 3_000 }), { minLength: 1, maxLength: 20 }),
    });
    await fc.assert(
      fc.asyncProperty(cases, async ({ rate, burst, gaps }) => {
        const { clock, approach } = limited({ rate, burst });
        const times: number[] = [];
        const all: Promise<unknown>[] = [];
        for (const gap of gaps) {
          await clock.advance(gap);
          all.push(approach.admit().then(() => times.push(clock.now())));
          await turn();
        }
        await clock.advance(1_000_000);
        await Promise.all(all);
        expect(times).toHaveLength(gaps.length);
        for (const [from, start] of times.entries())
          for (const [at, end] of times.slice(from).entries())
            expect(at + 1).toBeLessThanOrEqual(burst + ((end - start) / 1_000) * rate + 1e-3);
      }),
      { numRuns: 50 },
    );
  });

  it("holds up nobody who gives up, nor the end", async () => {
    const { clock, approach } = limited({ rate: 0.001, burst: 1 });
    await approach.admit();
    const gone = new AbortController();
    const waiting = [approach.admit(gone.signal), approach.admit()];
    await clock.asleep(2);
    gone.abort();
    await waiting[0];
    approach.close();
    await waiting[1];
  });
});

describe("a server that is looked up", () => {
  const record = (name: string, port: number, priority = 1, weight = 1) => ({ name, port, priority, weight });

  it("is asked where the best record says, by chance and weight, and looked up anew after a while", async () => {
    const [one, two] = [await serve((response) => response.end()), await serve((response) => response.end())];
    const port = ({ address }: typeof one) => Number(new URL(address).port);
    const clock = createFakeClock();
    const asked: string[] = [];
    let chance = 0;
    let records = [
      record("nowhere.invalid", 1, 2, 100),
      record("127.0.0.1.", port(one), 1, 1),
      record("127.0.0.1", port(two), 1, 3),
    ];
    const approach = createApproach(
      { address: "http://vault.example" },
      {
        clock,
        random: () => chance,
        async resolveSrv(name) {
          asked.push(name);
          return records;
        },
      },
    );
    const send = approached(transport().send, approach);
    const get = () =>
      send({ method: "GET", url: "http://vault.example/v1/sys/health?a=1", headers: {}, timeout: 5_000 });
    await get();
    expect(one.heard.map(({ url, headers }) => [url, headers.host])).toEqual([
      ["/v1/sys/health?a=1", `127.0.0.1:${port(one)}`],
    ]);
    chance = 0.9;
    await get();
    expect(one.heard).toHaveLength(2);
    await clock.advance(30_000);
    await get();
    expect([one.heard.length, two.heard.length]).toEqual([2, 1]);
    records = [];
    await clock.advance(30_000);
    await expect(get()).rejects.toMatchObject({ code: expect.stringMatching(/ENOTFOUND|EAI_AGAIN/) });
    expect(asked).toEqual(Array.from({ length: 3 }, () => "_http._tcp.vault.example"));
  });

  it.each(["https://vault.example:8200", "unix:///run/vault.sock", "https://vault.example:443"])(
    "is not where %s names it",
    async (address) => {
      const approach = createApproach(
        { address },
        { ...PLAIN, clock: createFakeClock(), resolveSrv: () => expect.fail("looked up") },
      );
      await approach.admit();
      expect(approach.relocate(`${address}/v1/x`)).toBe(`${address}/v1/x`);
    },
  );

  it("is asked by its name where the name server does not answer", async () => {
    const approach = createApproach(
      { address: "https://vault.example" },
      { ...PLAIN, clock: createFakeClock(), resolveSrv: () => Promise.reject(new Error("no")) },
    );
    await approach.admit();
    expect(approach.relocate("https://vault.example/v1/x")).toBe("https://vault.example/v1/x");
  });
});
