import { describe, expect, it } from "vitest";
import { assembleStatus } from "../../src/health/assemble.ts";
import type { NotListening } from "../../src/status.ts";
import { NOW, rotating } from "./samples.ts";

const [credential = expect.fail()] = rotating.credentials;
const deaf: NotListening = { since: NOW - 300_000, user: "v-old", sessions: 3, ends: NOW + 20_000, urgent: true };

function reasons(notListening: NotListening | null): readonly string[] {
  const credentials = [{ ...credential, notListening }];
  return assembleStatus({ ...rotating, logsIn: true, loginError: null, credentials }).notReady;
}

describe("readiness, while the application does not listen", () => {
  it("is said when its credential ends soon, with whose it is", () => {
    expect(reasons(deaf)).toEqual([
      "database/creds/pg-role: the application does not listen: 3 sessions use v-old still, which ends in 20s (noticed 5m ago)",
    ]);
  });

  it("is said when that has ended", () => {
    expect(reasons({ ...deaf, user: null, sessions: null, ends: null })[0]).toMatch(
      /the application has not taken the current credential, and the old one has ended/,
    );
  });

  it("lasts while there is time: what works is not taken out of service", () => {
    expect(reasons({ ...deaf, urgent: false })).toEqual([]);
    expect(reasons(null)).toEqual([]);
  });
});
