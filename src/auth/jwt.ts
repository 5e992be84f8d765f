/** JWT: a JWT that somebody else writes to a file, which is removed once it is read. A new one there may mean a new login. */
import { LesseeError } from "../errors.ts";
import { podUid } from "../kubernetes/claims.ts";
import type { Sensitive } from "../sensitive.ts";
import { readCredential, removeCredential } from "./credential-file.ts";
import type { AuthMethod, LoginPorts } from "./method.ts";
import { type MethodSettings, optionalBool, optionalDuration, requiredText } from "./settings.ts";

/** As the real agent has them: a file that is to go is looked for more often. */
const PERIOD_WHERE_REMOVED = 500;
const PERIOD_WHERE_KEPT = 60_000;

export function parseJwt(config: MethodSettings): AuthMethod {
  const path = requiredText(config, "path", "name the file that the JWT stands in");
  const role = requiredText(config, "role", "name the role of the auth mount");
  const removes = optionalBool(config, "remove_jwt_after_reading", true);
  const follows = optionalBool(config, "remove_jwt_follows_symlinks", false);
  const period = optionalDuration(config, "jwt_read_period", removes ? PERIOD_WHERE_REMOVED : PERIOD_WHERE_KEPT);
  let latest: Sensitive<string> | null = null;
  let used: Sensitive<string> | null = null;

  async function takeUp(ports: Pick<LoginPorts, "files" | "warn">): Promise<void> {
    const found = await readCredential(ports.files, path, "path");
    if (found === null) return;
    latest = found;
    if (removes) await removeCredential(path, follows, ports);
  }

  return {
    role,
    watches: [path],
    pod: async ({ files }) => podUid(await files.readFile(path, "utf8").catch(() => "")),
    async prepare(ports) {
      await takeUp(ports);
      if (latest === null) {
        throw new LesseeError("auth", `path: there is no JWT in ${path}, and none was read before`, {
          hint: "write one there; it is read once and then removed, unless remove_jwt_after_reading = false",
        });
      }
      used = latest;
      return { body: { role, jwt: latest.reveal() }, secrets: [latest] };
    },
    renewal: {
      period,
      async isNew(ports) {
        await takeUp(ports);
        return used !== null && latest?.reveal() !== used.reveal();
      },
    },
  };
}
