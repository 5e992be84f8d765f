/** Signals by name, and as Go prints them. */

const GO_WORDS = {
  SIGABRT: "aborted",
  SIGALRM: "alarm clock",
  SIGBUS: "bus error",
  SIGCONT: "continued",
  SIGFPE: "floating point exception",
  SIGHUP: "hangup",
  SIGILL: "illegal instruction",
  SIGINT: "interrupt",
  SIGIO: "I/O possible",
  SIGIOT: "aborted",
  SIGKILL: "killed",
  SIGPIPE: "broken pipe",
  SIGPROF: "profiling timer expired",
  SIGQUIT: "quit",
  SIGSEGV: "segmentation fault",
  SIGSTOP: "stopped (signal)",
  SIGSYS: "bad system call",
  SIGTERM: "terminated",
  SIGTRAP: "trace/breakpoint trap",
  SIGTSTP: "stopped",
  SIGTTIN: "stopped (tty input)",
  SIGTTOU: "stopped (tty output)",
  SIGUSR1: "user defined signal 1",
  SIGUSR2: "user defined signal 2",
  SIGWINCH: "window changed",
  SIGXCPU: "CPU time limit exceeded",
  SIGXFSZ: "file size limit exceeded",
} as const;

export type SignalName = keyof typeof GO_WORDS;

export const SIGNAL_NAMES = Object.keys(GO_WORDS) as readonly SignalName[];

/** With `SIG`, in any case. */
export function signalNamed(text: string): SignalName | undefined {
  const name = text.toUpperCase();
  return SIGNAL_NAMES.find((candidate) => candidate === name);
}

/** `terminated` for SIGTERM. */
export function goWord(signal: SignalName): string {
  return GO_WORDS[signal];
}
