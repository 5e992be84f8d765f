/**
 * `log_file`: the log a second time, in a file that is put aside when it is full or old. Written synchronously, as the
 * log is. Whatever goes wrong with it is said once and tried again; the sidecar goes on.
 */
import { closeSync, fstatSync, ftruncateSync, openSync, readdirSync, renameSync, unlinkSync, writeSync } from "node:fs";
import { basename, dirname, extname, join } from "node:path";
import type { LogConfig } from "../config/types.ts";
import type { Clock } from "../ports.ts";

export interface LogFile {
  /** Gets a whole line with its line feed. Never throws. */
  write(line: string): void;
  close(): void;
}

export interface LogFilePorts {
  readonly clock: Pick<Clock, "now">;
  /** Hears of trouble: once when it begins, and once when it is over. */
  complain(message: string): void;
}

export type LogFileSettings = Pick<LogConfig, "rotateBytes" | "rotateDuration" | "rotateMaxFiles"> & {
  readonly path: string;
};

/** Who may read the server's log may read the agent's: the mode that Vault Agent gives it. */
const MODE = 0o640;

interface OpenFile {
  readonly descriptor: number;
  readonly openedAt: number;
  bytes: number;
}

export function openLogFile(settings: LogFileSettings, { clock, complain }: LogFilePorts): LogFile {
  const { path, rotateBytes, rotateDuration, rotateMaxFiles } = settings;
  let file: OpenFile | null = null;
  let trouble = false;
  /** The number in the name of the last file that was put aside. */
  let lastNumber = 0n;

  /** A disk that is full for an hour is not told of in every line. */
  function attempt(what: string, act: () => void): boolean {
    try {
      act();
      return true;
    } catch (error) {
      if (!trouble) complain(`log_file: cannot ${what} ${path}: ${(error as Error).message}`);
      trouble = true;
      return false;
    }
  }

  function open(): void {
    const descriptor = openSync(path, "a", MODE);
    file = { descriptor, openedAt: clock.now(), bytes: fstatSync(descriptor).size };
  }

  /** Where the file cannot be put aside it goes on growing: a long log is better than none. */
  function rotate(): void {
    const { dir, stem, extension } = partsOf(path);
    const now = BigInt(Math.floor(clock.now())) * 1_000_000n;
    lastNumber = now > lastNumber ? now : lastNumber + 1n;
    renameSync(path, join(dir, `${stem}-${lastNumber}${extension}`));
    close();
    open();
    prune();
  }

  /** Removes the oldest of those put aside until `rotateMaxFiles` are left; their names sort by age. */
  function prune(): void {
    if (rotateMaxFiles === 0) return;
    const { dir, stem, extension } = partsOf(path);
    const aside = readdirSync(dir)
      .filter((name) => isAside(name, stem, extension))
      .sort();
    const surplus = aside.length - Math.max(0, rotateMaxFiles);
    for (const name of aside.slice(0, Math.max(0, surplus))) unlinkSync(join(dir, name));
  }

  function isDue(): boolean {
    if (file === null || file.bytes === 0) return false;
    return (rotateBytes > 0 && file.bytes >= rotateBytes) || clock.now() - file.openedAt >= rotateDuration;
  }

  function close(): void {
    if (file !== null) closeSync(file.descriptor);
    file = null;
  }

  attempt("remove old files beside", prune);
  attempt("open", open);

  return {
    write(line) {
      const fit =
        (file !== null || attempt("open", open)) &&
        (!isDue() || attempt("rotate", rotate) || file !== null) &&
        attempt("write", () => {
          file!.bytes += append(file!.descriptor, Buffer.from(line));
        });
      // What is still due could not be put aside.
      if (!fit || !trouble || isDue()) return;
      trouble = false;
      complain(`log_file: ${path} is written again`);
    },
    close,
  };
}

// ---- internal ----

/** All of it or nothing: what follows half a line would be read as its end. */
function append(descriptor: number, text: Uint8Array): number {
  let written = 0;
  try {
    while (written < text.length) written += writeSync(descriptor, text, written);
    return written;
  } catch (error) {
    if (written > 0) ftruncateSync(descriptor, fstatSync(descriptor).size - written);
    throw error;
  }
}

function partsOf(path: string): { readonly dir: string; readonly stem: string; readonly extension: string } {
  const extension = extname(path);
  return { dir: dirname(path), stem: basename(path, extension), extension };
}

function isAside(name: string, stem: string, extension: string): boolean {
  const number = name.slice(stem.length + 1, name.length - extension.length);
  return name === `${stem}-${number}${extension}` && /^\d+$/.test(number);
}
