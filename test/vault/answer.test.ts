import { inspect } from "node:util";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { VaultError } from "../../src/errors.ts";
import { JsonNumber } from "../../src/json.ts";
import type { HttpResponse } from "../../src/ports.ts";
import { readAnswer, seconds, secretFrom } from "../../src/vault/answer.ts";

const NOW = Date.parse("2026-11-25T10:00:00Z");

function response(status: number, body: string, headers: Record<string, string> = {}): HttpResponse {
  return { status, headers, body };
}

function refused(answer: HttpResponse): VaultError {
  try {
    readAnswer(answer, "database/creds/pg-role", NOW);
  } catch (error) {
    if (error instanceof VaultError) return error;
    throw error;
  }
  throw new Error("it was not refused");
}

/** Keys that Vault uses, with values that it would never send as well as such as it would. */
const KEYS = [
  "request_id",
  "lease_id",
  "lease_duration",
  "renewable",
  "data",
  "warnings",
  "errors",
  "auth",
  "wrap_info",
  "client_token",
  "accessor",
  "policies",
  "metadata",
  "num_uses",
  "ttl",
  "keys",
  "__proto__",
  "toString",
];
const anything = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom("null", "true", "false", "0", "-1", "3600", "1e400", "-1e400", "1e308", "0.5", '""', '"s.token"'),
    fc.string().map((text) => JSON.stringify(text)),
    fc.array(tie("value") as fc.Arbitrary<string>, { maxLength: 3 }).map((items) => `[${items.join()}]`),
    tie("object") as fc.Arbitrary<string>,
  ),
  object: fc
    .array(fc.tuple(fc.constantFrom(...KEYS), tie("value") as fc.Arbitrary<string>), { maxLength: 8 })
    .map((pairs) => `{${pairs.map(([key, value]) => `${JSON.stringify(key)}:${value}`).join()}}`),
}));
const bodies = fc.oneof(
  anything.object as fc.Arbitrary<string>,
  anything.value as fc.Arbitrary<string>,
  fc.string(),
  fc.string({ unit: "binary" }),
  // Truncated.
  fc
    .tuple(anything.object as fc.Arbitrary<string>, fc.nat())
    .map(([text, at]) => text.slice(0, at % (text.length + 1))),
);
const statuses = fc.oneof(
  fc.constant(200),
  fc.constantFrom(200, 202, 204, 301, 307, 400, 403, 404, 405, 412, 429, 472, 473, 500, 502, 503),
  fc.integer({ min: 0, max: 999 }),
);

function times(value: unknown): readonly number[] {
  if (typeof value === "number") return [value];
  if (typeof value !== "object" || value === null) return [];
  return Object.values(value).flatMap(times);
}

describe("whatever a server answers", () => {
  it("is an answer or a VaultError, and no time in it is NaN, negative or beyond what a Date can hold", () => {
    fc.assert(
      fc.property(statuses, bodies, fc.option(fc.string()), (status, body, retryAfter) => {
        try {
          const answer = readAnswer(
            response(status, body, retryAfter === null ? {} : { "retry-after": retryAfter }),
            "x",
            NOW,
          );
          if (answer === null) return;
          for (const time of times(secretFrom(answer))) {
            expect(time).toBeGreaterThanOrEqual(0);
            expect(() => new Date(Date.now() + time * 1_000).toISOString()).not.toThrow();
          }
        } catch (error) {
          expect(error).toBeInstanceOf(VaultError);
          const { retryAfter: wait } = error as VaultError;
          if (wait !== undefined) expect(Number.isFinite(wait) && wait >= 0).toBe(true);
        }
      }),
      { numRuns: 3_000 },
    );
  });

  it("is never quoted where it is not Vault's, because it may hold a secret", () => {
    for (const status of [200, 400, 500]) {
      const error = refused(response(status, "<html>s.secret</html>"));
      expect(inspect(error, { depth: null, showHidden: true })).not.toContain("s.secret");
    }
  });
});

describe("seconds", () => {
  it.each([
    ["3600", 3600],
    ["1.9", 1],
    ["-1", 0],
    ["1e999", 0],
    ["0", 0],
  ])("of %s are %d", (text, expected) => {
    expect(seconds(new JsonNumber(text))).toBe(expected);
  });

  it("are no more than a Go duration can hold: more is no time at all", () => {
    expect(seconds(new JsonNumber("9223372036"))).toBe(9_223_372_036);
    expect(seconds(new JsonNumber("1e300"))).toBe(0);
  });

  it("of anything but a number are 0", () => {
    for (const value of [undefined, null, true, "3600", [], {}]) expect(seconds(value)).toBe(0);
  });
});

describe("an answer without an error", () => {
  it("is read, numbers in the server's own spelling", () => {
    const answer = readAnswer(response(200, '{"lease_id":"a/b","lease_duration":60,"data":{"n":1.50e2}}'), "x", NOW);
    const secret = secretFrom(answer!);
    expect(secret.lease).toEqual({ id: "a/b", durationSeconds: 60, renewable: false });
    expect(String(secret.data.reveal()?.n)).toBe("1.50e2");
  });

  it("shows no secret when it is inspected or printed", () => {
    const secret = secretFrom(
      readAnswer(
        response(200, '{"data":{"password":"hunter2"},"auth":{"client_token":"s.1","accessor":"acc1"}}'),
        "x",
        NOW,
      )!,
    );
    for (const text of [inspect(secret, { depth: null, showHidden: true }), JSON.stringify(secret)])
      expect(text).not.toMatch(/hunter2|s\.1|acc1/);
  });

  it("is null for 204, and for a 404 without errors or with data", () => {
    expect(readAnswer(response(204, ""), "x", NOW)).toBeNull();
    expect(readAnswer(response(404, '{"errors":[]}'), "x", NOW)).toBeNull();
    expect(readAnswer(response(404, '{"data":{"metadata":{}},"errors":["deleted"]}'), "x", NOW)).toBeNull();
  });

  it("is also one that the server has only queued: 202 (rule W7, a revocation with sync false)", () => {
    expect(() => readAnswer(response(202, '{"request_id":"1","data":null}'), "x", NOW)).not.toThrow();
    expect(() => readAnswer(response(202, ""), "x", NOW)).not.toThrow();
  });
});

describe("a refusal", () => {
  it("keeps every error of the answer, each in one line", () => {
    const error = refused(response(400, '{"errors":["1 error occurred:\\n\\t* first\\n\\n","second"]}'));
    expect(error.errors).toEqual(["1 error occurred: * first", "second"]);
    expect(error.message).toBe("database/creds/pg-role: 400 1 error occurred: * first; second");
    expect(error.code).toBe("vault-400");
  });

  it("tells after how long to come back", () => {
    expect(refused(response(429, "{}", { "retry-after": "3" })).retryAfter).toBe(3_000);
    expect(refused(response(429, "{}", { "retry-after": "soon" })).retryAfter).toBeUndefined();
    expect(refused(response(429, "{}")).retryAfter).toBeUndefined();
  });

  it("tells it as a date as well, by the clock of whoever says it", () => {
    const at = (date: string, after: string) => refused(response(503, "{}", { date, "retry-after": after })).retryAfter;
    expect(at("Wed, 25 Nov 2026 10:00:00 GMT", "Wed, 25 Nov 2026 10:01:30 GMT")).toBe(90_000);
    expect(at("Wed, 25 Nov 2026 10:00:00 GMT", "Wed, 25 Nov 2026 09:00:00 GMT")).toBe(0);
  });

  it("tells it as a date by our clock where the answer has none, and nobody waits for long because of that", () => {
    const by = (after: string, headers = {}) =>
      refused(response(503, "{}", { "retry-after": after, ...headers })).retryAfter;
    expect(by("Wed, 25 Nov 2026 10:01:30 GMT")).toBe(90_000);
    expect(by("Wed, 25 Nov 2026 10:01:30 GMT", { date: "today" })).toBe(90_000);
    expect(by("Wed, 25 Nov 2026 09:59:59 GMT")).toBe(0);
    expect(by("Wed, 25 Nov 2026 10:05:00 GMT")).toBe(300_000);
    expect(by("Thu, 26 Nov 2026 10:00:00 GMT")).toBe(300_000);
  });

  it.each([
    [412, "", "this node does not know yet"],
    [472, "", "set vault.address to the primary"],
    [473, "", "a standby that does not forward requests"],
    [503, '{"errors":["Vault is sealed"]}', "Vault is sealed; somebody has to unseal it"],
    [429, "{}", "a rate limit of the server"],
  ])("of %d with %j says what to do: %s", (status, body, hint) => {
    expect(refused(response(status, body)).hint).toContain(hint);
  });

  it.each([
    [200, "<html>", "the answer is HTML"],
    [200, "", "something that is not a JSON object"],
    [200, '{"data":{"password":"hun', "something that is not a JSON object"],
    [200, "[]", "something that is not a JSON object"],
    [502, "<html>bad gateway</html>", "502 an answer that is not Vault's"],
    [500, "", "500 no reason given"],
    [404, '{"errors":["no handler for route \\"a/b\\". route entry not found."]}', "no handler for route"],
  ])("of %d with %j says: %s", (status, body, words) => {
    expect(refused(response(status, body)).message).toContain(words);
  });

  it.each([
    [503, '{"errors":["Vault is sealed"]}', /somebody has to unseal it/],
    [400, '{"errors":["invalid role name \\"x\\""]}', /auto_auth\.method\.config\.role/],
    [403, '{"errors":["namespace not authorized"]}', /service account/],
    [403, '{"errors":["permission denied"]}', /policies/],
    [404, '{"errors":["no handler for route"]}', /nothing is mounted/],
    [400, '{"errors":["unknown role: x"]}', /the path in the template/],
    [307, "", /one redirect is followed within the server/],
    [200, "<!doctype html>", /proxy/],
  ])("of %d %s has a hint", (status, body, hint) => {
    expect(refused(response(status, body)).hint).toMatch(hint);
  });
});
