import * as fs from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { PublishError } from "../../src/errors.ts";
import { type PublishRequest, publishFile } from "../../src/publish/file.ts";

const root = process.getuid?.() === 0;
const ports = { files: fs, random: Math.random };

let folder = "";
beforeEach(async () => {
  folder = await fs.mkdtemp(join(tmpdir(), "lessee-publish-"));
});
afterEach(async () => {
  await fs.rm(folder, { recursive: true, force: true });
});

function request(content: string, more: Partial<PublishRequest> = {}): PublishRequest {
  return {
    destination: join(folder, "config.yaml"),
    content: Buffer.from(content),
    createDestDirs: false,
    backup: false,
    ...more,
  };
}

async function mode(path: string): Promise<number> {
  return (await fs.stat(path)).mode & 0o7777;
}

describe("publishFile", () => {
  it("writes a new file with mode 0644, whatever the umask", async () => {
    const umask = process.umask(0o077);
    try {
      expect(await publishFile(request("a"), ports)).toEqual({ changed: true });
    } finally {
      process.umask(umask);
    }
    expect(await fs.readFile(join(folder, "config.yaml"), "utf8")).toBe("a");
    expect(await mode(join(folder, "config.yaml"))).toBe(0o644);
    expect(await fs.readdir(folder)).toEqual(["config.yaml"]);
  });

  it("keeps the mode that a file has, and sets the one that is asked for", async () => {
    const path = join(folder, "config.yaml");
    await fs.writeFile(path, "old", { mode: 0o640 });
    await publishFile(request("new"), ports);
    expect(await mode(path)).toBe(0o640);
    await publishFile(request("newer", { perms: 0o400 }), ports);
    expect(await mode(path)).toBe(0o400);
  });

  it("writes nothing where bytes and mode are the same, and mends a mode that is not", async () => {
    await publishFile(request("same", { perms: 0o600 }), ports);
    const before = await fs.stat(join(folder, "config.yaml"));
    expect(await publishFile(request("same", { perms: 0o600 }), ports)).toEqual({ changed: false });
    expect((await fs.stat(join(folder, "config.yaml"))).ino).toBe(before.ino);
    expect(await publishFile(request("same", { perms: 0o640 }), ports)).toEqual({ changed: true });
    expect(await mode(join(folder, "config.yaml"))).toBe(0o640);
  });

  it("replaces the file instead of writing into it", async () => {
    await publishFile(request("old"), ports);
    const reader = await fs.open(join(folder, "config.yaml"));
    await publishFile(request("new, and longer"), ports);
    expect(await reader.readFile("utf8")).toBe("old");
    await reader.close();
  });

  it("makes missing folders only when asked to", async () => {
    const destination = join(folder, "a/b/config.yaml");
    await expect(publishFile(request("x", { destination }), ports)).rejects.toThrow(/folder does not exist/);
    await publishFile(request("x", { destination, createDestDirs: true }), ports);
    expect(await fs.readFile(destination, "utf8")).toBe("x");
    expect(await mode(join(folder, "a"))).toBe(0o755 & ~process.umask());
  });

  it("keeps the old content as .bak, also when one is there already", async () => {
    for (const content of ["one", "two", "three"]) await publishFile(request(content, { backup: true }), ports);
    expect(await fs.readFile(join(folder, "config.yaml.bak"), "utf8")).toBe("two");
    expect((await fs.readdir(folder)).sort()).toEqual(["config.yaml", "config.yaml.bak"]);
  });

  it("leaves no second name behind when the .bak already is the old file", async () => {
    await publishFile(request("one"), ports);
    await fs.link(join(folder, "config.yaml"), join(folder, "config.yaml.bak"));
    await publishFile(request("two", { backup: true }), ports);
    expect(await fs.readFile(join(folder, "config.yaml.bak"), "utf8")).toBe("one");
    expect((await fs.readdir(folder)).sort()).toEqual(["config.yaml", "config.yaml.bak"]);
  });

  it("replaces a symbolic link and does not write through it", async () => {
    await fs.writeFile(join(folder, "elsewhere"), "untouched");
    await fs.symlink("elsewhere", join(folder, "config.yaml"));
    await publishFile(request("secret"), ports);
    expect(await fs.readFile(join(folder, "elsewhere"), "utf8")).toBe("untouched");
    expect((await fs.lstat(join(folder, "config.yaml"))).isFile()).toBe(true);
  });

  it("refuses a destination that is a folder", async () => {
    await fs.mkdir(join(folder, "config.yaml"));
    await expect(publishFile(request("x"), ports)).rejects.toThrow(/it is a folder/);
  });

  it("removes what a killed process left of this file, and nothing else", async () => {
    await fs.writeFile(join(folder, ".config.yaml.lessee-0123456789ab"), "half a sec");
    await fs.writeFile(join(folder, ".other.yaml.lessee-0123456789ab"), "not ours now");
    await publishFile(request("x"), ports);
    expect((await fs.readdir(folder)).sort()).toEqual([".other.yaml.lessee-0123456789ab", "config.yaml"]);
  });

  it("names a user that is not known here", async () => {
    const failure = publishFile(request("x", { user: "nobody-of-this-name" }), ports);
    await expect(failure).rejects.toThrow(/no user "nobody-of-this-name" in \/etc\/passwd/);
    expect(await fs.readdir(folder)).toEqual([]);
  });

  it.runIf(root)("gives the file to a user and group by name or number, and keeps them", async () => {
    const path = join(folder, "config.yaml");
    const owner = async () => (({ uid, gid }) => [uid, gid])(await fs.stat(path));
    const passwd = (await fs.readFile("/etc/passwd", "utf8")).split("\n").find((line) => line.startsWith("nobody:"));
    const nobody = Number(passwd?.split(":")[2]);
    await publishFile(request("1", { user: "nobody", group: "12345" }), ports);
    expect(await owner()).toEqual([nobody, 12345]);
    await publishFile(request("2"), ports);
    expect(await owner()).toEqual([nobody, 12345]);
    expect(await publishFile(request("2", { user: "0" }), ports)).toEqual({ changed: true });
    expect(await owner()).toEqual([0, 12345]);
  });

  it.skipIf(root)("says what to do when another owner is not permitted", async () => {
    await expect(publishFile(request("x", { user: "0" }), ports)).rejects.toThrow(PublishError);
    expect(await fs.readdir(folder)).toEqual([]);
  });
});
