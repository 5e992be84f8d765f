import { spawn } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import * as fs from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { TemplateConfig } from "../../src/config/types.ts";
import type { LesseeEvent } from "../../src/events.ts";
import { parseJson } from "../../src/json.ts";
import type { Files } from "../../src/ports.ts";
import { createCommand } from "../../src/publish/command.ts";
import { createPublisher, type Publisher } from "../../src/publish/publisher.ts";
import { loadTemplates } from "../../src/publish/templates.ts";
import { type Dependency, dependencyKey } from "../../src/render/template.ts";
import { secretFrom } from "../../src/vault/answer.ts";
import type { VaultSecret } from "../../src/vault/secret.ts";
import { createFakeClock, type FakeClock } from "../support/fake-clock.ts";
import { faultyFiles } from "./faulty-files.ts";

const A: Dependency = { kind: "read", path: "database/creds/a" };
const B: Dependency = { kind: "read", path: "database/creds/b" };
const [a, b] = [dependencyKey(A), dependencyKey(B)];
const ONLY_A = '{{ with secret "database/creds/a" }}{{ .Data.password }}{{ end }}';
const ONLY_B = ONLY_A.replace("creds/a", "creds/b");
const BOTH = `${ONLY_A} ${ONLY_B}`;

/** Nobody who publishes in these tests can wait. */
const NOW = 0;

let folder = "";
beforeEach(async () => {
  folder = await fs.mkdtemp(join(tmpdir(), "publisher-"));
});
afterEach(() => fs.rm(folder, { recursive: true }));

interface World {
  readonly publisher: Publisher;
  readonly events: readonly LesseeEvent[];
  readonly clock: FakeClock;
  /** The secret at a path from now on; without a password nothing is known of it. */
  know(dependency: Dependency, password?: string): void;
  /** What is known is what the application uses. */
  use(dependency: Dependency): void;
  text(name: string): Promise<string | null>;
  /** Something that a template waited for beside secrets is there. */
  progress(): Promise<void>;
  /** How often a template was. */
  evaluated(): number;
}

/** Templates by the name of the file that they write; a command tells of itself by its first word. */
async function open(
  templates: Readonly<Record<string, string | ({ contents: string } & Partial<TemplateConfig>)>>,
  files: Files = fs,
): Promise<World> {
  const known = new Map<string, VaultSecret>();
  const used = new Map<string, VaultSecret>();
  const events: LesseeEvent[] = [];
  const clock = createFakeClock();
  const loaded = await loadTemplates(
    Object.entries(templates).map(([name, one]) => ({
      destination: join(folder, name),
      engine: "go",
      createDestDirs: false,
      backup: false,
      errorOnMissingKey: true,
      errorFatal: true,
      leftDelimiter: "{{",
      rightDelimiter: "}}",
      functionDenylist: [],
      ...(typeof one === "string" ? { contents: one } : one),
    })),
    {
      files: fs,
      clock,
      spawn,
      env: {},
      print: () => {},
      command: (command) => createCommand({ kind: "exec", target: command.command.join(" "), notify: async () => {} }),
    },
  );
  let evaluations = 0;
  let progress = Promise.withResolvers<void>();
  const publisher = createPublisher({
    templates: loaded.map((one) => ({
      ...one,
      template: {
        execute(...args) {
          evaluations++;
          return one.template.execute(...args);
        },
      },
    })),
    brain: { recall: (dependency) => known.get(dependencyKey(dependency)), list: () => undefined },
    inUse: (dependency) => used.get(dependencyKey(dependency)),
    files,
    random: Math.random,
    clock,
    emit: (event) => events.push(event),
    redact: (text) => text.replaceAll("hunter2", "[redacted]"),
    onProgress: () => progress.resolve(),
  });
  return {
    publisher,
    events,
    clock,
    evaluated: () => evaluations,
    async progress() {
      await progress.promise;
      progress = Promise.withResolvers();
    },
    know(dependency, password) {
      const key = dependencyKey(dependency);
      if (password === undefined) known.delete(key);
      else known.set(key, secretFrom(parseJson(JSON.stringify({ data: { password } })) as never));
    },
    use(dependency) {
      const key = dependencyKey(dependency);
      used.set(key, known.get(key)!);
    },
    text: (name) => fs.readFile(join(folder, name), "utf8").catch(() => null),
  };
}

describe("a publish", () => {
  it("writes every template of the credential and no other, and says which", async () => {
    const { publisher, know, text, events } = await open({ one: ONLY_A, two: `x${ONLY_A}`, other: ONLY_B });
    know(A, "p1");
    const attempt = await publisher.publish(a, "rename", NOW);
    expect(attempt).toEqual({
      is: "published",
      files: [join(folder, "one"), join(folder, "two")],
      changed: true,
      commands: [],
      tell: false,
    });
    expect([await text("one"), await text("two"), await text("other")]).toEqual(["p1", "xp1", null]);
    expect(events.filter(({ is }) => is === "rendered")).toHaveLength(2);
    expect(publisher.status().map(({ renderedAt }) => renderedAt !== null)).toEqual([true, true, false]);
  });

  it("tells what the templates ask for, whether it is known or not", async () => {
    const { publisher, know } = await open({ one: ONLY_A, two: BOTH });
    expect(publisher.dependencies()).toEqual([A, B]);
    know(A, "p1");
    expect(publisher.dependencies()).toEqual([A, B]);
  });
});

const rename = () => "rename" as const;
const reads = (path: string) => `{{ file ${JSON.stringify(path)} }}`;

describe("what changes beside the secrets", () => {
  it("is written without them: templates that use none, once", async () => {
    const { publisher, text } = await open({ plain: "hello", one: ONLY_A });
    expect(await publisher.refresh(rename)).toMatchObject({ is: "published", files: [join(folder, "plain")] });
    expect([await text("plain"), await text("one")]).toEqual(["hello", null]);
    expect(await publisher.refresh(rename)).toMatchObject({ is: "published", files: [] });
  });

  it("a file that a template reads is waited for, and followed", async () => {
    const source = join(folder, "source");
    const { publisher, text } = await open({ plain: "hello", copy: reads(source) });
    expect(await publisher.refresh(rename)).toMatchObject({ files: [join(folder, "plain")] });
    expect(publisher.status()[1]?.missing).toEqual([`file(${source})`]);
    expect(publisher.reads()).toEqual([source]);
    for (const content of ["content", "another"]) {
      await fs.writeFile(source, content);
      await publisher.reread();
      expect(await publisher.refresh(rename)).toMatchObject({ files: [join(folder, "copy")], changed: true });
      expect(await text("copy")).toBe(content);
    }
  });

  it("is not written with a candidate, nor without what is missing: its own publish is to come", async () => {
    const source = join(folder, "source");
    await fs.writeFile(source, "1");
    const { publisher, know, use, text } = await open({ one: `${ONLY_A} ${reads(source)}` });
    expect(await publisher.refresh(rename)).toMatchObject({ files: [] });
    know(A, "p1");
    expect(await publisher.refresh(rename)).toMatchObject({ files: [] });
    await publisher.publish(a, "rename", NOW);
    use(A);
    await fs.writeFile(source, "2");
    know(A, "p2");
    await publisher.reread();
    expect(await publisher.refresh(rename)).toMatchObject({ files: [] });
    expect(await text("one")).toBe("p1 1");
    expect(await publisher.publish(a, "rename", NOW)).toMatchObject({ is: "published", tell: true });
    expect(await text("one")).toBe("p2 2");
  });

  it("a file that cannot be read is named, and followed all the same", async () => {
    const { publisher, events } = await open({ copy: reads(folder) });
    await publisher.refresh(rename);
    expect(events).toMatchObject([{ is: "render failed", error: expect.stringContaining("EISDIR") }]);
    expect(publisher.reads()).toEqual([folder]);
  });

  it("a new source takes the place of the old one, and one that does not parse does not", async () => {
    const source = join(folder, "source.ctmpl");
    await fs.writeFile(source, ONLY_A);
    const { publisher, know, use, text } = await open({ one: { contents: undefined, source } as never });
    know(A, "p1");
    know(B, "q1");
    use(B);
    await publisher.publish(a, "rename", NOW);
    use(A);
    expect(await publisher.reread()).toEqual([]);
    expect(await publisher.refresh(rename)).toMatchObject({ files: [] });

    await fs.writeFile(source, "{{ if }}");
    expect(await publisher.reread()).toMatchObject([{ template: source, error: { code: "template-parse" } }]);
    await publisher.refresh(rename);
    expect(await text("one")).toBe("p1");

    await fs.writeFile(source, `new ${BOTH}`);
    expect(await publisher.reread()).toEqual([]);
    expect(publisher.dependencies()).toEqual([A, B]);
    expect(await publisher.refresh(rename)).toMatchObject({ changed: true });
    expect(await text("one")).toBe("new p1 q1");
  });
});

describe("what takes its time", () => {
  it("is waited for by its template alone, and then written", async () => {
    const { publisher, know, text, progress } = await open({
      hash: `{{ with secret "database/creds/a" }}{{ sprig_bcrypt .Data.password }}{{ end }}`,
      one: ONLY_A,
    });
    know(A, "p1");
    expect(await publisher.publish(a, "rename", NOW)).toMatchObject({ is: "published", files: [join(folder, "one")] });
    expect(publisher.status()[0]?.missing).toEqual(["sprig_bcrypt(…)"]);
    await progress();
    expect(await publisher.publish(a, "rename", NOW)).toMatchObject({ is: "published", changed: true });
    expect(await text("hash")).toMatch(/^\$2a\$10\$/);
  });

  it("holds up a rotation whose file has the old one", async () => {
    const { publisher, know, text, progress } = await open({
      hash: `{{ with secret "database/creds/a" }}{{ .Data.password }} {{ plugin "echo" .Data.password }}{{ end }}`,
    });
    const publish = () => publisher.publish(a, "rename", NOW);
    know(A, "p1");
    expect(await publish()).toEqual({ is: "waits", missing: ["plugin echo(…)"] });
    await progress();
    await publish();
    know(A, "p2");
    expect(await publish()).toMatchObject({ is: "waits" });
    expect(await text("hash")).toBe("p1 p1");
    await progress();
    expect(await publish()).toMatchObject({ is: "published", tell: true });
    expect(await text("hash")).toBe("p2 p2");
  });

  it("and fails is said, and tried again after its time", async () => {
    const { publisher, events, clock, progress, text } = await open({
      one: `{{ plugin "sh" "-c" "cat ${join(folder, "late")} || exit 3" }}`,
    });
    await publisher.refresh(rename);
    await progress();
    await publisher.refresh(rename);
    const [failed] = events.filter(({ is }) => is === "render failed");
    expect(failed).toMatchObject({
      error: expect.stringMatching(/error calling plugin: exec "sh": exit status 3: cat: .*late/),
    });
    await fs.writeFile(join(folder, "late"), "here");
    await clock.advance(publisher.refreshAt() - clock.now());
    await publisher.refresh(rename);
    await progress();
    expect(await publisher.refresh(rename)).toMatchObject({ changed: true });
    expect(await text("one")).toBe("here");
  });

  it("a certificate is made anew in time, without any other change", async () => {
    const { publisher, clock, text } = await open({
      one: `{{ (sprig_genSelfSignedCertWithKey "x" nil nil 10 (file "${join(folder, "key.pem")}")).Cert }}`,
    });
    await fs.writeFile(
      join(folder, "key.pem"),
      generateKeyPairSync("ed25519").privateKey.export({ type: "pkcs8", format: "pem" }),
    );
    await publisher.refresh(rename);
    const first = await text("one");
    expect(await publisher.refresh(rename)).toMatchObject({ files: [] });
    await clock.advance(publisher.refreshAt() - clock.now());
    expect(await publisher.refresh(rename)).toMatchObject({ changed: true });
    expect(await text("one")).not.toBe(first);
  });
});

describe("a template that waits for more changes", () => {
  const NEVER = Number.POSITIVE_INFINITY;
  const wait = { min: 5_000, max: 12_000 };
  const world = () => open({ both: { contents: BOTH, wait }, plain: "hello" });

  async function written() {
    const all = await world();
    all.know(A, "p1");
    all.know(B, "q1");
    await all.publisher.refresh(rename);
    await all.publisher.publish(a, "rename", NEVER);
    all.use(A);
    all.use(B);
    return all;
  }

  it("is written at once the first time", async () => {
    expect(await (await written()).text("both")).toBe("p1 q1");
  });

  it("is written when nothing has changed for a while, once for all changes", async () => {
    const { publisher, know, clock, text, events } = await written();
    const publish = (key: string) => publisher.publish(key, "rename", NEVER);
    const start = clock.now();
    know(A, "p2");
    expect(await publish(a)).toEqual({ is: "waits", missing: [], until: start + 5_000 });
    await clock.advance(3_000);
    know(B, "q2");
    expect(await publish(b)).toEqual({ is: "waits", missing: [], until: start + 8_000 });
    await clock.advance(2_000);
    expect(await publish(a)).toEqual({ is: "waits", missing: [], until: start + 8_000 });
    await clock.advance(3_000);
    expect(await publish(a)).toMatchObject({ is: "published", tell: true });
    expect(await text("both")).toBe("p2 q2");
    expect(await publish(b)).toMatchObject({ is: "published", tell: true });
    expect(
      events.filter((event) => event.is === "rendered" && event.changed && event.destination.endsWith("both")),
    ).toHaveLength(2);
  });

  it("is written at the latest after `max`, however often something changes", async () => {
    const { publisher, know, clock, text } = await written();
    const start = clock.now();
    for (let second = 0; second < 12; second++) {
      know(A, `p${second}`);
      const attempt = await publisher.publish(a, "rename", NEVER);
      expect(attempt).toMatchObject({ is: "waits", until: Math.min(clock.now() + 5_000, start + 12_000) });
      await clock.advance(1_000);
    }
    know(A, "last");
    expect(await publisher.publish(a, "rename", NEVER)).toMatchObject({ is: "published" });
    expect(await text("both")).toBe("last q1");
  });

  it("does not wait beyond the time that a rotation has", async () => {
    const { publisher, know, clock, text } = await written();
    know(A, "p2");
    const by = clock.now() + 1_000;
    expect(await publisher.publish(a, "rename", by)).toMatchObject({ is: "waits", until: by });
    await clock.advance(1_000);
    expect(await publisher.publish(a, "rename", by)).toMatchObject({ is: "published" });
    expect(await text("both")).toBe("p2 q1");
  });

  it("waits as well when a file changes, and says until when", async () => {
    const source = join(folder, "source");
    await fs.writeFile(source, "1");
    const { publisher, clock, text } = await open({ one: { contents: reads(source), wait } });
    await publisher.refresh(rename);
    expect(await text("one")).toBe("1");
    await fs.writeFile(source, "2");
    await publisher.reread();
    expect(await publisher.refresh(rename)).toMatchObject({ files: [] });
    expect(publisher.refreshAt()).toBe(clock.now() + 5_000);
    await clock.advance(5_000);
    expect(await publisher.refresh(rename)).toMatchObject({ changed: true });
    expect(await text("one")).toBe("2");
    expect(publisher.refreshAt()).toBe(NEVER);
  });
});

describe("writeToFile", () => {
  const side = (...args: readonly string[]) =>
    `{{ .Data.password | writeToFile ${args.map((arg) => JSON.stringify(arg)).join(" ")} }}`;
  const withA = (text: string) => `{{ with secret "database/creds/a" }}${text}{{ end }}`;

  it("writes beside the template's own file, with its mode and the folders that it needs, and runs the command for it", async () => {
    const path = join(folder, "new", "side");
    const { publisher, know, text } = await open({
      one: {
        contents: withA(`own${side(path, "", "", "0600")}${side(path, "", "", "0600", "append,newline")}`),
        command: { command: ["x"], timeout: 1 },
      },
    });
    know(A, "p1");
    expect(await publisher.publish(a, "rename", NOW)).toMatchObject({
      files: [join(folder, "one"), path],
      changed: true,
    });
    expect([await text("one"), await text("new/side")]).toEqual(["own", "p1p1\n"]);
    expect((await fs.stat(path)).mode & 0o777).toBe(0o600);
    know(A, "p2");
    expect(await publisher.publish(a, "rename", NOW)).toMatchObject({ tell: true, commands: [{ target: "x" }] });
    expect(await text("new/side")).toBe("p2p2\n");
    expect(await publisher.publish(a, "rename", NOW)).toMatchObject({ changed: false });
  });

  it("writes nothing while something is missing, or one of the files cannot be written", async () => {
    const { publisher, know, text } = await open({
      one: `${withA(side(join(folder, "side"), "", "", "0600"))}${ONLY_B}`,
      two: withA(`two${side(folder, "", "", "0600")}`),
    });
    know(A, "p1");
    expect(await publisher.publish(a, "rename", NOW)).toMatchObject({ is: "failed", error: { code: "publish" } });
    expect([await text("side"), await text("two")]).toEqual([null, null]);
  });

  it.each([
    [["", "", "", "0600"], "the path is empty"],
    [["/x", "", "", "rw"], 'strconv.ParseUint: parsing "rw": invalid syntax'],
  ])("refuses %j", async (args, message) => {
    const { publisher, know, events } = await open({ one: withA(side(...args)) });
    know(A, "p1");
    await publisher.publish(a, "rename", NOW);
    expect(events).toMatchObject([{ is: "render failed", error: expect.stringContaining(message) }]);
  });
});

describe("many templates", () => {
  const COUNT = 100;
  const contents = (i: number) => `{{ with secret "database/creds/${i}" }}{{ .Data.password }}{{ end }}`;

  it("are evaluated when what they use has changed, and not when another's has", async () => {
    const templates = Object.fromEntries(Array.from({ length: COUNT }, (_, i) => [`file-${i}`, contents(i)]));
    const { publisher, know, text, evaluated } = await open(templates);
    for (let i = 0; i < COUNT; i++) {
      const dependency: Dependency = { kind: "read", path: `database/creds/${i}` };
      know(dependency, `p${i}`);
      expect(publisher.dependencies()).toHaveLength(COUNT);
      expect(await publisher.publish(dependencyKey(dependency), "rename", NOW)).toMatchObject({ is: "published" });
    }
    expect(await text(`file-${COUNT - 1}`)).toBe(`p${COUNT - 1}`);
    expect(evaluated()).toBeLessThanOrEqual(3 * COUNT);
  });

  it("that use another secret after a change are seen to", async () => {
    const { publisher, know, text } = await open({
      one: `{{ with secret "database/creds/a" }}{{ if eq .Data.password "b" }}${ONLY_B}{{ end }}{{ end }}`,
    });
    know(A, "p1");
    know(B, "q1");
    expect(publisher.dependencies()).toEqual([A]);
    know(A, "b");
    expect(publisher.dependencies()).toEqual([A, B]);
    expect(await publisher.publish(b, "rename", NOW)).toMatchObject({ is: "published" });
    expect(await text("one")).toBe("q1");
  });
});

describe("several credentials in one file", () => {
  it("are waited for; then the file is written once", async () => {
    const { publisher, know, text, events } = await open({ both: BOTH });
    know(A, "p1");
    expect(await publisher.publish(a, "rename", NOW)).toEqual({ is: "waits", missing: [b] });
    expect(await text("both")).toBeNull();
    know(B, "q1");
    const [first, second] = await Promise.all([
      publisher.publish(a, "rename", NOW),
      publisher.publish(b, "rename", NOW),
    ]);
    expect([first.is, second.is]).toEqual(["published", "published"]);
    expect(await text("both")).toBe("p1 q1");
    expect(events.filter((event) => event.is === "rendered" && event.changed)).toHaveLength(1);
  });

  it("are each told of, although the publish of one wrote both", async () => {
    const { publisher, know, use, text } = await open({
      both: { contents: BOTH, command: { command: ["x"], timeout: 1 } },
    });
    know(A, "p1");
    know(B, "q1");
    const told = async (key: string) => {
      const attempt = await publisher.publish(key, "rename", NOW);
      return attempt.is === "published" && [attempt.changed, attempt.tell, attempt.commands.length];
    };
    expect(await told(a)).toEqual([true, true, 1]);
    expect(await told(b)).toEqual([true, true, 1]);
    use(A);
    use(B);
    expect(await told(b)).toEqual([false, false, 0]);
    know(A, "p2");
    know(B, "q2");
    expect(await told(b)).toEqual([true, true, 1]);
    use(B);
    expect(await text("both")).toBe("p2 q2");
    expect(await told(a)).toEqual([true, true, 1]);
    expect(await told(a)).toEqual([false, false, 0]);
  });

  it("do not hold up a file that needs one of them only", async () => {
    const { publisher, know, text } = await open({ one: ONLY_A, both: BOTH });
    know(A, "p1");
    expect(await publisher.publish(a, "rename", NOW)).toMatchObject({ is: "published", files: [join(folder, "one")] });
    expect([await text("one"), await text("both")]).toEqual(["p1", null]);
    know(B, "q1");
    expect(await publisher.publish(b, "rename", NOW)).toMatchObject({ is: "published", files: [join(folder, "both")] });
    expect(await text("both")).toBe("p1 q1");
  });

  it("are waited for by a rotation whose file has the old one: it would be let go while it is in use", async () => {
    const { publisher, know, text } = await open({ one: ONLY_A, both: BOTH });
    know(A, "p1");
    know(B, "q1");
    await publisher.publish(a, "rename", NOW);
    know(A, "p2");
    know(B);
    expect(await publisher.publish(a, "rename", NOW)).toEqual({ is: "waits", missing: [b] });
    expect([await text("one"), await text("both")]).toEqual(["p1", "p1 q1"]);
  });
});

describe("a template that fails", () => {
  const BROKEN = `{{ with secret "database/creds/a" }}{{ .Data.nosuch.field }}{{ end }}`;

  it("holds up nobody else, and is said once", async () => {
    const { publisher, know, text, events } = await open({ broken: BROKEN, one: ONLY_A });
    know(A, "p1");
    for (let i = 0; i < 3; i++) expect(await publisher.publish(a, "rename", NOW)).toMatchObject({ is: "published" });
    expect(await text("one")).toBe("p1");
    expect(await text("broken")).toBeNull();
    expect(events.filter(({ is }) => is === "render failed")).toHaveLength(1);
    expect(publisher.status()[0]?.error).toMatch(/nosuch/);
  });

  it("holds up the rotation where its file still has the old credential", async () => {
    const { publisher, know, text } = await open({
      one: ONLY_A,
      two: `${ONLY_A}{{ with secret "database/creds/a" }}{{ if eq .Data.password "p2" }}{{ .Data.nosuch.field }}{{ end }}{{ end }}`,
    });
    know(A, "p1");
    await publisher.publish(a, "rename", NOW);
    know(A, "p2");
    expect(await publisher.publish(a, "rename", NOW)).toMatchObject({ is: "failed" });
    expect([await text("one"), await text("two")]).toEqual(["p1", "p1"]);
  });

  it("for want of a secret waits for it", async () => {
    const { publisher, know, events, text } = await open({
      one: `{{ (secret "database/creds/a").Data.password | parseInt }}`,
    });
    expect(publisher.dependencies()).toEqual([A]);
    expect(publisher.status()).toMatchObject([{ missing: [a], error: null }]);
    know(A, "12");
    expect(await publisher.publish(a, "rename", NOW)).toMatchObject({ is: "published" });
    expect(await text("one")).toBe("12");
    expect(events.filter(({ is }) => is === "render failed")).toEqual([]);
  });

  it("says why without the secret", async () => {
    const { publisher, know, events } = await open({
      broken: `{{ with secret "database/creds/a" }}{{ .Data.password | parseInt }}{{ end }}`,
    });
    know(A, "hunter2");
    await publisher.publish(a, "rename", NOW);
    const said = JSON.stringify([events, publisher.status()]);
    expect(said).toContain("render failed");
    expect(said).not.toContain("hunter2");
  });

  it("and is mended is no longer said to fail", async () => {
    const { publisher, know } = await open({
      one: `{{ with secret "database/creds/a" }}{{ .Data.password | parseInt }}{{ end }}`,
    });
    know(A, "no number");
    await publisher.publish(a, "rename", NOW);
    expect(publisher.status()[0]?.error).not.toBeNull();
    know(A, "12");
    expect(await publisher.publish(a, "rename", NOW)).toMatchObject({ is: "published" });
    expect(publisher.status()[0]?.error).toBeNull();
  });
});

describe("who is told", () => {
  const command = { command: ["reload", "one"], timeout: 30_000 };

  it("nobody of a file that is new, the application of one that has changed, nobody of one that has not", async () => {
    const { publisher, know } = await open({ one: ONLY_A });
    const tell = async () => {
      const attempt = await publisher.publish(a, "rename", NOW);
      return attempt.is === "published" && attempt.tell;
    };
    know(A, "p1");
    expect(await tell()).toBe(false);
    expect(await tell()).toBe(false);
    know(A, "p2");
    expect(await tell()).toBe(true);
    expect(await tell()).toBe(false);
  });

  it("the commands of changed templates only, and of a new file too", async () => {
    const { publisher, know } = await open({
      one: { contents: ONLY_A, command },
      fixed: {
        contents: `{{ with secret "database/creds/a" }}fixed{{ end }}`,
        command: { ...command, command: ["other"] },
      },
    });
    const commands = async () => {
      const attempt = await publisher.publish(a, "rename", NOW);
      return attempt.is === "published" ? [attempt.tell, ...attempt.commands.map(({ target }) => target)] : attempt;
    };
    know(A, "p1");
    expect(await commands()).toEqual([true, "reload one", "other"]);
    know(A, "p2");
    expect(await commands()).toEqual([true, "reload one"]);
    expect(await commands()).toEqual([false]);
  });
});

describe("hundreds of credentials at once", () => {
  /** On a busy machine every call waits for its turn: with a dozen for each file the last one came half a minute late. */
  it("cost few calls for each file, and the look at their folder and its sync only few in all", async () => {
    const { calls, files } = faultyFiles({ from: 0, lasting: false, code: "", spares: () => true });
    const paths = Array.from({ length: 100 }, (_, number) => `database/creds/${number}`);
    const template = (path: string) => ONLY_A.replace("database/creds/a", path);
    const { publisher, know } = await open(
      Object.fromEntries(paths.map((path, number) => [`${number}.yaml`, template(path)])),
      files,
    );
    const dependencies = paths.map((path): Dependency => ({ kind: "read", path }));
    for (const dependency of dependencies) know(dependency, "p1");
    await Promise.all(dependencies.map((one) => publisher.publish(dependencyKey(one), "rename", NOW)));
    expect((await fs.readdir(folder)).length).toBe(100);
    const count = (name: string) => calls.filter((call) => call === name).length;
    expect(count("rename")).toBe(100);
    expect(count("readdir")).toBeLessThan(30);
    // Each file's own, and the folder's.
    expect(count("handle.sync") - 100).toBeLessThan(30);
    expect(calls.length / 100).toBeLessThan(10);
  });
});

describe("a file that cannot be written", () => {
  it("fails the publish and leaves the others as they were; once it can, all is written", async () => {
    const { publisher, know, text } = await open({ one: ONLY_A, "missing/two": ONLY_A });
    know(A, "p1");
    expect(await publisher.publish(a, "rename", NOW)).toMatchObject({ is: "failed", error: { code: "publish" } });
    expect(await text("one")).toBeNull();
    await fs.mkdir(join(folder, "missing"));
    expect(await publisher.publish(a, "rename", NOW)).toMatchObject({ is: "published" });
    expect([await text("one"), await text("missing/two")]).toEqual(["p1", "p1"]);
  });

  it("in the middle of a publish takes nothing from those before it: they are told of once all is written", async () => {
    let isFull = false;
    const files = {
      ...fs,
      rename: async (from: string, to: string) => {
        if (isFull && to.endsWith("two")) throw Object.assign(new Error("EBUSY: injected"), { code: "EBUSY" });
        return fs.rename(from, to);
      },
    } as Files;
    const command = { command: ["reload"], timeout: 1 } as TemplateConfig["command"] & {};
    const { publisher, know } = await open({ one: { contents: ONLY_A, command }, two: ONLY_A }, files);
    know(A, "p1");
    await publisher.publish(a, "rename", NOW);
    know(A, "p2");
    isFull = true;
    expect(await publisher.publish(a, "rename", NOW)).toMatchObject({ is: "failed" });
    isFull = false;
    expect(await publisher.publish(a, "rename", NOW)).toMatchObject({
      is: "published",
      changed: true,
      tell: true,
      commands: [{ target: "reload" }],
    });
  });
});
