/** The functions that print when a credential ends, in both languages. */
import { describe, expect, it } from "vitest";
import { compileTemplate } from "../../src/render/engine.ts";
import type { Brain } from "../../src/render/template.ts";
import type { Ends } from "../../src/vault/secret.ts";
import { brainOf, hostOf, NOTHING_KNOWN, optionsOf } from "./fixture.ts";

const PATH = "database/creds/pg-role";
const expiry = Date.UTC(2026, 10, 25, 10, 0, 0, 999);
const horizon = Date.UTC(2026, 10, 26, 9, 59, 59, 1);

/** One leased secret, which ends then; and one without a lease. */
function brain(ends: Ends | undefined): Brain {
  const known = brainOf({
    reads: { [PATH]: '{"lease_id": "l-1", "data": {"username": "u"}}', "kv/app": '{"data": {"a": 1}}' },
    lists: {},
    writes: [],
  });
  return {
    ...known,
    recall(dependency) {
      const secret = known.recall(dependency);
      return secret && ends && dependency.path === PATH ? { ...secret, ends } : secret;
    },
  };
}

const LANGUAGES = {
  go: (name: string, path: string) => `{{ ${name} "${path}" }}`,
  handlebars: (name: string, path: string) => `{{${name} "${path}"}}`,
} as const;

describe.each(["go", "handlebars"] as const)("the end of a credential, in %s", (language) => {
  async function print(names: readonly string[], known: Brain, path = PATH) {
    const source = names.map((name) => LANGUAGES[language](name, path)).join(" ");
    const template = await compileTemplate(language, source, optionsOf());
    const { missing, output } = template.execute(known, hostOf());
    return { missing, text: new TextDecoder().decode(output), printsHorizon: template.printsHorizon };
  }
  const ALL = ["lesseeExpiry", "lesseeExpiryUnix", "lesseeHorizon", "lesseeHorizonUnix"];

  it("is a date or seconds since 1970, of the second below", async () => {
    const { missing, text } = await print(ALL, brain({ expiry, horizon }), `/${PATH}/`);
    expect(text).toBe("2026-11-25T10:00:00Z 1795600800 2026-11-26T09:59:59Z 1795687199");
    expect(missing).toEqual([]);
  });

  it("is empty, or 0, where it is not known", async () => {
    expect((await print(ALL, brain({ expiry, horizon: null }))).text).toBe("2026-11-25T10:00:00Z 1795600800  0");
    expect((await print(ALL, brain({ expiry }))).text).toBe("2026-11-25T10:00:00Z 1795600800  0");
    expect((await print(ALL, brain({ expiry, horizon }), "kv/app")).text).toBe(" 0  0");
  });

  it("asks for the secret, as `secret` does", async () => {
    expect((await print(["lesseeExpiry"], NOTHING_KNOWN)).missing).toEqual([{ kind: "read", path: PATH }]);
  });

  it("is known to be printed before anything is", async () => {
    expect((await print(["lesseeExpiry"], NOTHING_KNOWN)).printsHorizon).toBe(false);
    expect((await print(["lesseeHorizonUnix"], NOTHING_KNOWN)).printsHorizon).toBe(true);
  });
});
