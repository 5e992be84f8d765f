import { describe, expect, it } from "vitest";
import { createPolicyStore, parsePolicy } from "../../dev/vault/policies.ts";

/** What tokens with these policy texts may do on a path. */
function capabilities(path: string, ...texts: string[]) {
  const store = createPolicyStore();
  texts.forEach((text, index) => {
    store.write(`p${index}`, text);
  });
  return store.capabilities(
    texts.map((_, index) => `p${index}`),
    path,
  );
}

describe("a policy", () => {
  const read = (pattern: string) => `path "${pattern}" { capabilities = ["read"] }`;

  it.each([
    ["database/creds/pg", "database/creds/pg", true],
    ["database/creds/pg", "database/creds/pg2", false],
    ["database/creds/*", "database/creds/pg", true],
    ["database/creds/*", "database/creds/a/b", true],
    ["database/creds/*", "database/creds", false],
    ["database/creds/pg*", "database/creds/pg-role", true],
    ["+/creds/pg", "database/creds/pg", true],
    ["+/creds/pg", "a/b/creds/pg", false],
    ["+/creds/*", "database/creds/pg", true],
    ["*", "anything/at/all", true],
  ])("for %s on %s: %s", (pattern, path, granted) => {
    expect(capabilities(path, read(pattern))).toEqual([granted ? "read" : "deny"]);
  });

  it("counts by its most specific pattern alone", () => {
    const text = `
      # everything, except one thing
      path "kv/*"      { capabilities = ["read", "list"] }
      path "kv/closed" { capabilities = ["deny"] }
      path "kv/+/x"    { capabilities = ["update"] }
      path "kv/a/x"    { capabilities = ["create"] }`;
    expect(capabilities("kv/open", text)).toEqual(["list", "read"]);
    expect(capabilities("kv/closed", text)).toEqual(["deny"]);
    expect(capabilities("kv/b/x", text)).toEqual(["update"]);
    expect(capabilities("kv/a/x", text)).toEqual(["create"]);
  });

  it("adds to others about the same pattern, and a denial wins", () => {
    const update = 'path "kv/a" { capabilities = ["update"] }';
    const deny = 'path "kv/a" { capabilities = ["deny"] }';
    expect(capabilities("kv/a", read("kv/a"), update)).toEqual(["read", "update"]);
    expect(capabilities("kv/a", read("kv/a"), update, deny)).toEqual(["deny"]);
  });

  it("that cannot be read is refused", () => {
    expect(() => parsePolicy('path "a" { capabilities = ["reed"] }')).toThrow(/path "a": invalid capability "reed"/);
    expect(() => parsePolicy("nonsense")).toThrow(/failed to parse policy/);
  });

  it("named root may everything and cannot be changed", () => {
    const store = createPolicyStore();
    expect(store.capabilities(["root"], "any/path")).toEqual(["root"]);
    expect(() => store.write("root", "")).toThrow(/cannot update/);
  });

  it("named default lets a token renew its leases, and not revoke them", () => {
    const store = createPolicyStore();
    expect(store.capabilities(["default"], "sys/leases/renew")).toEqual(["update"]);
    expect(store.capabilities(["default"], "sys/leases/revoke")).toEqual(["deny"]);
  });
});
