/** A name that one process has at a time, and that the kernel takes back from it however it ends. */
import { createServer } from "node:net";
import { platform } from "node:os";
import type { Claim } from "../ports.ts";

const NOTHING = async () => undefined;

/**
 * A socket that is no file, and that Linux has for one pod, or one machine outside of a cluster; nobody is served at it.
 * Elsewhere everybody has every name.
 */
export const claim: Claim = (name) => {
  if (platform() !== "linux") return Promise.resolve(NOTHING);
  const server = createServer((socket) => socket.destroy());
  return new Promise((resolve) => {
    server.once("error", (error: NodeJS.ErrnoException) => resolve(error.code === "EADDRINUSE" ? null : NOTHING));
    server.listen(`\0${name}`, () => {
      server.unref();
      server.on("error", () => undefined);
      resolve(() => new Promise<void>((done) => server.close(() => done())));
    });
  });
};
