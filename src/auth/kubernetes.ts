/** Kubernetes: the pod's service account JWT, read anew at every login because the kubelet replaces it. */
import { LesseeError } from "../errors.ts";
import { podUid } from "../kubernetes/claims.ts";
import { Sensitive } from "../sensitive.ts";
import type { AuthMethod } from "./method.ts";

const DEFAULT_TOKEN_PATH = "/var/run/secrets/kubernetes.io/serviceaccount/token";

export function parseKubernetes(config: Readonly<Record<string, unknown>>): AuthMethod {
  const role = config.role;
  if (role === undefined)
    throw new LesseeError("auth", "auto_auth.method.config: missing 'role' value", {
      hint: 'name the role of the auth mount, e.g. role = "pg"',
    });
  if (typeof role !== "string" || role === "")
    throw new LesseeError("auth", "auto_auth.method.config: 'role' value is empty");
  const path = config.token_path ?? DEFAULT_TOKEN_PATH;
  if (typeof path !== "string" || path === "")
    throw new LesseeError("auth", "auto_auth.method.config: 'token_path' is not a path");
  return {
    role,
    watches: [path],
    pod: async ({ files }) => podUid(await read(files, path)),
    async prepare({ files }) {
      const jwt = new Sensitive((await read(files, path)).trim());
      if (jwt.reveal() === "")
        throw new LesseeError("auth", `the service account token ${path} is empty`, {
          hint: "is the projected volume mounted?",
        });
      return { body: { role, jwt: jwt.reveal() }, secrets: [jwt] };
    },
  };
}

async function read(
  files: { readFile(path: string, encoding: "utf8"): Promise<string> },
  path: string,
): Promise<string> {
  try {
    return await files.readFile(path, "utf8");
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    const hint =
      code === "ENOENT"
        ? "does the pod mount a service account token (automountServiceAccountToken, or a projected volume)?"
        : code === "EFBIG"
          ? "it is too large for a token, which has some kilobytes; is it the right file?"
          : "may this user read it? set fsGroup or run as the user that owns it";
    throw new LesseeError("auth", `cannot read the service account token ${path}: ${code ?? String(error)}`, {
      hint,
      cause: error,
    });
  }
}
