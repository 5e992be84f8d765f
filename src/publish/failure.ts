/** What a failed write means, and what mends it. */
import { PublishError } from "../errors.ts";

interface Explanation {
  readonly what: string;
  readonly hint: string;
}

const EXPLANATIONS: Readonly<Record<string, Explanation>> = {
  ENOSPC: { what: "no space left", hint: "free some space, or raise the volume's sizeLimit" },
  EDQUOT: { what: "the quota is used up", hint: "free some space, or raise the quota" },
  EROFS: { what: "the file system is read-only", hint: "mount a writable volume there, such as an emptyDir" },
  EACCES: { what: "permission denied", hint: "the folder must be writable for the user that lessee runs as" },
  EPERM: {
    what: "not permitted",
    hint: "another owner can be given only with the capability CHOWN, and a protected file cannot be replaced",
  },
  ENOENT: { what: "the folder does not exist", hint: "create it, or set create_dest_dirs = true" },
  ENOTDIR: { what: "a part of the path is not a folder", hint: "name a path inside folders" },
  EEXIST: { what: "something else stands there", hint: "a part of the path may be a file where a folder is needed" },
  EBUSY: {
    what: "the file is a mount point and cannot be replaced",
    hint: 'mount the folder instead of the file (no subPath), or set publish = "in-place"',
  },
  ELOOP: { what: "too many symbolic links", hint: "name the file itself" },
  ENAMETOOLONG: { what: "the name is too long", hint: "choose a shorter destination" },
  EIO: { what: "the disk failed", hint: "see the node's kernel log" },
};

export function publishError(destination: string, error: unknown, written: readonly string[] = []): PublishError {
  if (error instanceof PublishError) {
    return written.length === 0 ? error : new PublishError(error.message, [...written, ...error.written], error);
  }
  const code = error instanceof Error && "code" in error ? String(error.code) : undefined;
  const known = code === undefined ? undefined : EXPLANATIONS[code];
  const what = known ? `${known.what} (${code})` : error instanceof Error ? error.message : String(error);
  return new PublishError(`cannot write ${destination}: ${what}`, written, { hint: known?.hint, cause: error });
}
