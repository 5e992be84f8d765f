import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createScrubber } from "../../src/log/scrub.ts";
import { Sensitive } from "../../src/sensitive.ts";

const password = "p<a>ß/&+ 'w\"o\\rd";

describe("a scrubber", () => {
  const encodings: Readonly<Record<string, (secret: string) => string>> = {
    plain: (secret) => secret,
    JSON: (secret) => JSON.stringify({ password: secret }),
    "Go's JSON": (secret) =>
      JSON.stringify({ secret }).replace(/[<>&]/g, (c) => `\\u00${c.charCodeAt(0).toString(16)}`),
    "URL component": encodeURIComponent,
    form: (secret) => new URLSearchParams({ secret }).toString(),
    userinfo: (secret) => {
      const url = new URL("http://vault:8200/v1");
      url.username = "me";
      url.password = secret;
      return url.href;
    },
    "Basic header": (secret) => `Basic ${Buffer.from(`user:${secret}`).toString("base64")}`,
    base64url: (secret) => Buffer.from(`{"a":"${secret}"}`).toString("base64url"),
    hex: (secret) => Buffer.from(secret).toString("hex"),
    HTML: (secret) =>
      secret
        .replace(/&/g, "&amp;")
        .replace(/</g, "&lt;")
        .replace(/>/g, "&gt;")
        .replace(/"/g, "&#34;")
        .replace(/'/g, "&#39;"),
  };
  it.each(Object.entries(encodings))("takes out a secret as %s", (_, encode) => {
    const scrubber = createScrubber();
    const text = `before ${encode(password)} after`;
    expect(scrubber.scrub(text).replace(/:\[redacted\]@/, "")).toBe(text.replace(/:[^:]*@/, ""));
    scrubber.learn(new Sensitive(password));
    const scrubbed = scrubber.scrub(text);
    expect(scrubbed).toContain("[redacted]");
    expect(scrubbed).not.toContain(encode(password));
    expect(scrubbed).toMatch(/^before .* after$/);
  });

  it("leaves nothing of any secret in any text, wherever they stand", () => {
    const secret = fc.string({ minLength: 4, maxLength: 40 }).filter((text) => text.trim().length >= 4);
    fc.assert(
      fc.property(fc.array(secret, { minLength: 1, maxLength: 5 }), fc.array(fc.string()), (secrets, between) => {
        const scrubber = createScrubber();
        for (const one of secrets) scrubber.learn(one);
        const text = secrets.map((one, i) => `${between[i] ?? ""}${one}${JSON.stringify(one)}`).join("");
        const rest = scrubber.scrub(text).split("[redacted]");
        for (const one of secrets) for (const part of rest) expect(part).not.toContain(one.trim());
      }),
    );
  });

  it("takes out overlapping secrets whole", () => {
    const scrubber = createScrubber();
    scrubber.learn("abcdef");
    scrubber.learn("defghi");
    scrubber.learn("redacted");
    expect(scrubber.scrub("<abcdefghi>redacted<abcdef>")).toBe(
      "<[redacted]>[redacted]<[redacted]>".replace(">[", ">["),
    );
  });

  it("ignores values shorter than four bytes", () => {
    const scrubber = createScrubber();
    scrubber.learn("abc");
    scrubber.learn("");
    expect(scrubber.scrub("abc")).toBe("abc");
  });

  it("forgets the one that was not mentioned for longest", () => {
    const scrubber = createScrubber(2);
    scrubber.learn("first-secret");
    scrubber.learn("second-secret");
    scrubber.learn("first-secret");
    scrubber.learn("third-secret");
    expect(scrubber.scrub("first-secret second-secret third-secret")).toBe("[redacted] second-secret [redacted]");
  });

  it("keeps no more than some megabytes of spellings, however large the secrets are", () => {
    const scrubber = createScrubber();
    const large = (n: number) => `<${n}&"`.repeat(25_000);
    for (const n of [1, 2, 3, 4, 5, 6, 7, 8, 9]) scrubber.learn(large(n));
    expect(scrubber.scrub(large(9))).toBe("[redacted]");
    expect(scrubber.scrub(large(1))).toBe(large(1));
    const huge = "a huge one".repeat(1_000_000);
    scrubber.learn(huge);
    expect(scrubber.scrub(`<${huge}>`)).toBe("<[redacted]>");
    scrubber.learn("a small one");
    expect(scrubber.scrub("a small one")).toBe("[redacted]");
  });

  it("finds one of hundreds, and forgets the oldest of them", () => {
    const scrubber = createScrubber(600);
    const secret = (n: number) => `Pa${n}$sw0rd-${n}`;
    for (let n = 0; n < 1_000; n++) scrubber.learn(secret(n));
    for (let n = 400; n < 1_000; n++) {
      expect(scrubber.scrub(`<${secret(n)}|${encodeURIComponent(secret(n))}>`)).toBe("<[redacted]|[redacted]>");
    }
    for (let n = 0; n < 400; n++) expect(scrubber.scrub(secret(n))).toBe(secret(n));
  });

  it("knows tokens, JWTs and passwords in URLs by their looks", () => {
    const { scrub } = createScrubber();
    const jwt = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJzeXN0ZW06c2EifQ.c2lnbmF0dXJl-_";
    expect(scrub(`token hvs.CAESIJ1234567890abcdefghij, jwt ${jwt}.`)).toBe("token [redacted], jwt [redacted].");
    expect(scrub("s.abcdefghijklmnopqrstuvwx refused")).toBe("[redacted] refused");
    expect(scrub("dial postgresql://tsb:hunter2@postgres:5432/tsb")).toBe(
      "dial postgresql://tsb:[redacted]@postgres:5432/tsb",
    );
    const harmless = "GET http://127.0.0.1:8200/v1/database/creds/pg-role: dial tcp 127.0.0.1:8200: connection refused";
    expect(scrub(harmless)).toBe(harmless);
  });

  it("is not slowed down by a text made for it", () => {
    const { scrub } = createScrubber();
    const started = performance.now();
    for (const part of ["a.", "a://", "eyJ", "a://b:c", "hvs."]) scrub(part.repeat(100_000 / part.length));
    expect(performance.now() - started).toBeLessThan(3_000);
  });
});
