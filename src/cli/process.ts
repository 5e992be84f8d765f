/** What a command gets of the process it runs in, beside the World: signals. */
export interface ProcessSignals {
  /** Aborts at the first SIGTERM or SIGINT; the reason is the signal's name. */
  readonly stop: AbortSignal;
  /** Calls back at every SIGHUP; the answer unsubscribes. */
  onReload(reload: () => void): () => void;
  /** Calls back at every signal of this name; the answer unsubscribes. */
  onSignal(signal: NodeJS.Signals, listener: () => void): () => void;
  /** Calls back at the very end of the process, however it ends; the answer unsubscribes. */
  onExit(listener: () => void): () => void;
}
