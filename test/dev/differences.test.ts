import { describe, expect, it } from "vitest";
import { differences } from "./recordings.ts";

describe("an answer differs from a recorded one", () => {
  const token = "s.Fl2wIlMueoBcnZ6bG71cTdB7";
  const other = "s.RdWLDOdOAmIxVlbi0nxUDpLk";
  const differ = (recorded: unknown, came: unknown) => differences(recorded, came, new Map()).length;

  it.each([
    ["in a constant text", { errors: ["lease not found"] }, { errors: ["invalid lease"] }],
    ["in a constant number", { lease_duration: 60 }, { lease_duration: 61 }],
    ["in a kind of value", { warnings: null }, { warnings: [] }],
    ["in a missing key", { a: 1, b: 2 }, { a: 1 }],
    ["in a key that is too much", { a: 1 }, { a: 1, b: 2 }],
    ["in the order of its keys", { a: 1, b: 2 }, { b: 2, a: 1 }],
    ["in the length of a list", { errors: [] }, { errors: ["x"] }],
    ["in the shape of a token", { token }, { token: "hvs.CAESI" }],
    ["in the shape of a time", { at: "2026-11-24T00:17:01Z" }, { at: "2026-11-24T00:17:01.5Z" }],
    ["in a life that is not nearly as long", { ttl: 43_187 }, { ttl: 43_185 }],
    ["in what stands twice, and should be the same", [token, token], [other, token]],
  ])("%s", (_, recorded, came) => {
    expect(differ(recorded, came)).toBeGreaterThan(0);
  });

  it.each([
    ["in an identifier", [token, token], [other, other]],
    ["in a time", { at: "2026-11-23T23:28:55.34398374Z" }, { at: "2027-01-01T00:00:00.5Z" }],
    ["in an address", "dial tcp 10.244.0.1:5432: refused", "dial tcp 127.0.0.1:41234: refused"],
    ["in a second of what is left", { ttl: 43_187 }, { ttl: 43_188 }],
    ["in a moment", { server_time_utc: 1_795_478_821 }, { server_time_utc: 1_795_489_461 }],
  ])("not %s", (_, recorded, came) => {
    expect(differ(recorded, came)).toBe(0);
  });
});
