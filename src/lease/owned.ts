/** What is said of a user that owns objects, with the statements that mend it (rule M6). */
import type { RoleSessions } from "../ports.ts";

export function ownedText({
  owned,
  ownedNames,
  username,
}: Pick<RoleSessions, "owned" | "ownedNames" | "username">): string {
  const more = owned > ownedNames.length ? ", \u2026" : "";
  const names = ownedNames.length === 0 ? "" : ` (${ownedNames.join(", ")}${more})`;
  const role = `"${username.replaceAll('"', '""')}"`;
  return (
    `the role ${username} owns ${owned} ${owned === 1 ? "object" : "objects"}${names} and cannot be dropped, and the next user ` +
    `may not touch them: in their database run REASSIGN OWNED BY ${role} TO an owner that stays; DROP OWNED BY ${role}; and let ` +
    "the role's revocation_statements do so (docs/troubleshooting.md#owned-objects)"
  );
}
