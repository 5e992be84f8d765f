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
import { createFakeClock } from "../support/fake-clock.ts";

const A: Dependency = { kind: "read", path: "database/creds/a" };
const B: Dependency = { kind: "read", path: "database/creds/b" };
const [a, b] = [dependencyKey(A), dependencyKey(B)];
const ONLY_A = '{{ with secret "database/creds/a" }}{{ .Data.password }}{{ end }}';
const ONLY_B = ONLY_A.replace("creds/a", "creds/b");
const BOTH = `${ONLY_A} ${ONLY_B}`;

let folder = "";
beforeEach(async () => {
  folder = await fs.mkdtemp(join(tmpdir(), "publisher-"));
});
afterEach(() => fs.rm(folder, { recursive: true }));

interface World {
  readonly publisher: Publisher;
  readonly events: readonly LesseeEvent[];
  /** The secret at a path from now on; without a password nothing is known of it. */
  know(dependency: Dependency, password?: string): void;
  /** What is known is what the application uses. */
  use(dependency: Dependency): void;
  text(name: string): Promise<string | null>;
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
      env: {},
      print: () => {},
      command: (command) => createCommand({ kind: "exec", target: command.command.join(" "), notify: async () => {} }),
    },
  );
  let evaluations = 0;
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
  });
  return {
    publisher,
    events,
    evaluated: () => evaluations,
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
    const attempt = await publisher.publish(a, "rename");
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
    await publisher.publish(a, "rename");
    use(A);
    await fs.writeFile(source, "2");
    know(A, "p2");
    await publisher.reread();
    expect(await publisher.refresh(rename)).toMatchObject({ files: [] });
    expect(await text("one")).toBe("p1 1");
    expect(await publisher.publish(a, "rename")).toMatchObject({ is: "published", tell: true });
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
    await publisher.publish(a, "rename");
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
      expect(await publisher.publish(dependencyKey(dependency), "rename")).toMatchObject({ is: "published" });
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
    expect(await publisher.publish(b, "rename")).toMatchObject({ is: "published" });
    expect(await text("one")).toBe("q1");
  });
});

describe("several credentials in one file", () => {
  it("are waited for; then the file is written once", async () => {
    const { publisher, know, text, events } = await open({ both: BOTH });
    know(A, "p1");
    expect(await publisher.publish(a, "rename")).toEqual({ is: "waits", missing: [b] });
    expect(await text("both")).toBeNull();
    know(B, "q1");
    const [first, second] = await Promise.all([publisher.publish(a, "rename"), publisher.publish(b, "rename")]);
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
      const attempt = await publisher.publish(key, "rename");
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
    expect(await publisher.publish(a, "rename")).toMatchObject({ is: "published", files: [join(folder, "one")] });
    expect([await text("one"), await text("both")]).toEqual(["p1", null]);
    know(B, "q1");
    expect(await publisher.publish(b, "rename")).toMatchObject({ is: "published", files: [join(folder, "both")] });
    expect(await text("both")).toBe("p1 q1");
  });

  it("are waited for by a rotation whose file has the old one: it would be let go while it is in use", async () => {
    const { publisher, know, text } = await open({ one: ONLY_A, both: BOTH });
    know(A, "p1");
    know(B, "q1");
    await publisher.publish(a, "rename");
    know(A, "p2");
    know(B);
    expect(await publisher.publish(a, "rename")).toEqual({ is: "waits", missing: [b] });
    expect([await text("one"), await text("both")]).toEqual(["p1", "p1 q1"]);
  });
});

describe("a template that fails", () => {
  const BROKEN = `{{ with secret "database/creds/a" }}{{ .Data.nosuch.field }}{{ end }}`;

  it("holds up nobody else, and is said once", async () => {
    const { publisher, know, text, events } = await open({ broken: BROKEN, one: ONLY_A });
    know(A, "p1");
    for (let i = 0; i < 3; i++) expect(await publisher.publish(a, "rename")).toMatchObject({ is: "published" });
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
    await publisher.publish(a, "rename");
    know(A, "p2");
    expect(await publisher.publish(a, "rename")).toMatchObject({ is: "failed" });
    expect([await text("one"), await text("two")]).toEqual(["p1", "p1"]);
  });

  it("for want of a secret waits for it", async () => {
    const { publisher, know, events, text } = await open({
      one: `{{ (secret "database/creds/a").Data.password | parseInt }}`,
    });
    expect(publisher.dependencies()).toEqual([A]);
    expect(publisher.status()).toMatchObject([{ missing: [a], error: null }]);
    know(A, "12");
    expect(await publisher.publish(a, "rename")).toMatchObject({ is: "published" });
    expect(await text("one")).toBe("12");
    expect(events.filter(({ is }) => is === "render failed")).toEqual([]);
  });

  it("says why without the secret", async () => {
    const { publisher, know, events } = await open({
      broken: `{{ with secret "database/creds/a" }}{{ .Data.password | parseInt }}{{ end }}`,
    });
    know(A, "hunter2");
    await publisher.publish(a, "rename");
    const said = JSON.stringify([events, publisher.status()]);
    expect(said).toContain("render failed");
    expect(said).not.toContain("hunter2");
  });

  it("and is mended is no longer said to fail", async () => {
    const { publisher, know } = await open({
      one: `{{ with secret "database/creds/a" }}{{ .Data.password | parseInt }}{{ end }}`,
    });
    know(A, "no number");
    await publisher.publish(a, "rename");
    expect(publisher.status()[0]?.error).not.toBeNull();
    know(A, "12");
    expect(await publisher.publish(a, "rename")).toMatchObject({ is: "published" });
    expect(publisher.status()[0]?.error).toBeNull();
  });
});

describe("who is told", () => {
  const command = { command: ["reload", "one"], timeout: 30_000 };

  it("nobody of a file that is new, the application of one that has changed, nobody of one that has not", async () => {
    const { publisher, know } = await open({ one: ONLY_A });
    const tell = async () => {
      const attempt = await publisher.publish(a, "rename");
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
      const attempt = await publisher.publish(a, "rename");
      return attempt.is === "published" ? [attempt.tell, ...attempt.commands.map(({ target }) => target)] : attempt;
    };
    know(A, "p1");
    expect(await commands()).toEqual([true, "reload one", "other"]);
    know(A, "p2");
    expect(await commands()).toEqual([true, "reload one"]);
    expect(await commands()).toEqual([false]);
  });
});

describe("a file that cannot be written", () => {
  it("fails the publish and leaves the others as they were; once it can, all is written", async () => {
    const { publisher, know, text } = await open({ one: ONLY_A, "missing/two": ONLY_A });
    know(A, "p1");
    expect(await publisher.publish(a, "rename")).toMatchObject({ is: "failed", error: { code: "publish" } });
    expect(await text("one")).toBeNull();
    await fs.mkdir(join(folder, "missing"));
    expect(await publisher.publish(a, "rename")).toMatchObject({ is: "published" });
    expect([await text("one"), await text("missing/two")]).toEqual(["p1", "p1"]);
  });
});
