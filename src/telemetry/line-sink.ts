/**
 * Lines on their way to a daemon: gathered for a moment, sent together, and thrown away where nobody takes them.
 * Whoever pushes one never waits and never hears of a failure.
 */
import { describe } from "../errors.ts";
import type { Clock } from "../ports.ts";

export interface LineSink {
  push(line: string): void;
  /** Sends what is left, if that is soon done, and closes. */
  stop(): Promise<void>;
}

/** An open connection, or what goes for one. */
export interface Wire {
  /** Rejects where it could not be sent; the wire is of no use then. */
  send(text: string): Promise<void>;
  close(): void;
}

export interface LineSinkOptions {
  /** How messages name it: `statsd_address 127.0.0.1:8125`. */
  readonly name: string;
  readonly clock: Pick<Clock, "now">;
  open(): Promise<Wire>;
  complain(message: string): void;
}

/** As go-metrics has them: what fits into one packet on its way, and how long it is gathered and a daemon left alone. */
const PACKET = 1_400;
const GATHERING = 100;
const PAUSE = 5_000;
/** Packets that wait for a connection; more are lost. */
const MOST_PACKETS = 64;
const LAST_WORDS = 300;

export function createLineSink({ name, clock, open, complain }: LineSinkOptions): LineSink {
  const said = new Set<string>();
  let packets: string[] = [];
  let wire: Wire | null = null;
  let timer: NodeJS.Timeout | null = null;
  let sending: Promise<void> | null = null;
  let pausedUntil = 0;
  let stopped = false;

  function push(line: string): void {
    if (stopped || clock.now() < pausedUntil) return;
    const last = packets.at(-1);
    if (last !== undefined && last.length + line.length <= PACKET) packets[packets.length - 1] = last + line;
    else if (packets.length < MOST_PACKETS) packets.push(line);
    timer ??= setTimeout(flush, GATHERING);
  }

  function flush(): void {
    timer = null;
    sending ??= send().finally(() => {
      sending = null;
    });
  }

  function hangUp(): void {
    wire?.close();
    wire = null;
  }

  async function send(): Promise<void> {
    try {
      while (packets.length > 0) {
        wire ??= await open();
        await wire.send(packets.shift()!);
      }
    } catch (error) {
      hangUp();
      packets = [];
      pausedUntil = clock.now() + PAUSE;
      const message = describe(error);
      // Once: where nobody listens that would be every few seconds.
      if (!said.has(message)) complain(`telemetry: ${name}: ${message}; its metrics are thrown away until it answers`);
      said.add(message);
    }
  }

  return {
    push,
    async stop() {
      stopped = true;
      if (timer !== null) clearTimeout(timer);
      flush();
      const giveUp = Promise.withResolvers<void>();
      const late = setTimeout(giveUp.resolve, LAST_WORDS);
      await Promise.race([sending, giveUp.promise]);
      clearTimeout(late);
      // An attempt to connect that is still under way ends in its own time.
      void sending?.then(hangUp);
      hangUp();
    },
  };
}
