import { writeFileSync } from "node:fs";
import * as fs from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createWatch, type Watch } from "../../src/system/watch.ts";

let folder = "";
let watch: Watch | undefined;
beforeEach(async () => {
  folder = await fs.mkdtemp(join(tmpdir(), "watch-"));
});
afterEach(async () => {
  await watch?.close();
  watch = undefined;
  await fs.rm(folder, { recursive: true });
});

/** As the kubelet does it: a new folder of a new name, and `..data` swung over to it in one step. */
async function project(generation: string, content: string): Promise<void> {
  await fs.mkdir(join(folder, generation));
  await fs.writeFile(join(folder, generation, "token"), content);
  await fs.symlink(generation, join(folder, "..data_tmp"));
  await fs.rename(join(folder, "..data_tmp"), join(folder, "..data"));
}

/** Watched from here on. */
async function follow(paths: readonly string[], onChange: () => void): Promise<Watch> {
  watch = createWatch(fs, onChange);
  await watch.follow(paths);
  await watch.ready;
  return watch;
}

function changes(): { readonly onChange: () => void; readonly next: () => Promise<void> } {
  let waiting = Promise.withResolvers<void>();
  return {
    onChange: () => waiting.resolve(),
    next() {
      waiting = Promise.withResolvers();
      return waiting.promise;
    },
  };
}

describe("a watch", () => {
  it("tells of every swap of a projected volume", async () => {
    await project("..2026_01", "first");
    await fs.symlink("..data/token", join(folder, "token"));
    const { onChange, next } = changes();
    await follow([join(folder, "token")], onChange);
    for (const generation of ["..2026_02", "..2026_03"]) {
      const told = next();
      await project(generation, generation);
      await told;
      expect(await fs.readFile(join(folder, "token"), "utf8")).toBe(generation);
    }
  });

  it("tells of what has changed just before the same files are followed again", async () => {
    const path = join(folder, "token");
    await fs.writeFile(path, "first");
    const { onChange, next } = changes();
    const following = await follow([path], onChange);
    const told = next();
    writeFileSync(path, "second");
    await following.follow([path, join(folder, "another")]);
    await told;
  });

  it("tells of a file that is written, replaced, removed or made", async () => {
    const path = join(folder, "token");
    await fs.writeFile(path, "first");
    const { onChange, next } = changes();
    await follow([path], onChange);
    for (const change of [
      () => fs.writeFile(path, "the second, longer"),
      () => fs.writeFile(join(folder, "new"), "third").then(() => fs.rename(join(folder, "new"), path)),
      () => fs.rm(path),
      () => fs.writeFile(path, "fourth"),
    ]) {
      const told = next();
      await change();
      await told;
    }
  });

  it("tells of its own files only, however busy others are in their folder", async () => {
    const path = join(folder, "token");
    await fs.writeFile(path, "first");
    let told = 0;
    const { onChange, next } = changes();
    watch = createWatch(fs, () => {
      told++;
      onChange();
    });
    await watch.follow([path]);
    await watch.ready;
    const change = next();
    for (let n = 0; n < 50; n++) await fs.writeFile(join(folder, `of-others-${n}`), "");
    await fs.writeFile(path, "the second, longer");
    await change;
    expect(told).toBe(1);
  });

  it("tells of whatever happens in a folder that is followed as such", async () => {
    const { onChange, next } = changes();
    watch = createWatch(fs, onChange);
    await fs.writeFile(join(folder, "ca.pem"), "first");
    await watch.follow([`${folder}/`]);
    await watch.ready;
    const told = next();
    await fs.writeFile(join(folder, "ca.pem"), "second");
    await told;
  });

  it("does no harm where the folder is not there, or there is nothing to watch", async () => {
    watch = createWatch(fs, () => {});
    await watch.follow(["/nowhere/at/all/token"]);
    await watch.ready;
    await watch.close();
    watch = createWatch(fs, () => {});
    await watch.follow([]);
  });

  it("keeps none of two sets of folders that are asked for at once but the last one", async () => {
    const [first, last] = [join(folder, "first"), join(folder, "last")];
    await Promise.all([first, last].map((path) => fs.mkdir(path)));
    let isReady = Promise.withResolvers<void>();
    const { onChange, next } = changes();
    watch = createWatch(fs, onChange, () => isReady.resolve());
    await watch.follow([join(folder, "token")]);
    await isReady.promise;
    isReady = Promise.withResolvers();
    await Promise.all([watch.follow([join(first, "token")]), watch.follow([join(last, "token")])]);
    await isReady.promise;
    const told = next();
    await fs.writeFile(join(last, "token"), "told");
    await told;
    // A watcher that nobody closes fails the file.
  });

  it("watches nothing after it was closed, though it was about to begin", async () => {
    const opened = createWatch(fs, () => {});
    const follows = opened.follow([join(folder, "token")]);
    await opened.close();
    await follows;
    await opened.follow([join(folder, "other", "token")]);
  });
});
