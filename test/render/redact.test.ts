import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compileTemplate } from "../../src/render/engine.ts";
import { redact } from "../../src/render/redact.ts";
import { brainOf, hostOf, optionsOf } from "./fixture.ts";

const SPELLINGS: Readonly<Record<string, (value: string) => string>> = {
  plain: (value) => value,
  JSON: (value) => JSON.stringify(value).slice(1, -1),
  "URL with %20": encodeURIComponent,
  "a form": (value) => new URLSearchParams({ v: value }).toString().slice(2),
  base64: (value) => Buffer.from(value).toString("base64"),
  base64url: (value) => Buffer.from(value).toString("base64url"),
};

describe("redact", () => {
  for (const [name, spell] of Object.entries(SPELLINGS)) {
    it(`takes a value out as ${name}`, () => {
      const value = `p'q"r:s#t&u<v>w\\x$y z{a}b/c=d+e?`;
      expect(redact(`before ${spell(value)} after`, [value])).toBe("before [redacted] after");
    });
  }

  it("leaves no value of four bytes or more in any text", () => {
    fc.assert(
      fc.property(fc.string(), fc.string({ minLength: 4 }), fc.string(), (before, value, after) => {
        fc.pre(!"[redacted]".includes(value));
        expect(redact(`${before}|${value}|${after}`, [value])).not.toContain(`|${value}|`);
      }),
    );
  });

  it("leaves short values, which would mangle everything", () => {
    expect(redact("executing at 0: true x", ["0", "x", "e"])).toBe("executing at 0: true x");
  });

  it("takes the longer of two values that begin alike", () => {
    expect(redact("secret-long", ["secret", "secret-long"])).toBe("[redacted]");
  });

  it("is applied to the errors of every template, nested values included", async () => {
    const brain = brainOf({
      reads: { "kv/a": '{"data": {"data": {"password": "hunter-22"}}}' },
      lists: {},
      writes: [],
    });
    const template = await compileTemplate(
      "go",
      '{{ with secret "kv/a" }}{{ sprig_fail (printf "%q %s" .Data.data.password (base64Encode .Data.data.password)) }}{{ end }}',
      optionsOf(),
    );
    expect(() => template.execute(brain, hostOf())).toThrow('error calling sprig_fail: "[redacted]" [redacted]');
  });
});
