/**
 * Tells the application by a signal, in a shared process namespace (rule M8). A signal without a handler would end
 * the application, so it is sent only to a process that the kernel says has one. (Go programs and JVMs install
 * handlers for nearly all signals and may still end themselves: that the kernel cannot tell.)
 */
import { constants } from "node:os";
import { NotifyError } from "../errors.ts";
import type { Notifier } from "../ports.ts";
import type { ConfigOf, NotifyPorts } from "./ports.ts";
import { findByName, readState } from "./processes.ts";

/** The target is looked up anew at each notification: after an exec or a restart it is another process. */
export function signalNotifier(config: ConfigOf<"signal">, ports: NotifyPorts): Notifier {
  const proc = ports.proc ?? "/proc";
  return {
    kind: "signal",
    target: `signal ${config.signal} to ${targetName(config)}`,
    async notify() {
      const pid = await findTarget(config, proc, ports);
      const name = config.process === undefined ? `process ${pid}` : `${config.process} (process ${pid})`;
      const state = await readState(pid, proc, ports.files);
      if (!state) throw gone(name);
      // Who may not send it needs to know that first, whatever the handler.
      send(pid, 0, name, state.uid, config, ports);
      const signalNumber = constants.signals[config.signal];
      if (state.ignores(signalNumber)) {
        throw new NotifyError(`${name} ignores ${config.signal}`, false, {
          hint: "name the signal at which it reads its configuration again",
        });
      }
      if (!state.catches(signalNumber)) {
        throw new NotifyError(`${name} has no handler for ${config.signal}, which would end it: not sent`, false, {
          hint: "it is sent as soon as there is one; else name the signal at which it reads its configuration again",
        });
      }
      send(pid, config.signal, name, state.uid, config, ports);
    },
  };
}

function targetName(config: ConfigOf<"signal">): string {
  return config.process ?? config.pidFile ?? `process ${config.pid}`;
}

async function findTarget(config: ConfigOf<"signal">, proc: string, ports: NotifyPorts): Promise<number> {
  if (config.process !== undefined) return await findOne(config.process, proc, ports);
  if (config.pidFile !== undefined) return await readPidFile(config.pidFile, ports);
  if (config.pid !== undefined) return config.pid;
  throw new NotifyError("the signal has no target", true, { hint: "give process, pid_file or pid" });
}

/** None or several is a fault, never a guess. */
async function findOne(name: string, proc: string, { files, pid: own }: NotifyPorts): Promise<number> {
  const pids = await findByName(name, own, proc, files);
  const [pid, ...others] = pids;
  if (pid === undefined) {
    throw new NotifyError(`no process is called ${name}`, false, {
      hint: "the pod needs shareProcessNamespace: true, and the name is that of the program's file",
    });
  }
  if (others.length > 0) {
    throw new NotifyError(`${pids.length} processes are called ${name}: ${pids.join(", ")}`, true, {
      hint: "name the one by pid_file",
    });
  }
  return pid;
}

async function readPidFile(path: string, { files }: NotifyPorts): Promise<number> {
  let text: string;
  try {
    text = await files.readFile(path, "utf8");
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new NotifyError(`pid_file cannot be read: ${message}`, false, { cause: error });
  }
  const pid = /^\s*([1-9]\d{0,9})\b/.exec(text)?.[1];
  if (pid === undefined) throw new NotifyError(`pid_file ${path} holds no process id`, false);
  return Number(pid);
}

function send(
  pid: number,
  signal: NodeJS.Signals | 0,
  name: string,
  uid: number,
  config: ConfigOf<"signal">,
  ports: NotifyPorts,
): void {
  try {
    ports.kill(pid, signal);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code === "ESRCH") throw gone(name);
    if (code === "EPERM") {
      throw new NotifyError(
        `not permitted to signal ${name}, which runs as user ${uid} while lessee runs as ${ports.uid}`,
        true,
        { hint: "run both as the same user (annotation agent-run-as-same-user), or give lessee the capability KILL" },
      );
    }
    const message = error instanceof Error ? error.message : String(error);
    throw new NotifyError(`cannot send ${config.signal} to ${name}: ${message}`, true, { cause: error });
  }
}

function gone(name: string): NotifyError {
  return new NotifyError(`${name} does not run`, false);
}
