/** Files and commands: what stands where with whose rights, and what is run for it, by the real agent and by ours. */
import { chown, readFile, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { differs, onBothSides, type Place, type Running, type Side, startWorld, type World } from "./world.ts";

let world: World;

beforeAll(async () => {
  world = await startWorld();
  await world.root.expect("POST", "secret/data/rendering", { data: { value: "one" } });
}, 120_000);

afterAll(() => world.stop());

const VALUE = '{{ with secret \\"secret/data/rendering\\" }}{{ .Data.data.value }}{{ end }}';

/** A template of the secret; `text` makes it another one than its neighbours. */
const template = (folder: string, name: string, more = "") => `template {
  destination = "${join(folder, name)}"
  contents = "${VALUE} for ${name}"
  ${more}
}
`;

/** As an init container: everything is written once, and the agent ends. */
async function once(side: Side, configuration: (place: Place) => string | Promise<string>): Promise<Running> {
  const agent = await world.start(side, async (place) => `${place.login()}${await configuration(place)}`, [
    "-exit-after-auth",
  ]);
  expect(await agent.ended).toEqual({ code: 0, signal: null });
  return agent;
}

const mode = async (path: string) => ((await stat(path)).mode & 0o7777).toString(8);
const text = (path: string) => readFile(path, "utf8");
const journal = async ({ folder }: Running) =>
  (await text(join(folder, "journal")).catch(() => "")).split("\n").filter((line) => line !== "");

onBothSides("rendering", (side) => {
  it("gives files their modes, and keeps that of a file that is there", async () => {
    const { folder } = await once(side, async ({ folder }) => {
      for (const name of ["kept", "changed"]) await writeFile(join(folder, name), "before", { mode: 0o604 });
      await writeFile(join(folder, "same"), "one for same", { mode: 0o604 });
      return (
        template(folder, "new") +
        template(folder, "new-with", 'perms = "0640"') +
        template(folder, "kept") +
        template(folder, "changed", 'perms = "0600"') +
        template(folder, "same", 'perms = "0600"') +
        template(folder, "a/deeper/one")
      );
    });
    const names = ["new", "new-with", "kept", "changed", "same", "a/deeper/one", "a/deeper"];
    const modes = await Promise.all(names.map((name) => mode(join(folder, name))));
    const asked = differs(side, "A file whose text is right already keeps its mode", { real: "604", lessee: "600" });
    expect(modes).toEqual(["644", "640", "604", "600", asked, "644", "755"]);
    expect(await text(join(folder, "kept"))).toBe("one for kept");
  });

  it.runIf(process.getuid?.() === 0)(
    "gives files their owners, by name or number, and keeps those of a file",
    async () => {
      const { folder } = await once(side, async ({ folder }) => {
        await writeFile(join(folder, "kept"), "before");
        await chown(join(folder, "kept"), 4321, 1234);
        await writeFile(join(folder, "same"), "one for same");
        return (
          template(folder, "kept") +
          template(folder, "names", 'user = "nobody"\n group = "daemon"') +
          template(folder, "numbers", 'user = "4444"\n group = "3333"') +
          template(folder, "legacy", "uid = 4444\n gid = 3333") +
          template(folder, "same", 'user = "nobody"')
        );
      });
      const owners = await Promise.all(
        ["kept", "names", "numbers", "legacy", "same"].map(async (name) => {
          const { uid, gid } = await stat(join(folder, name));
          return `${uid}:${gid}`;
        }),
      );
      expect(owners).toEqual(["4321:1234", "65534:1", "4444:3333", "4444:3333", "65534:0"]);
    },
  );

  it("keeps what was there as a backup, and what a link leads to", async () => {
    const { folder } = await once(side, async ({ folder }) => {
      await writeFile(join(folder, "old"), "before", { mode: 0o604 });
      await writeFile(join(folder, "target"), "before");
      await symlink("target", join(folder, "link"));
      return (
        template(folder, "old", "backup = true") + template(folder, "link") + template(folder, "new", "backup = true")
      );
    });
    expect(await text(join(folder, "old.bak"))).toBe("before");
    expect(await mode(join(folder, "old.bak"))).toBe("604");
    expect(await text(join(folder, "target"))).toBe("before");
    expect(await text(join(folder, "link"))).toBe("one for link");
    await expect(stat(join(folder, "new.bak"))).rejects.toThrow("ENOENT");
  });

  it("runs commands once for all files, in order, and waits for them", async () => {
    const agent = await once(side, async ({ folder }) => {
      const say = (what: string) => `command = "sleep 0.1; echo ${what} >>${folder}/journal"`;
      await writeFile(join(folder, "same"), "one for same");
      return (
        template(folder, "1", say("first")) +
        template(folder, "2", say("shared")) +
        template(folder, "3", `command = ["sh", "-c", "echo $0 $1 >>${folder}/journal", "a list", "b,c"]`) +
        template(folder, "4", say("shared")) +
        template(folder, "same", say("nothing has changed")) +
        template(
          folder,
          "5",
          `exec { command = ["sh", "-c", "cat ${folder}/1 ${folder}/6 >>${folder}/journal; echo >>${folder}/journal"] }`,
        ) +
        template(folder, "6", `exec {\n command = "sleep 0.1; echo last >>${folder}/journal"\n timeout = "5s"\n }`)
      );
    });
    expect(await journal(agent)).toEqual(["first", "shared", "a list b,c", "one for 1one for 6", "last"]);
  });

  it("waits for the command of a template without a secret, too", async () => {
    const agent = await once(
      side,
      ({ folder }) => `template {
  destination = "${folder}/plain"
  contents = "no secret"
  command = "sleep 0.5; echo plain >>${folder}/journal"
}
`,
    );
    expect(await journal(agent)).toEqual(["plain"]);
  });

  it("ends a command at its timeout; that one has failed changes nothing else", async () => {
    const agent = await once(
      side,
      ({ folder }) =>
        template(folder, "1", `command = "exit 3"`) +
        template(folder, "2", `command = ["/nowhere/at/all"]`) +
        template(
          folder,
          "3",
          `command = "trap 'echo int >>${folder}/journal; exit 1' INT; while :; do sleep 0.05; done"\n command_timeout = "500ms"`,
        ) +
        template(folder, "4", `command = "echo last >>${folder}/journal"`),
    );
    const asked = differs(side, "A command that takes too long is killed", { real: [], lessee: ["int"] });
    expect(await journal(agent)).toEqual([...asked, "last"]);
  });

  it("tells commands where the server is", async () => {
    const agent = await world.start(
      side,
      (place) =>
        `${place.login().replace("vault {", "vault {\n tls_skip_verify = true\n")}${template(place.folder, "1", `command = "env >>${place.folder}/journal"`)}`,
      ["-exit-after-auth"],
    );
    expect((await agent.ended).code).toBe(0);
    // OpenBao's agent gives those that its own programs read first.
    const prefixes = side.is === "real" ? ["BAO"] : ["VAULT", "BAO"];
    for (const prefix of prefixes)
      expect(await journal(agent)).toEqual(
        expect.arrayContaining([`${prefix}_ADDR=${world.address}`, `${prefix}_SKIP_VERIFY=true`]),
      );
  });
});
