import { expect, it } from "vitest";
import { createAgentMetrics } from "../../src/proxy/metrics.ts";

const START = Date.UTC(2026, 10, 24, 4, 3, 32);

function lab(prefix = "vault") {
  let now = START;
  const metrics = createAgentMetrics(prefix, { now: () => now });
  const counts = () =>
    (JSON.parse(metrics.json()).Counters as { Name: string; Count: number; Rate: number }[]).map(
      ({ Name, Count, Rate }) => [Name, Count, Rate],
    );
  const pass = (ms: number) => {
    now += ms;
  };
  return { metrics, counts, pass };
}

it("JSON tells of the last ten seconds that are over, and before that of those that run", () => {
  const { metrics, counts, pass } = lab();
  metrics.count("agent.proxy.success");
  expect(JSON.parse(metrics.json()).Timestamp).toBe("2026-11-24 04:03:30 +0000 UTC");
  expect(counts()).toEqual([["vault.agent.proxy.success", 1, 0.1]]);
  pass(8_000);
  metrics.count("agent.proxy.error");
  expect(counts()).toEqual([["vault.agent.proxy.success", 1, 0.1]]);
  pass(10_000);
  expect(counts()).toEqual([["vault.agent.proxy.error", 1, 0.1]]);
  pass(60_000);
  expect(counts()).toEqual([]);
});

it("Prometheus is told of everything since the start", () => {
  const { metrics, pass } = lab("my-vault");
  metrics.count("agent.cache.hit");
  pass(60_000);
  metrics.count("agent.cache.hit");
  expect(metrics.prometheus()).toContain("# TYPE my_vault_agent_cache_hit counter\nmy_vault_agent_cache_hit 2\n");
});

it("logins and renewals of the token count as in Vault Agent", () => {
  const { metrics } = lab();
  const authenticated = () => JSON.parse(metrics.json()).Gauges[0].Value;
  expect(authenticated()).toBe(0);
  metrics.observe({ is: "login failed", method: "kubernetes", mount: "auth/kubernetes", error: "no", retryIn: 1 });
  metrics.observe({ is: "login", method: "kubernetes", mount: "m", ttl: 1, renewable: true, policies: [] });
  metrics.observe({ is: "token renewed", ttl: 1, expiry: 1, horizon: null });
  expect(authenticated()).toBe(1);
  metrics.observe({ is: "token renewal failed", error: "no", lost: false, retryIn: 1 });
  expect(authenticated()).toBe(1);
  metrics.observe({ is: "token renewal failed", error: "no", lost: true, retryIn: null });
  expect(authenticated()).toBe(0);
  expect(metrics.prometheus()).toContain("vault_agent_auth_success 2\n");
  expect(metrics.prometheus()).toContain("vault_agent_auth_failure 3\n");
});
