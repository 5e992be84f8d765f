/**
 * What a sidecar holds, kept for the one that comes after it: the init container's for the sidecar, a killed one's for
 * the restarted one. It holds secrets: a memory-backed folder, mode 0600, and sealed when there is a key to seal with.
 */
import { join } from "node:path";
import { describe, LesseeError } from "../../errors.ts";
import { JsonNumber, type JsonValue, parseJson } from "../../json.ts";
import type { Files } from "../../ports.ts";
import type { Dependency } from "../../render/template.ts";
import { Sensitive } from "../../sensitive.ts";
import { secretFrom } from "../../vault/answer.ts";
import type { Ends, VaultSecret } from "../../vault/secret.ts";
import type { HeldRecord } from "../keeping/keeper.ts";

/** Whose state it is: another server's, role's or pod's is put aside untouched (rule W11). */
export interface Binding {
  readonly address: string;
  readonly namespace: string;
  readonly mount: string;
  readonly role: string;
  /** The pod's uid as its JWT has it, else its name; empty outside of a cluster. */
  readonly pod: string;
}

export interface SavedCredential {
  readonly dependency: Dependency;
  readonly stage: "current" | "retiring";
  readonly lease: string;
  readonly user: string | null;
  readonly readAt: number;
  readonly duration: number;
  readonly horizon: number | null;
  readonly publishedAt: number | null;
  readonly oids: readonly number[] | undefined;
  /** Its sessions were not shown (rule M12). */
  readonly blind?: boolean;
  /** What its files say of its end: they must not change when it is taken up. */
  readonly ends?: Ends;
  /** The secret's answer as text, so that numbers keep their spelling. */
  readonly answer: string;
}

export interface SavedState {
  readonly token: Sensitive<string>;
  readonly credentials: readonly SavedCredential[];
}

export interface Kept {
  readonly state: SavedState | null;
  readonly warning: string | null;
}

export interface StateFile {
  save(state: SavedState): Promise<void>;
  /**
   * null when there is none, or none of ours; what cannot be used is put aside, and said. Rejects where there is one and
   * it cannot be told whose: it stays as it is then.
   */
  load(): Promise<Kept>;
  remove(): Promise<void>;
}

export interface StateFileOptions {
  readonly folder: string;
  /** Rejects where it cannot be told now. */
  binding(): Promise<Binding>;
  readonly key: Sensitive<string> | null;
  readonly files: Pick<Files, "mkdir" | "readFile" | "rename" | "rm">;
  /** Replaces a file in one step, with mode 0600. */
  write(path: string, content: Uint8Array): Promise<void>;
}

const VERSION = 1;
const NAME = "lessee-state.json";

export function openStateFile(options: StateFileOptions): StateFile {
  const { files, folder } = options;
  const path = join(folder, NAME);

  async function putAside(why: string): Promise<string> {
    await files.rename(path, `${path}.unusable`).catch(() => {});
    return `the state in ${path} is not taken up and was put aside as ${NAME}.unusable: ${why}`;
  }

  return {
    async save(state) {
      const binding = await options.binding();
      const contents = { version: VERSION, binding, token: state.token.reveal(), credentials: state.credentials };
      const content = Buffer.from(JSON.stringify(await seal(contents, options.key)));
      await files.mkdir(folder, { recursive: true, mode: 0o700 });
      await options.write(path, content);
    },
    async load() {
      let text: string;
      try {
        text = await files.readFile(path, "utf8");
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        if (code === "EFBIG") return { state: null, warning: await putAside(describe(error)) };
        const missing = code === "ENOENT";
        return { state: null, warning: missing ? null : `the state in ${path} cannot be read: ${describe(error)}` };
      }
      const binding = await options.binding();
      try {
        const saved = await unseal(parsed(text), options.key);
        if (saved.version !== VERSION)
          throw new LesseeError("state", `it is of version ${saved.version}, and this lessee knows ${VERSION}`);
        const foreign = Object.keys(binding).filter(
          (name) => saved.binding?.[name as keyof Binding] !== binding[name as keyof Binding],
        );
        if (foreign.length > 0) throw new LesseeError("state", `it belongs to another ${foreign.join(", ")}`);
        return { state: stateFrom(saved), warning: null };
      } catch (error) {
        return { state: null, warning: await putAside(describe(error)) };
      }
    },
    remove: () => files.rm(path, { force: true }),
  };
}

/** What is kept of a held credential. As long as that is the same it answers with the same object. */
export function createSaver(): (dependency: Dependency, record: HeldRecord) => SavedCredential {
  const last = new WeakMap<VaultSecret, SavedCredential>();
  return (dependency, { held, oids, publishedAt, secret, stage }) => {
    const { blind, duration, ends, lease, readAt, user } = held;
    const horizon = Number.isFinite(held.horizon) ? held.horizon : null;
    const before = last.get(secret);
    const same =
      before?.stage === stage &&
      before.horizon === horizon &&
      before.publishedAt === publishedAt &&
      before.oids === oids &&
      before.ends === ends &&
      before.blind === blind;
    if (before && same) return before;
    const answer = stringify({
      lease_id: secret.lease.id,
      renewable: secret.lease.renewable,
      data: secret.data.reveal(),
    });
    const seen = { publishedAt, oids, ...(blind !== undefined && { blind }), ...(ends !== undefined && { ends }) };
    const saved = { dependency, stage, lease, user, readAt, duration, horizon, ...seen, answer };
    last.set(secret, saved);
    return saved;
  };
}

export function secretOf(credential: SavedCredential) {
  const answer = parseJson(credential.answer) as { [key: string]: JsonValue };
  const secret = secretFrom(answer);
  return { ...secret, lease: { ...secret.lease, durationSeconds: Math.floor(credential.duration / 1_000) } };
}

// ---- internal ----

interface Contents {
  readonly version: number;
  readonly binding?: Binding;
  readonly token?: string;
  readonly credentials?: readonly SavedCredential[];
}

/** Half a state is none. What stands in a credential was written by the version that is checked before. */
function stateFrom({ token, credentials }: Contents): SavedState {
  const whole =
    typeof token === "string" &&
    Array.isArray(credentials) &&
    credentials.every((one) => typeof one?.lease === "string" && typeof one.answer === "string" && one.dependency);
  if (!whole) throw new LesseeError("state", "it is not complete");
  return { token: new Sensitive(token), credentials };
}

interface Sealed {
  readonly version: number;
  readonly nonce: string;
  readonly sealed: string;
}

async function seal(contents: Contents, key: Sensitive<string> | null): Promise<Contents | Sealed> {
  if (key === null) return contents;
  const { createCipheriv, randomBytes } = await import("node:crypto");
  const nonce = randomBytes(12);
  const cipher = createCipheriv("aes-256-gcm", await keyFrom(key), nonce);
  const sealed = Buffer.concat([cipher.update(JSON.stringify(contents), "utf8"), cipher.final(), cipher.getAuthTag()]);
  return { version: VERSION, nonce: nonce.toString("base64"), sealed: sealed.toString("base64") };
}

async function unseal(read: Contents | Sealed, key: Sensitive<string> | null): Promise<Contents> {
  if (typeof read !== "object" || read === null) throw new LesseeError("state", "it is no state");
  if (!("sealed" in read)) return read;
  if (key === null) throw new LesseeError("state", "it is sealed, and there is no state.key_file");
  const { createDecipheriv } = await import("node:crypto");
  const bytes = Buffer.from(read.sealed, "base64");
  const decipher = createDecipheriv("aes-256-gcm", await keyFrom(key), Buffer.from(read.nonce, "base64"));
  decipher.setAuthTag(bytes.subarray(-16));
  const opened = Buffer.concat([decipher.update(bytes.subarray(0, -16)), decipher.final()]);
  return parsed(opened.toString("utf8")) as Contents;
}

/** What JSON.parse says of a fault may quote what stands around it, as a token. */
function parsed(text: string): Contents | Sealed {
  try {
    return JSON.parse(text);
  } catch {
    throw new LesseeError("state", "it is no JSON: it was cut off, or written by somebody else");
  }
}

async function keyFrom(key: Sensitive<string>): Promise<Buffer> {
  const { createHash } = await import("node:crypto");
  return createHash("sha256").update(key.reveal()).digest();
}

/** JSON with the numbers as Vault spelled them. */
function stringify(value: unknown): string {
  if (value instanceof JsonNumber) return value.text;
  if (Array.isArray(value)) return `[${value.map(stringify).join(",")}]`;
  if (typeof value === "object" && value !== null) {
    return `{${Object.entries(value)
      .map(([key, one]) => `${JSON.stringify(key)}:${stringify(one)}`)
      .join(",")}}`;
  }
  return JSON.stringify(value ?? null);
}
