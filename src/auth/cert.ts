/** TLS certificates: the client certificate of the connection is the credential, and the body at most names a role. */
import { LesseeError } from "../errors.ts";
import type { TlsIdentity } from "../ports.ts";
import { Sensitive } from "../sensitive.ts";
import { readCredential } from "./credential-file.ts";
import type { AuthMethod, MethodFiles } from "./method.ts";
import { type MethodSettings, optionalBool, optionalText } from "./settings.ts";

/** Without files of its own the method uses the certificate of the `vault` block. */
export function parseCert(config: MethodSettings): AuthMethod {
  const name = optionalText(config, "name");
  const paths = {
    ca: optionalText(config, "ca_cert"),
    cert: optionalText(config, "client_cert"),
    key: optionalText(config, "client_key"),
  };
  const reload = optionalBool(config, "reload", false);
  if ((paths.cert === undefined) !== (paths.key === undefined)) {
    throw new LesseeError("auth", "auto_auth.method.config: client_cert and client_key must be provided together");
  }
  const watches = Object.values(paths).filter((path) => path !== undefined);
  let known: TlsIdentity | undefined;

  /** The same object for the same certificates: connections are kept by it. */
  async function identity(files: MethodFiles): Promise<TlsIdentity> {
    if (known !== undefined && !reload) return known;
    const read = await readIdentity(paths, files);
    if (known === undefined || !isSame(read, known)) known = read;
    return known;
  }

  return {
    ...(name === undefined ? {} : { role: name }),
    watches,
    pod: async () => "",
    ...(watches.length > 0 && { identity: ({ files }) => identity(files) }),
    async prepare({ files }) {
      const body = name === undefined ? {} : { name };
      if (watches.length === 0) return { body, secrets: [] };
      const read = await identity(files);
      return { body, secrets: read.key === undefined ? [] : [read.key], identity: read };
    },
    ...(reload && {
      renewal: {
        async isNew({ files }) {
          const before = known;
          return before !== undefined && !isSame(await readIdentity(paths, files), before);
        },
      },
    }),
  };
}

interface IdentityPaths {
  readonly ca: string | undefined;
  readonly cert: string | undefined;
  readonly key: string | undefined;
}

async function readIdentity(paths: IdentityPaths, files: MethodFiles): Promise<TlsIdentity> {
  const [ca, cert, key] = await Promise.all([
    read(paths.ca, "ca_cert", files),
    read(paths.cert, "client_cert", files),
    read(paths.key, "client_key", files),
  ]);
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key: new Sensitive(key) }),
  };
}

async function read(path: string | undefined, key: string, files: MethodFiles): Promise<string | undefined> {
  if (path === undefined) return undefined;
  const found = await readCredential(files, path, key);
  if (found !== null) return found.reveal();
  throw new LesseeError("auth", `${key}: there is nothing in ${path}`, { hint: "is its volume mounted here?" });
}

function isSame(one: TlsIdentity, other: TlsIdentity): boolean {
  return one.ca === other.ca && one.cert === other.cert && one.key?.reveal() === other.key?.reveal();
}
