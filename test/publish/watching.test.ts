/** What an application sees that lets the kernel tell it of changes (inotify): docs/configuration.md says it in words. */

import { watch } from "node:fs";
import * as fs from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Files } from "../../src/ports.ts";
import { publishTogether, type Strategy } from "../../src/publish/together.ts";
import { faultyFiles } from "./faulty-files.ts";

let folder = "";
beforeEach(async () => {
  folder = await fs.mkdtemp(join(tmpdir(), "lessee-watching-"));
});
afterEach(() => fs.rm(folder, { recursive: true }));

async function publish(strategy: Strategy, content: string, files: Files = fs): Promise<void> {
  const request = { createDestDirs: true, backup: false, content: Buffer.from(content) };
  const requests = ["config.yaml", "users.txt"].map((name) => ({ ...request, destination: join(folder, name) }));
  await publishTogether(requests, strategy, { files, random: Math.random });
}

/** Resolves to what the file holds at the first change that tells of it. */
function contentAtChange(watched: string, wanted: string): Promise<string> {
  const file = join(folder, "config.yaml");
  return new Promise((resolve, reject) => {
    const watcher = watch(watched, { persistent: false, signal: AbortSignal.timeout(5_000) });
    watcher.on("error", reject).on("close", () => reject(new Error("nothing was told")));
    watcher.on("change", () => {
      void fs.readFile(file, "utf8").then((content) => {
        if (content !== wanted) return;
        resolve(content);
        watcher.close();
      }, reject);
    });
  });
}

describe.skipIf(process.platform !== "linux").each(["rename", "symlink", "in-place"] as const)(
  "M11: of a publish by %s (Linux)",
  (strategy) => {
    it.each([
      ["the folder", "."],
      ["the file, and begins anew after each change", "config.yaml"],
    ])("who watches %s is told each time, when the new content is there", async (_, path) => {
      await publish(strategy, "0");
      for (const content of ["1", "2", "3"]) {
        const told = contentAtChange(join(folder, path), content);
        await publish(strategy, content);
        expect(await told).toBe(content);
      }
    });

    it.skipIf(strategy === "in-place")("is told of what a crash interrupted, at whatever call that was", async () => {
      await publish(strategy, "0");
      const { files, calls } = faultyFiles({ from: 0, lasting: false, code: "", spares: () => true });
      await publish(strategy, "1", files);
      const paths = ["config.yaml", ".", "users.txt"].map((path) => join(folder, path));
      for (let from = 1; from <= calls.length; from++) {
        const content = `of call ${from}`;
        // A crash and a start take longer than the clock of files is coarse.
        for (const path of paths) await fs.lutimes(path, 0, 0);
        const told = paths.map((path) => contentAtChange(path, content));
        const crash = faultyFiles({ from, lasting: true, code: "EIO", spares: () => false });
        await publish(strategy, content, crash.files).catch(() => {});
        await publish(strategy, content);
        for (const one of told) expect(await one, calls[from - 1]).toBe(content);
      }
    });

    it("nobody is told where nothing has changed", async () => {
      await publish(strategy, "0");
      let told = 0;
      const watchers = [folder, join(folder, "config.yaml")].map((path) => watch(path, () => void told++));
      await publish(strategy, "0");
      await publish(strategy, "0");
      // In order: what was to be told before is told by now.
      const later = contentAtChange(folder, "0");
      await fs.writeFile(join(folder, "other"), "");
      await later;
      for (const watcher of watchers) watcher.close();
      expect(told).toBeLessThanOrEqual(2);
    });
  },
);
