/** One of the processes of state-lock.test.ts: for each line `FOLDER MOMENT` it tries then to have the state, and says `held` or why not. */
import * as fs from "node:fs/promises";
import { createInterface } from "node:readline";
import { openState, type StatePlace } from "../../../src/lease/memory/state-place.ts";
import { claim } from "../../../src/system/claim.ts";
import { anyClaim } from "../../support/claims.ts";
import { BINDING } from "./saved-state.ts";

let place: StatePlace | null = null;
for await (const line of createInterface(process.stdin)) {
  if (line === "free") {
    await place?.close();
    process.stdout.write("free\n");
    continue;
  }
  const [folder = "", moment] = line.split(" ");
  await new Promise((resolve) => setTimeout(resolve, Math.max(0, Number(moment) - Date.now() - 2)));
  // All of them at once, as near as a process can.
  while (Date.now() < Number(moment));
  const opened = await openState({
    config: { path: folder },
    home: undefined,
    binding: async () => BINDING,
    files: fs,
    write: async () => undefined,
    kill: process.kill,
    claim: process.argv[2] === "unclaimed" ? anyClaim : claim,
    pid: process.pid,
  });
  place = opened.place;
  process.stdout.write(`${place === null ? opened.warning : "held"}\n`);
}
