/**
 * Files that never keep us waiting for ever, nor take all of our memory. A pipe that nobody writes to would hold a reader
 * up without end, and with a few of them everybody who reads a file; a device may have no end. What is no file is read for
 * a time, and only so far; a file that is larger than whatever is meant to be read is not read at all.
 */
import { constants } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import type { Clock, Files } from "../ports.ts";

const PATIENCE = 10_000;
const POLL = 20;
const MIB = 1024 * 1024;
const MOST_BYTES = 4 * MIB;
/** Nothing that is configured, templates among it, may be larger as a text. */
const MOST_TEXT = 16 * MIB;
/** What is written may be so large, and is compared with what stands there. */
const MOST_CONTENT = 64 * MIB;

export function patientFiles(files: Files, clock: Pick<Clock, "now" | "sleep">): Files {
  async function readFile(path: string, encoding: BufferEncoding | null = null): Promise<string | Buffer> {
    // A pipe is opened at once by that, whether somebody writes to it or not.
    const handle = await files.open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const found = await handle.stat();
      if (found.isFile()) {
        const most = encoding === null ? MOST_CONTENT : MOST_TEXT;
        if (found.size > most) throw tooLarge(path, found.size, most);
        return await handle.readFile(encoding);
      }
      const bytes = await readToEnd(handle, path, clock);
      return encoding ? bytes.toString(encoding) : bytes;
    } finally {
      await handle.close();
    }
  }
  return { ...files, readFile: readFile as Files["readFile"] };
}

// ---- internal ----

function tooLarge(path: string, size: number, most: number): NodeJS.ErrnoException {
  const message = `EFBIG: ${path} has ${size} bytes, and no more than ${most / MIB} MiB are read`;
  return Object.assign(new Error(message), { code: "EFBIG" });
}

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
