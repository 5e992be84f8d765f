import { describe, expect, it } from "vitest";
import { createLog, type LogOptions } from "../../src/log/log.ts";
import { createScrubber } from "../../src/log/scrub.ts";
import { Sensitive } from "../../src/sensitive.ts";
import { sampleEvents } from "./events.ts";

const clock = { now: () => Date.UTC(2026, 10, 24, 2) };

function logged(options: Partial<LogOptions> = {}) {
  const lines: string[] = [];
  const log = createLog({
    level: "trace",
    format: "standard",
    clock,
    write: (line) => void lines.push(line),
    scrub: (text) => text,
    ...options,
  });
  return { log, lines };
}

describe("a log line", () => {
  it("reads like Vault Agent's", () => {
    const { log, lines } = logged();
    log.observe({
      is: "published",
      path: "database/creds/pg-role",
      user: "v-1",
      files: ["/etc/dbvault/config.yaml"],
      verified: true,
      took: 4,
    });
    log.observe({ is: "login failed", method: "kubernetes", mount: "auth/k", error: "no role", retryIn: 1_500 });
    log.observe({ is: "token revoked" });
    expect(lines).toEqual([
      "2026-11-24T02:00:00.000Z [INFO]  published: path=database/creds/pg-role user=v-1 files=[/etc/dbvault/config.yaml] verified=true took=4ms\n",
      '2026-11-24T02:00:00.000Z [ERROR] login failed: method=kubernetes mount=auth/k error="no role" retry_in=1.5s\n',
      "2026-11-24T02:00:00.000Z [INFO]  token revoked\n",
    ]);
  });

  it("is an object in JSON, with the pod's fields", () => {
    const { log, lines } = logged({ format: "json", fields: { namespace: "tsb", pod: "tsb-0", missing: undefined } });
    log.observe({ is: "token renewed", ttl: 3_600_000, expiry: clock.now() + 3_600_000, horizon: null });
    expect(JSON.parse(lines.join(""))).toEqual({
      level: "info",
      time: "2026-11-24T02:00:00.000Z",
      msg: "token renewed",
      ttl: "1h",
      expiry: "2026-11-24T03:00:00.000Z",
      namespace: "tsb",
      pod: "tsb-0",
    });
  });

  it.each(["standard", "json"] as const)("is one line whatever stands in a field (%s)", (format) => {
    const nasty = 'a\nb\r\t\u001b[31mred\u0085\u2028\u202e "x" y=1 \\ end';
    const { log, lines } = logged({ format, fields: { pod: nasty } });
    for (const event of sampleEvents(nasty)) log.observe(event);
    log.warn(nasty, { list: [nasty], nested: { one: nasty } });
    expect(lines).toHaveLength(sampleEvents().length + 1);
    for (const line of lines) expect(line).toMatch(/^[^\u0000-\u001f\u007f-\u009f\u2028-\u202e]+\n$/);
  });

  it("gives a nasty text back to whoever parses the JSON", () => {
    const nasty = 'a\nb\u0085\u2028 "x" \\ end';
    const { log, lines } = logged({ format: "json" });
    log.observe({ is: "configuration refused", error: nasty });
    expect(JSON.parse(lines[0]!).error).toBe(nasty);
  });

  it("is bounded", () => {
    const { log, lines } = logged();
    log.observe({ is: "configuration refused", error: `${"<html>".repeat(100_000)}: the cause` });
    expect(lines[0]!.length).toBeLessThan(5_000);
    expect(lines[0]).toContain("characters more");
    // The innermost of errors in errors stands at the end.
    expect(lines[0]).toContain(": the cause");
  });
});

describe("a log", () => {
  it("writes every event from its level on, and can be told another", () => {
    const events = sampleEvents();
    const levels = new Set<string>();
    const { log, lines } = logged({ format: "json" });
    for (const event of events) log.observe(event);
    expect(lines.map((line) => JSON.parse(line).msg)).toEqual(events.map((event) => event.is));
    for (const line of lines) levels.add(JSON.parse(line).level);
    expect([...levels].sort()).toEqual(["debug", "error", "info", "warn"]);

    lines.length = 0;
    log.setLevel("error");
    for (const event of events) log.observe(event);
    log.warn("not now");
    log.error("now");
    expect(new Set(lines.map((line) => JSON.parse(line).level))).toEqual(new Set(["error"]));
    expect(JSON.parse(lines.at(-1)!).msg).toBe("now");
  });

  it("goes on when it cannot write", () => {
    const { log } = logged({
      write: () => {
        throw Object.assign(new Error("write EPIPE"), { code: "EPIPE" });
      },
    });
    expect(() => sampleEvents().forEach(log.observe)).not.toThrow();
  });

  it.each(["standard", "json"] as const)("lets no secret through, wherever one stands (%s)", (format) => {
    const secrets = ['A1a-"quoted"\\secret\n!', "hvs.CAESIJ1234567890abcdefghij", "pässwörd"];
    const scrubber = createScrubber();
    for (const secret of secrets) scrubber.learn(secret);
    const { log, lines } = logged({ format, scrub: scrubber.scrub, fields: { pod: "tsb-0" } });
    for (const secret of secrets) {
      const url = `http://me:${encodeURIComponent(secret)}@vault:8200/?q=${JSON.stringify(secret)}`;
      for (const event of sampleEvents(`${secret} at ${url}`)) log.observe(event);
      log.info(`said ${secret}`, { url, list: [secret], nested: { one: secret }, kept: String(new Sensitive(secret)) });
    }
    expect(lines).toHaveLength(secrets.length * (sampleEvents().length + 1));
    const written = lines.join("");
    for (const secret of secrets) {
      for (const spelling of [secret, JSON.stringify(secret).slice(1, -1), encodeURIComponent(secret)]) {
        expect(written).not.toContain(spelling);
      }
    }
  });

  it("stays well-formed when a secret is one of its own words", () => {
    const scrubber = createScrubber();
    for (const word of ["info", "level", '":","', '"time"']) scrubber.learn(word);
    const { log, lines } = logged({ format: "json", scrub: scrubber.scrub });
    log.observe({ is: "stopping", reason: 'info of level ":","' });
    expect(JSON.parse(lines[0]!)).toEqual({
      level: "info",
      time: "2026-11-24T02:00:00.000Z",
      msg: "stopping",
      reason: "[redacted] of [redacted] [redacted]",
    });
  });
});
