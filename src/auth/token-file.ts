/** A token that somebody else made and keeps in a file: it is only looked up, used, renewed, and never revoked. */
import { keptCredential } from "./credential-file.ts";
import type { AuthMethod } from "./method.ts";
import { type MethodSettings, requiredText } from "./settings.ts";

export function parseTokenFile(config: MethodSettings): AuthMethod {
  const path = requiredText(config, "token_file_path", "name the file that the token stands in");
  const token = keptCredential(path, "token_file_path");
  return {
    watches: [path],
    borrowsToken: true,
    pod: async () => "",
    prepare: async (ports) => ({ token: (await token.take(ports)).value }),
    renewal: { isNew: async (ports) => (await token.take(ports)).isNew },
  };
}
