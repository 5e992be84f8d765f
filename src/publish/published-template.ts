/** A template with all that belongs to it: where its text goes, and what is run for it. */
import type { Template, TemplateHost } from "../render/template.ts";
import type { Command } from "./command.ts";
import type { PublishRequest } from "./file.ts";

export interface PublishedTemplate {
  /** For messages: the source's name, or the destination's. */
  readonly name: string;
  readonly template: Template;
  readonly target: FileTarget | VariableTarget;
  /** What is run once the file or variable has changed. */
  readonly command: Command | null;
  readonly host: TemplateHost;
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
