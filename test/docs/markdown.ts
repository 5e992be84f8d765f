/** The documents as a reader has them: their headings, links, examples and tables. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dirname, "../..");

export interface Page {
  /** Relative to the repository. */
  readonly path: string;
  readonly text: string;
}

/** Every page at the top of the repository and in docs/. */
export function pages(): readonly Page[] {
  return ["", "docs/"].flatMap((folder) =>
    readdirSync(join(root, folder))
      .filter((name) => name.endsWith(".md"))
      .map((name) => page(`${folder}${name}`)),
  );
}

export function page(path: string): Page {
  return { path, text: readFileSync(join(root, path), "utf8") };
}

/** The fenced examples of a language, each with the line in which it begins. */
export function examples(
  { text }: Page,
  language: string,
): readonly { readonly line: number; readonly code: string }[] {
  return [...text.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)]
    .filter(([, found]) => found === language)
    .map(({ index, 2: code = "" }) => ({ line: text.slice(0, index).split("\n").length, code }));
}

/** Where links and images lead, without those that leave the repository. */
export function links({ text }: Page): readonly { readonly file: string; readonly anchor: string }[] {
  const prose = text.replace(/^```[\s\S]*?^```$/gm, "");
  const markdown = [...prose.matchAll(/\]\(([^)\s]+)\)/g)];
  const html = [...prose.matchAll(/\bsrc="([^"]+)"/g)];
  return [...markdown, ...html]
    .map(([, target = ""]) => target)
    .filter((target) => !/^[a-z]+:/.test(target))
    .map((target) => {
      const [file = "", anchor = ""] = target.split("#");
      return { file, anchor };
    });
}

/** The anchors that a page's headings make. */
export function anchors({ text }: Page): ReadonlySet<string> {
  const prose = text.replace(/^```[\s\S]*?^```$/gm, "");
  return new Set(
    [...prose.matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) =>
      heading
        .toLowerCase()
        .replace(/[^\p{L}\p{N}_ -]/gu, "")
        .replaceAll(" ", "-"),
    ),
  );
}

/** The rows of all tables between a heading and the next one, cell by cell. */
export function rows({ text }: Page, heading: RegExp): readonly (readonly string[])[] {
  const sections = text.split(/^(?=#+ )/m).filter((section) => heading.test(section.split("\n", 1)[0] ?? ""));
  return sections.flatMap((section) =>
    [...section.matchAll(/^\|(.*)\|$/gm)]
      .map(([, row = ""]) => row.split(/(?<!\\)\|/).map((cell) => cell.trim().replaceAll("\\|", "|")))
      .filter(([first = ""]) => !/^-+$/.test(first)),
  );
}

/** The words in `code` of a cell. */
export function codes(cell: string | undefined): readonly string[] {
  return [...(cell ?? "").matchAll(/`([^`]+)`/g)].map(([, code = ""]) => code);
}
