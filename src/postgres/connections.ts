/** One shared connection per user and server: verify, watch and drain take turns on it (rule M7). */
import { DatabaseError } from "../errors.ts";
import type { Clock, DatabaseUser, Files } from "../ports.ts";
import { type Connection, connect, type Login } from "./connect.ts";

/** Long enough for every poll of a drain to find the connection open, short enough not to hold one for nothing. */
const IDLE_TIMEOUT = 60_000;

export interface Connections {
  /**
   * Does `work` on the user's connection to the server, alone; logs in where there is none, and always when `fresh`,
   * because only a login proves a password. The connection stays open for the next turn.
   */
  use<T>(server: Server, user: DatabaseUser, signal: AbortSignal, work: Work<T>, how?: { fresh: boolean }): Promise<T>;
  /** Logs in where there is no connection, and keeps it open until the user is dropped. */
  keep(server: Server, user: DatabaseUser, signal: AbortSignal): Promise<void>;
  /** Ends the user's connections to every server. */
  drop(username: string): Promise<void>;
  close(): Promise<void>;
}

export interface Server {
  readonly index: number;
  login(user: DatabaseUser): Login;
}

type Work<T> = (connection: Connection) => Promise<T>;

interface Slot {
  readonly key: string;
  readonly username: string;
  connection: Connection | undefined;
  /** It stays open however long nobody uses it. */
  kept: boolean;
  /** The end of the last turn; never rejects. */
  turn: Promise<unknown>;
  /** Ends the wait after which an unused connection is closed. */
  idle: AbortController | undefined;
}

export function openConnections(ports: { readonly clock: Clock; readonly files: Files }): Connections {
  const slots = new Map<string, Slot>();

  const use: Connections["use"] = (server, user, signal, work, how) => {
    const slot = slotOf(server, user.username);
    return takeTurn(slot, async () => {
      // A healthy connection is not ended for a question that nobody asks any more.
      if (signal.aborted) throw new DatabaseError("server", "given up before it was asked");
      slot.idle?.abort();
      if (how?.fresh || !slot.connection?.alive) {
        await end(slot);
        slot.connection = await connect(server.login(user), ports.files, signal);
      }
      try {
        return await work(slot.connection);
      } finally {
        closeWhenIdle(slot);
      }
    });
  };

  return {
    use,
    keep(server, user, signal) {
      slotOf(server, user.username).kept = true;
      return use(server, user, signal, async () => undefined);
    },

    async drop(username) {
      const theirs = [...slots.values()].filter((slot) => slot.username === username);
      for (const slot of theirs) slot.kept = false;
      await Promise.all(theirs.map((slot) => takeTurn(slot, () => end(slot))));
    },

    async close() {
      await Promise.all([...slots.values()].map((slot) => takeTurn(slot, () => end(slot))));
    },
  };

  function slotOf(server: Server, username: string): Slot {
    const key = `${server.index} ${username}`;
    const known = slots.get(key);
    if (known) return known;
    const slot: Slot = { key, username, connection: undefined, kept: false, turn: Promise.resolve(), idle: undefined };
    slots.set(key, slot);
    return slot;
  }

  function takeTurn<T>(slot: Slot, work: () => Promise<T>): Promise<T> {
    const result = slot.turn.then(work);
    const turn = result
      .catch(() => undefined)
      .then(() => {
        const last = slot.turn === turn;
        if (last && !slot.connection && !slot.kept) slots.delete(slot.key);
      });
    slot.turn = turn;
    return result;
  }

  async function end(slot: Slot): Promise<void> {
    slot.idle?.abort();
    const { connection } = slot;
    slot.connection = undefined;
    await connection?.end();
  }

  function closeWhenIdle(slot: Slot): void {
    if (slot.kept) return;
    const idle = new AbortController();
    slot.idle = idle;
    void ports.clock.sleep(ports.clock.now() + IDLE_TIMEOUT, idle.signal).then(() => {
      if (!idle.signal.aborted) void takeTurn(slot, () => (idle.signal.aborted ? Promise.resolve() : end(slot)));
    });
  }
}
