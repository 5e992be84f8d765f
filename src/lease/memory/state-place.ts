/** Where the state file lies, and who may use it: the first place that can be had, by one process at a time. */
import { AGENT_CACHE, stateFolders } from "../../config/state-folders.ts";
import type { StateConfig } from "../../config/types.ts";
import { describe, LesseeError } from "../../errors.ts";
import type { Claim, Files, Kill } from "../../ports.ts";
import { Sensitive } from "../../sensitive.ts";
import { type Binding, openStateFile, type StateFile } from "./state-file.ts";

const LOCK = "lessee.lock";

export interface StatePlace {
  readonly file: StateFile;
  readonly folder: string;
  /** Another container of the pod will find it: the init container leaves its lease to the sidecar. */
  readonly shared: boolean;
  close(): Promise<void>;
}

export interface PlaceOptions {
  readonly config: StateConfig;
  readonly home: string | undefined;
  /** As StateFileOptions has it. */
  binding(): Promise<Binding>;
  readonly files: Files;
  /** As StateFileOptions has it. */
  write(path: string, content: Uint8Array): Promise<void>;
  readonly kill: Kill;
  readonly claim: Claim;
  readonly pid: number;
}

/** null, with the reason, where there is no such place: the sidecar then works without a memory. */
export async function openState(options: PlaceOptions): Promise<{ place: StatePlace | null; warning: string | null }> {
  const { config, files, home } = options;
  const cached = config.path === undefined && (await isFolder(files, AGENT_CACHE));
  const folder = config.path ?? (cached ? AGENT_CACHE : home === undefined ? undefined : `${home}/.lessee`);
  if (folder === undefined)
    return { place: null, warning: "no place for the state file: neither state.path nor HOME is set" };
  try {
    const key = config.keyFile === undefined ? null : await readKey(files, config.keyFile);
    await files.mkdir(folder, { recursive: true, mode: 0o700 });
    const unlock = await lock(`${folder}/${LOCK}`, folder, options);
    const file = openStateFile({ folder, binding: options.binding, key, files, write: options.write });
    return { place: { file, folder, shared: config.path !== undefined || cached, close: unlock }, warning: null };
  } catch (error) {
    return { place: null, warning: `the state is not kept: ${describe(error)}` };
  }
}

/** The process that keeps its state where one does that nobody has named a folder to; null where none runs. */
export async function runningHere(home: string | undefined, ports: LockPorts): Promise<number | null> {
  for (const folder of stateFolders(home)) {
    const owner = await ports.files.readFile(`${folder}/${LOCK}`, "utf8").catch(() => null);
    if (owner !== null && (await isRunning(owner, ports))) return Number(owner.split(" ")[0]);
  }
  return null;
}

// ---- internal ----

type LockPorts = Pick<PlaceOptions, "files" | "kill" | "pid">;

async function readKey(files: Files, path: string): Promise<Sensitive<string>> {
  const key = (await files.readFile(path, "utf8")).trim();
  if (key.length < 16) throw new LesseeError("state", `state.key_file: ${path} has fewer than 16 characters`);
  return new Sensitive(key);
}

/**
 * The claim is what keeps out whoever starts at the same instant. The file says who it is, to whoever asks for it and to
 * those that another claim is for: another pod with the same volume, or a machine that has no claims.
 */
async function lock(path: string, folder: string, options: PlaceOptions): Promise<() => Promise<void>> {
  const { files, pid } = options;
  const { dev, ino } = await files.stat(folder);
  const release = await options.claim(`lessee-state-${dev}-${ino}`);
  try {
    const owner = await files.readFile(path, "utf8").catch(() => null);
    const isHeld = owner !== null && (await isRunning(owner, options));
    if (isHeld || release === null) {
      const who = isHeld ? `another lessee (pid ${owner.split(" ")[0]})` : "another lessee that starts or ends";
      throw new LesseeError("state", `${path} is held by ${who}`, { hint: "give each its own state.path" });
    }
    await files.rm(path, { force: true });
    const handle = await files.open(path, "wx", 0o600);
    try {
      await handle.writeFile(`${pid} ${await startTime(files, pid)}`);
    } finally {
      await handle.close();
    }
  } catch (error) {
    await release?.();
    throw error;
  }
  return async () => {
    await files.rm(path, { force: true });
    await release();
  };
}

/** The pid alone proves nothing: in another container, or after a restart, it is somebody else's. */
async function isRunning(owner: string, { files, kill, pid }: LockPorts): Promise<boolean> {
  const [text, started] = owner.split(" ");
  const other = Number(text);
  if (!Number.isInteger(other) || other <= 0 || other === pid) return false;
  try {
    kill(other, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EPERM") return false;
  }
  return (await startTime(files, other)) === started;
}

/** As the kernel counts it, in ticks since the boot; `0` where there is no /proc. */
async function startTime(files: Files, pid: number): Promise<string> {
  const stat = await files.readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? "0";
}

async function isFolder(files: Files, path: string): Promise<boolean> {
  return files.stat(path).then(
    (stat) => stat.isDirectory(),
    () => false,
  );
}
