/** A template with all that belongs to it: where its text goes, and what is run for it. */
import type { Execution, Template, TemplateHost } from "../render/template.ts";
import type { Command } from "./command.ts";
import type { PublishRequest } from "./file.ts";
import type { Wait } from "./quiet.ts";

export interface PublishedTemplate {
  /** For messages: the source's name, or the destination's. */
  readonly name: string;
  readonly template: Template;
  readonly target: FileTarget | VariableTarget;
  /** What is run once the file or variable has changed. */
  readonly command: Command | null;
  readonly host: TemplateHost;
  /** It is not written with every change, but with the last of several. */
  readonly wait?: Wait;
  /** Whether the start fails with it. */
  readonly fatal: boolean;
  /** The file that it was read from, and how to compile that anew: null where its text is the same. */
  readonly source?: { readonly path: string; reread(): Promise<Template | null> };
}

export type FileTarget = Omit<PublishRequest, "content">;

/** A variable of the supervised application's environment. */
export interface VariableTarget {
  /** For messages: `$NAME`. */
  readonly destination: string;
  /** Tells whether it has changed. */
  assign(content: Uint8Array): boolean;
}

export interface Rendered {
  readonly one: PublishedTemplate;
  readonly execution: Execution;
}

/** The templates' own files and those beside them; of two with the same destination the last one. */
export function requestsOf(complete: readonly Rendered[]): readonly PublishRequest[] {
  const requests = complete.flatMap(({ one: { target }, execution: { output, files } }) => [
    ...(isFile(target) ? [{ ...target, content: output }] : []),
    ...files.map(({ path, user, group, perms, content }) => ({
      destination: path,
      content,
      createDestDirs: true,
      perms,
      ...(user !== "" && { user }),
      ...(group !== "" && { group }),
      backup: false,
    })),
  ]);
  return [...new Map(requests.map((request) => [request.destination, request])).values()];
}

export function isFile(target: PublishedTemplate["target"]): target is FileTarget {
  return !("assign" in target);
}
