/** AppRole: a role id and, usually, a secret id, each in a file; the secret id may come wrapped. */
import { LesseeError } from "../errors.ts";
import { Sensitive } from "../sensitive.ts";
import { keptCredential, readCredential, removeCredential } from "./credential-file.ts";
import type { AuthMethod, LoginPorts } from "./method.ts";
import { type MethodSettings, optionalBool, optionalText, requiredText } from "./settings.ts";

export function parseAppRole(config: MethodSettings): AuthMethod {
  const roleIdFile = requiredText(config, "role_id_file_path", "name the file that the role id stands in");
  const secretIdFile = optionalText(config, "secret_id_file_path");
  const roleId = keptCredential(roleIdFile, "role_id_file_path");
  const secretId = secretIdFile === undefined ? null : secretIdFrom(secretIdFile, config);
  return {
    watches: secretIdFile === undefined ? [roleIdFile] : [roleIdFile, secretIdFile],
    pod: async () => "",
    async prepare(ports) {
      const { value: role } = await roleId.take(ports);
      if (secretId === null) return { body: { role_id: role.reveal() }, secrets: [role] };
      const secret = await secretId(ports);
      return { body: { role_id: role.reveal(), secret_id: secret.reveal() }, secrets: [role, secret] };
    },
  };
}

/** The secret id of the file if there is one, else the one that was used last: the file is removed once it is read. */
function secretIdFrom(path: string, config: MethodSettings): (ports: LoginPorts) => Promise<Sensitive<string>> {
  const removes = optionalBool(config, "remove_secret_id_file_after_reading", true);
  const creationPath =
    config.secret_id_response_wrapping_path === undefined
      ? undefined
      : requiredText(
          config,
          "secret_id_response_wrapping_path",
          'name the path that the secret id is made at, e.g. "auth/approle/role/NAME/secret-id"',
        );
  let kept: Sensitive<string> | null = null;

  return async (ports) => {
    const found = await readCredential(ports.files, path, "secret_id_file_path").catch((error: LesseeError) => {
      if (kept === null) throw error;
      ports.warn(`${error.message}; the secret id that was read before is used`);
      return null;
    });
    if (found !== null) {
      // Only what was unwrapped is kept: where that failed, the file is what there is to try again with.
      kept = creationPath === undefined ? found : await unwrapped(found, creationPath, ports);
      if (removes) await removeCredential(path, false, ports);
    }
    if (kept !== null) return kept;
    throw new LesseeError("auth", `secret_id_file_path: there is no secret id in ${path}, and none was read before`, {
      hint: "write a new one there; it is read once and then removed, unless remove_secret_id_file_after_reading = false",
    });
  };
}

async function unwrapped(
  wrappingToken: Sensitive<string>,
  creationPath: string,
  ports: LoginPorts,
): Promise<Sensitive<string>> {
  const { secret_id: secretId } = await ports.unwrap(wrappingToken, creationPath);
  if (typeof secretId === "string" && secretId !== "") return new Sensitive(secretId);
  throw new LesseeError("auth", `secret_id_file_path: what was wrapped at ${creationPath} has no secret_id`);
}
