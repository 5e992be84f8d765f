/**
 * Files that never keep us waiting for ever. A pipe that nobody writes to would hold a reader up without end, and with a
 * few of them everybody who reads a file; a device may have no end. What is no file is read for a time, and only so far.
 */
import { constants } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import type { Clock, Files } from "../ports.ts";

const PATIENCE = 10_000;
const POLL = 20;
const MOST_BYTES = 4 * 1024 * 1024;

export function patientFiles(files: Files, clock: Pick<Clock, "now" | "sleep">): Files {
  async function readFile(path: string, encoding: BufferEncoding | null = null): Promise<string | Buffer> {
    // A pipe is opened at once by that, whether somebody writes to it or not.
    const handle = await files.open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      if ((await handle.stat()).isFile()) return await handle.readFile(encoding);
      const bytes = await readToEnd(handle, path, clock);
      return encoding ? bytes.toString(encoding) : bytes;
    } finally {
      await handle.close();
    }
  }
  return { ...files, readFile: readFile as Files["readFile"] };
}

// ---- internal ----

async function readToEnd(handle: FileHandle, path: string, clock: Pick<Clock, "now" | "sleep">): Promise<Buffer> {
  const never = new AbortController().signal;
  const chunk = Buffer.alloc(64 * 1024);
  const until = clock.now() + PATIENCE;
  let bytes = Buffer.alloc(0);
  for (;;) {
    const { bytesRead } = await handle.read(chunk, 0, chunk.length, null).catch((error: NodeJS.ErrnoException) => {
      // Somebody holds it open, and has nothing to say yet.
      if (error.code === "EAGAIN") return { bytesRead: null };
      throw error;
    });
    if (bytesRead === 0 && bytes.length > 0) return bytes;
    if (bytesRead === 0) throw new Error(`${path} is no file, and nobody writes to it`);
    if (bytesRead !== null) bytes = Buffer.concat([bytes, chunk.subarray(0, bytesRead)]);
    if (bytes.length > MOST_BYTES) throw new Error(`${path} is no file, and has no end`);
    if (clock.now() >= until) throw new Error(`${path} is no file, and did not end within ${PATIENCE / 1_000} s`);
    if (bytesRead === null) await clock.sleep(clock.now() + POLL, never);
  }
}
