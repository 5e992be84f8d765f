/** Every rule about leases, tokens and Postgres that this program keeps has a test that is named after it. */
import { expect, it } from "vitest";
import { readTests } from "./tests.ts";

/** In short; what each says in full stands where its test is. */
const RULES: Readonly<Record<string, string>> = {
  W1: "expiry is what ends if nothing more succeeds, horizon what no renewal can pass; rotation is due by the horizon",
  W2: "a rotation never begins before half of the life is over",
  W3: "an old credential goes when it was heard, has settled, and nobody was seen for the whole quiet period",
  W4: "sessions are counted by the role's oid",
  W5: "the lead counts from the last reader, and escalation moves forward, not the deadline",
  W6: "a failed renewal is judged by one lookup",
  W7: "a release has ended when the lease is unknown and the role is gone",
  W8: "revoke-self is the last act on a token, and none on one that was given away",
  W9: "a candidate is tried again before it is refused, and refused once an hour at most",
  W10: "state is adopted when lookups say so and a login proves it",
  W11: "state is bound to server, mount, role and pod, and locked",
  M1: "max TTLs are asked for in the first second",
  M2: "a read is never aborted or repeated, and counts as made where its answer is unclear",
  M3: "a token that may be used a few times only is refused",
  M4: "orphans, children, batch and periodic tokens are told apart",
  M5: "VALID UNTIL counts where it ends before the lease",
  M6: "objects that a user owns are counted, named, and said with their cure",
  M7: "room for two generations is looked for before another user is made, and is never in the way",
  M8: "a signal goes to one process of the same user that has a handler for it",
  M9: "at SIGTERM a moment without sessions is not the end",
  M10: "an init container leaves its lease and its token to last",
  M11: "links are relative and stay inside the volume",
  M12: "where sessions cannot be seen, the lead alone is the rule",
  M13: "a clock that jumps takes nothing away, and the server is asked before a rotation is begun because of it",
  M14: "lease calls go to the namespace of the read, and a refusal there ends the renewals",
  R1: "what the token may do is asked for once and said, and a refusal that is known is not asked for again",
  R2: "a lease is renewed under the token that it was read with, which is kept for it",
  R3: "only what retires is released",
  R4: "a renewal that comes back shortened still leaves the lead",
  R5: "without a known lifetime the lead is a third of the life, and an hour at most",
  R6: "one login for each refused read",
  R7: "a container between two restarts has not ended",
  R8: "the old user's own connection is opened at the publish",
  R9: "what passes in Postgres by itself is tried again, and counts as made",
};

it.each(Object.entries(RULES))("rule %s has a test of its name: %s", (name) => {
  const titles = readTests().flatMap(({ titles: all }) => all);
  expect(titles.filter((title) => new RegExp(`\\b${name}\\b`).test(title))).not.toEqual([]);
});

it("no test names a rule that there is not", () => {
  const named = readTests().flatMap(({ titles }) => titles.flatMap((title) => title.match(/\b[WMR]\d{1,2}\b/g) ?? []));
  expect([...new Set(named)].filter((name) => !Object.hasOwn(RULES, name))).toEqual([]);
});
