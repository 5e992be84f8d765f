/** The pure decisions of a lease, and the tests that hold each of them, the quick ones first: those alone that need no world. */
export const DECISIONS: Readonly<Record<string, readonly string[]>> = {
  "src/lease/advance.ts": ["advance", "decide", "lifecycle", "backoff"],
  "src/lease/backoff.ts": ["backoff", "advance", "token", "fleet"],
  "src/lease/escalation.ts": ["listening", "escalation", "decide", "lifecycle"],
  "src/lease/lifecycle.ts": ["decide", "backoff", "lifecycle"],
  "src/lease/policy.ts": ["policy", "fleet"],
  "src/lease/schedule.ts": ["schedule", "validity", "decide", "listening", "fleet", "token", "escalation", "lifecycle"],
  "src/lease/token.ts": ["token", "fleet"],
  "src/lease/validity.ts": ["validity"],
};

export function testsOf(file: string): readonly string[] {
  return (DECISIONS[file] ?? []).map((name) => `test/lease/${name}.test.ts`);
}
