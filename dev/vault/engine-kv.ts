/** `kv`: plain values, with versions (2) or without (1). */
import type { ServerClock } from "./clock.ts";
import { formatTime, parseDuration, toSeconds } from "./durations.ts";
import type { Answer, Backend, MountedRequest } from "./protocol.ts";
import { methodNotAllowed, multierror, Refusal } from "./refusal.ts";

type Values = Readonly<Record<string, unknown>>;

export function createKvBackend(clock: ServerClock, versioned: boolean): Backend {
  return versioned ? versionedStore(clock) : plainStore();
}

function plainStore(): Backend {
  const entries = new Map<string, Values>();
  return {
    type: "kv",
    exists: (path) => entries.has(path),
    handle({ operation, subpath, body }) {
      switch (operation) {
        case "read": {
          const values = entries.get(subpath);
          return values ? { data: values, leaseDuration: durationOf(values) } : null;
        }
        case "list":
          return list([...entries.keys()], subpath);
        case "delete":
          entries.delete(subpath);
          return null;
        default:
          entries.set(subpath, body);
          return null;
      }
    },
  };
}

/** A `ttl` among the values tells readers when to look again. */
function durationOf(values: Values): number {
  try {
    return toSeconds(parseDuration(values.ttl ?? values.lease) ?? THIRTY_TWO_DAYS);
  } catch {
    return toSeconds(THIRTY_TWO_DAYS);
  }
}

const THIRTY_TWO_DAYS = 32 * 86_400_000;

interface Version {
  readonly values: Values;
  readonly created: number;
  deleted: number | undefined;
  destroyed: boolean;
}

function versionedStore(clock: ServerClock): Backend {
  const entries = new Map<string, Version[]>();

  function read(path: string, query: URLSearchParams): Answer | null {
    const versions = entries.get(path);
    const number = Number(query.get("version") ?? 0) || versions?.length;
    const version = versions?.[number! - 1];
    if (!version) return null;
    const gone = version.deleted !== undefined || version.destroyed;
    const data = { data: gone ? null : version.values, metadata: metadata(version, number!) };
    return { status: gone ? 404 : 200, data };
  }
  function write(path: string, body: Values): Answer {
    if (typeof body.data !== "object" || body.data === null) throw new Refusal(400, "no data provided");
    const versions = entries.get(path) ?? [];
    const cas = (body.options as Values | undefined)?.cas;
    if (cas !== undefined && Number(cas) !== versions.length)
      throw new Refusal(400, "check-and-set parameter did not match the current version");
    const version = { values: body.data as Values, created: clock.now(), deleted: undefined, destroyed: false };
    versions.push(version);
    entries.set(path, versions);
    return { data: metadata(version, versions.length) };
  }

  return {
    type: "kv",
    exists: (path) => entries.has(path.replace(/^data\//, "")),
    handle({ operation, subpath, query, body }: MountedRequest) {
      const [area, ...rest] = subpath.split("/");
      const path = rest.join("/");
      switch (`${operation} ${area}`) {
        case "read data":
          return read(path, query);
        case "create data":
        case "update data":
          return write(path, body);
        case "delete data": {
          const latest = entries.get(path)?.at(-1);
          if (latest) latest.deleted = clock.now();
          return null;
        }
        case "read metadata": {
          const versions = entries.get(path);
          return versions ? { data: describeVersions(versions) } : null;
        }
        case "list metadata":
          return list([...entries.keys()], path);
        case "delete metadata":
          entries.delete(path);
          return null;
        default:
          if (area === "data" || area === "metadata") methodNotAllowed();
          if (operation === "read") return { status: 404, data: null, warnings: [VERSIONED] };
          throw new Refusal(404, multierror("unsupported path"));
      }
    },
  };
}

function metadata(version: Version, number: number): Values {
  return {
    created_time: formatTime(version.created),
    custom_metadata: null,
    deletion_time: version.deleted === undefined ? "" : formatTime(version.deleted),
    destroyed: version.destroyed,
    version: number,
  };
}

function describeVersions(versions: readonly Version[]): Values {
  const [first, latest] = [versions[0]!, versions.at(-1)!];
  const one = ({ created, deleted, destroyed }: Version) => ({
    created_time: formatTime(created),
    deletion_time: deleted === undefined ? "" : formatTime(deleted),
    destroyed,
  });
  return {
    cas_required: false,
    created_time: formatTime(first.created),
    current_metadata_version: 0,
    current_version: versions.length,
    custom_metadata: null,
    delete_version_after: "0s",
    max_versions: 0,
    metadata_cas_required: false,
    oldest_version: 0,
    updated_time: formatTime(latest.created),
    versions: Object.fromEntries(versions.map((version, index) => [String(index + 1), one(version)])),
  };
}

const VERSIONED =
  "Invalid path for a versioned K/V secrets engine. See the API docs for the appropriate API endpoints to use. If using the OpenBao CLI, use 'bao kv get' for this operation.";

/** Folders end with a slash. */
function list(paths: readonly string[], folder: string): Answer | null {
  const prefix = folder === "" || folder.endsWith("/") ? folder : `${folder}/`;
  const below = paths.filter((path) => path.startsWith(prefix)).map((path) => path.slice(prefix.length));
  const keys = [...new Set(below.map((path) => path.replace(/\/.*/, "/")))].sort();
  return keys.length === 0 ? null : { data: { keys } };
}
