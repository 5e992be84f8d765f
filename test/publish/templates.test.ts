import { spawn } from "node:child_process";
import * as fs from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { TemplateConfig } from "../../src/config/types.ts";
import { ConfigError } from "../../src/errors.ts";
import { createCommand } from "../../src/publish/command.ts";
import { loadTemplates, type TemplatePorts } from "../../src/publish/templates.ts";
import { createFakeClock } from "../support/fake-clock.ts";

let folder = "";
beforeEach(async () => {
  folder = await fs.mkdtemp(join(tmpdir(), "templates-"));
});
afterEach(() => fs.rm(folder, { recursive: true }));

const ports: TemplatePorts = {
  files: fs,
  spawn,
  clock: createFakeClock(),
  env: { NAME: "value" },
  command: (command) => createCommand({ kind: "exec", target: command.command.join(" "), notify: async () => {} }),
  print: () => {},
};

function config(changes: Partial<TemplateConfig>): TemplateConfig {
  return {
    destination: join(folder, "out"),
    engine: "go",
    createDestDirs: true,
    backup: false,
    errorOnMissingKey: false,
    errorFatal: true,
    leftDelimiter: "{{",
    rightDelimiter: "}}",
    functionDenylist: [],
    ...changes,
  };
}

const NOTHING = { recall: () => undefined, list: () => undefined };

async function output(one: TemplateConfig): Promise<string> {
  const [loaded] = await loadTemplates([one], ports);
  return Buffer.from(loaded!.template.execute(NOTHING, loaded!.host).output).toString();
}

describe("a template block", () => {
  it("has its text from a file or from its contents, in either language, with its own delimiters", async () => {
    const source = join(folder, "source");
    await fs.writeFile(source, '{{ env "NAME" }}');
    expect(await output(config({ source }))).toBe("value");
    expect(await output(config({ contents: '<< env "NAME" >>', leftDelimiter: "<<", rightDelimiter: ">>" }))).toBe(
      "value",
    );
    expect(await output(config({ contents: "{{#if true}}{{/if}}ok", engine: "handlebars" }))).toBe("ok");
  });

  it("is named by its source, or else by its destination, and hands on what concerns the file", async () => {
    const source = join(folder, "source");
    await fs.writeFile(source, "x");
    const loaded = await loadTemplates(
      [
        config({ source, perms: 0o600, user: "0", group: "0", backup: true }),
        config({ contents: "x", command: { command: ["reload"], timeout: 1 } }),
      ],
      ports,
    );
    expect(loaded.map(({ name }) => name)).toEqual([source, join(folder, "out")]);
    expect(loaded[0]?.target).toEqual({
      destination: join(folder, "out"),
      createDestDirs: true,
      backup: true,
      perms: 0o600,
      user: "0",
      group: "0",
    });
    expect(loaded.map(({ command }) => command?.target)).toEqual([undefined, "reload"]);
  });

  it("that cannot be used is a fault at its place, and every fault is said at once", async () => {
    const place = { file: "agent.hcl", line: 7 };
    const error = await loadTemplates(
      [
        config({ source: join(folder, "missing"), place }),
        config({ contents: "{{ if }}", place: { ...place, line: 12 } }),
        config({ source: "a", contents: "b" }),
        config({}),
        config({ contents: "x", destination: "" }),
        config({ contents: '{{ env "NAME" }}', functionDenylist: ["env"], place: { ...place, line: 20 } }),
        config({ contents: "{{#if}}", engine: "handlebars", place: { ...place, line: 30 } }),
        config({ contents: "fine" }),
      ],
      ports,
    ).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ConfigError);
    const { faults } = error as ConfigError;
    expect(faults.map(({ file, line }) => [file, line])).toEqual([
      ["agent.hcl", 7],
      ["agent.hcl", 12],
      ["a", undefined],
      [join(folder, "out"), undefined],
      ["", undefined],
      ["agent.hcl", 30],
    ]);
    expect(faults[0]?.message).toContain("cannot read the source: ENOENT");
    expect(faults[1]?.message).toContain("missing value for if");
    expect(faults[2]?.message).toContain("cannot specify both 'source' and 'contents'");
    expect(faults[3]?.message).toContain("must specify exactly one of 'source' or 'contents'");
    expect(faults[4]?.message).toContain("missing destination");
  });
});
