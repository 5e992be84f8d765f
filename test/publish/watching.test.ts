/** What an application sees that lets the kernel tell it of changes (inotify): docs/configuration.md says it in words. */

import { watch } from "node:fs";
import * as fs from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { publishTogether, type Strategy } from "../../src/publish/together.ts";

let folder = "";
beforeEach(async () => {
  folder = await fs.mkdtemp(join(tmpdir(), "lessee-watching-"));
});
afterEach(() => fs.rm(folder, { recursive: true }));

async function publish(strategy: Strategy, content: string): Promise<void> {
  const request = { createDestDirs: true, backup: false, content: Buffer.from(content) };
  const requests = ["config.yaml", "users.txt"].map((name) => ({ ...request, destination: join(folder, name) }));
  await publishTogether(requests, strategy, { files: fs, random: Math.random });
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
  "of a publish by %s (Linux)",
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
