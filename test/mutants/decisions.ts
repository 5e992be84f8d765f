/** The pure decisions of a lease, and the tests that hold each of them, the quick ones first: those alone that need no world. */
export const DECISIONS: Readonly<Record<string, readonly string[]>> = {
  "src/lease/advance.ts": ["advance", "decide", "lifecycle", "backoff"],
  "src/lease/backoff.ts": ["backoff", "advance", "token", "fleet"],
  "src/lease/change.ts": ["advance", "lifecycle"],
  "src/lease/escalation.ts": ["listening", "escalation", "decide", "lifecycle"],
  "src/lease/hearing.ts": ["advance", "lifecycle"],
  "src/lease/lifecycle.ts": ["decide", "backoff", "lifecycle"],
  "src/lease/policy.ts": ["policy", "fleet"],
  "src/lease/retirement.ts": ["advance", "lifecycle"],
  "src/lease/schedule.ts": ["schedule", "validity", "decide", "listening", "fleet", "token", "escalation", "lifecycle"],
  "src/lease/token.ts": ["token", "fleet"],
  "src/lease/trouble.ts": ["trouble", "advance", "decide", "lifecycle"],
  "src/lease/validity.ts": ["validity"],
};

export function testsOf(file: string): readonly string[] {
  return (DECISIONS[file] ?? []).map((name) => `test/lease/${name}.test.ts`);
}
