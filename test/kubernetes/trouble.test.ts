import { describe, expect, it } from "vitest";
import { nearDeadline, troubleIn } from "../../src/kubernetes/trouble.ts";
import type { CredentialStatus } from "../../src/status.ts";
import { NOW, rotating } from "../health/samples.ts";
import { sampleEvents } from "../log/events.ts";

describe("an event on the pod is made of", () => {
  it("trouble only, and of no other event", () => {
    const reasons = sampleEvents().flatMap((event) => {
      const trouble = troubleIn(event);
      return trouble === null ? [] : [`${event.is}: ${trouble.reason}`];
    });
    expect([...new Set(reasons)]).toEqual([
      "login failed: LoginFailing",
      "read failed: RotationFailing",
      "verification failed: RotationFailing",
      "publish failed: RotationFailing",
      "notify failed: ApplicationNotListening",
      "not listening: ApplicationNotListening",
      "lost: CredentialLost",
    ]);
  });

  it("trouble that says whose it is and why", () => {
    const path = "database/creds/pg-role";
    expect(troubleIn({ is: "read failed", path, error: "500 no", retryIn: 1 })).toEqual({
      reason: "RotationFailing",
      path,
      message: `${path}: no new credential could be read: 500 no`,
    });
  });
});

describe("a credential is near its deadline", () => {
  const credential: CredentialStatus = {
    ...rotating.credentials[0]!,
    lead: 100_000,
    lastError: null,
  };
  const ending = (left: number, life: number, more: Partial<CredentialStatus> = {}) => {
    const current = { ...credential.current!, readAt: NOW + left - life, expiry: NOW + left, horizon: NOW + left };
    return nearDeadline({ now: NOW, credentials: [{ ...credential, current, ...more }] });
  };

  it.each([
    ["half of the lead is left", 49_000, 1_000_000, true],
    ["more than half of the lead is left", 51_000, 1_000_000, false],
    ["the lead does not fit, and a quarter of the life is left", 9_000, 40_000, true],
    ["the lead does not fit, and a rotation has only just begun", 19_000, 40_000, false],
    ["it has ended", -1_000, 1_000_000, true],
  ])("when %s: %#", (_, left, life, is) => expect(ending(left, life)).toHaveLength(is ? 1 : 0));

  it("and it says until when, and what kept it from being replaced", () => {
    const [trouble] = ending(30_000, 1_000_000, { lastError: "500 Vault is sealed" });
    expect(trouble).toMatchObject({ reason: "CredentialNearDeadline", path: credential.path });
    expect(trouble?.message).toMatch(/v-kubernet\S+ ends in 30s: 500 Vault is sealed$/);
    expect(ending(-1_000, 1_000_000)[0]?.message).toMatch(/has ended$/);
  });

  it("never where there is none", () => {
    expect(nearDeadline({ now: NOW, credentials: [{ ...credential, current: null }] })).toEqual([]);
  });
});
