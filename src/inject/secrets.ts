/** The files that a pod asks for: one for each name behind `agent-inject-secret-` and `agent-inject-template-`. */
import type { AnnotationReader } from "./annotations.ts";
import { joinPath } from "./go-values.ts";

export interface InjectedSecret {
  /** As it stands in the annotations. */
  readonly rawName: string;
  readonly name: string;
  /** In Vault; empty where only a template is given. */
  readonly path: string;
  /** Empty: the default one, unless there is a file. */
  readonly template: string;
  readonly templateFile: string;
  /** The folder that holds the file. */
  readonly folder: string;
  readonly destination: string;
  readonly command: string;
  readonly permissions: string;
  readonly errorOnMissingKey: boolean;
  readonly leftDelimiter: string;
  readonly rightDelimiter: string;
}

/** In the order of the annotations. Throws a Refusal. */
export function readSecrets(annotations: AnnotationReader): readonly InjectedSecret[] {
  return rawNames(annotations).map((rawName) => {
    const { text } = annotations;
    const own = (name: string) => text(`${name}-${rawName}`);
    const name = preservesCase(annotations, rawName) ? rawName : rawName.toLowerCase();
    const template = own("agent-inject-template");
    const folder = annotations.has(`secret-volume-path-${rawName}`)
      ? own("secret-volume-path")
      : text("secret-volume-path");
    const file = own("agent-inject-file");
    return {
      rawName,
      name,
      path: own("agent-inject-secret"),
      template,
      templateFile: template === "" ? own("agent-inject-template-file") : "",
      folder,
      destination: file === "" ? `${folder}/${name}` : joinPath(folder, file),
      command: own("agent-inject-command"),
      permissions: own("agent-inject-perms"),
      errorOnMissingKey: annotations.bool(`error-on-missing-key-${rawName}`),
      leftDelimiter: own("agent-template-left-delim") || "{{",
      rightDelimiter: own("agent-template-right-delim") || "}}",
    };
  });
}

/** The folders beside the pod's own, each of which gets a volume. */
export function furtherFolders(secrets: readonly InjectedSecret[], folder: string): readonly string[] {
  return [...new Set(secrets.map((secret) => secret.folder))].filter((one) => one !== folder);
}

// ---- internal ----

function rawNames(annotations: AnnotationReader): readonly string[] {
  const templates = annotations.family("agent-inject-template");
  const named = [
    ...annotations.family("agent-inject-secret"),
    ...annotations.family("agent-inject-template-file"),
    // `…-template-file-x` begins like a template of the name `file-x`, and is none; `…-template-file-` is one.
    ...templates.filter(([name]) => name === "file-" || !name.startsWith("file-")),
  ];
  return [...new Set(named.filter(([name, value]) => name !== "" && value.trim() !== "").map(([name]) => name))];
}

/** What is neither true nor false counts as false here. */
function preservesCase(annotations: AnnotationReader, rawName: string): boolean {
  const own = `preserve-secret-case-${rawName}`;
  try {
    return annotations.bool(annotations.has(own) ? own : "preserve-secret-case");
  } catch {
    return false;
  }
}
