/** The pure decisions of a lease, and the tests that hold each of them: those alone that need no world. */
export const DECISIONS: Readonly<Record<string, readonly string[]>> = {
  "src/lease/advance.ts": ["lifecycle", "backoff"],
  "src/lease/backoff.ts": ["backoff"],
  "src/lease/escalation.ts": ["escalation", "lifecycle"],
  "src/lease/lifecycle.ts": ["lifecycle", "backoff"],
  "src/lease/policy.ts": ["policy", "fleet"],
  "src/lease/schedule.ts": ["schedule", "fleet", "validity", "token", "escalation", "lifecycle"],
  "src/lease/token.ts": ["token", "fleet"],
  "src/lease/validity.ts": ["validity"],
};

export function testsOf(file: string): readonly string[] {
  return (DECISIONS[file] ?? []).map((name) => `test/lease/${name}.test.ts`);
}
