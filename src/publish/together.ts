/** All files of one rotation: what becomes visible when, by the strategy that the volume allows. */
import { dirname } from "node:path";
import { publishError } from "./failure.ts";
import { commit, discard, type PublishPorts, type PublishRequest, type Staged, stage } from "./file.ts";
import { publishGeneration } from "./generation.ts";
import { publishInPlace } from "./in-place.ts";

/**
 * `rename`: each file is replaced in one step, one after the other. `symlink`: all files of a folder change in one
 * step. `in-place`: for a file that is a mount point itself (subPath); a reader may see half of it.
 */
export type Strategy = "rename" | "symlink" | "in-place";

/**
 * Resolves to one answer for each request, in their order. Rejects with a PublishError; nothing has changed then but
 * the files that it lists as `written`. Two calls at once for one folder are not allowed.
 */
export async function publishTogether(
  requests: readonly PublishRequest[],
  strategy: Strategy,
  ports: PublishPorts,
): Promise<readonly { readonly changed: boolean }[]> {
  switch (strategy) {
    case "rename":
      return await renameAll(requests, ports);
    case "symlink":
      return await switchFolders(requests, ports);
    case "in-place":
      return await oneByOne(requests, (request) => publishInPlace(request, ports));
  }
}

/** Whatever can fail is done for all files before the first becomes visible; what remains is one rename for each. */
async function renameAll(requests: readonly PublishRequest[], ports: PublishPorts) {
  const staged: (Staged | undefined)[] = [];
  const discardAll = async () => {
    for (const one of staged) if (one) await discard(one.temporary, ports.files);
  };
  try {
    for (const request of requests) staged.push(await stage(request, ports));
    const changes = new Map(requests.map((request, i) => [request, staged[i]]));
    return await oneByOne(requests, async (request) => {
      const one = changes.get(request);
      if (one) await commit(one, ports);
      return { changed: one !== undefined };
    });
  } catch (error) {
    await discardAll();
    throw error;
  }
}

async function switchFolders(requests: readonly PublishRequest[], ports: PublishPorts) {
  const changed = new Map<PublishRequest, boolean>();
  const folders = Map.groupBy(requests, (request) => dirname(request.destination));
  for (const [folder, group] of folders) {
    try {
      const results = await publishGeneration(folder, group, ports);
      group.forEach((request, i) => {
        changed.set(request, results[i]?.changed === true);
      });
    } catch (error) {
      throw publishError(folder, error, destinationsOf(changed));
    }
  }
  return requests.map((request) => ({ changed: changed.get(request) === true }));
}

async function oneByOne(
  requests: readonly PublishRequest[],
  publish: (request: PublishRequest) => Promise<{ readonly changed: boolean }>,
) {
  const changed = new Map<PublishRequest, boolean>();
  for (const request of requests) {
    try {
      changed.set(request, (await publish(request)).changed);
    } catch (error) {
      throw publishError(request.destination, error, destinationsOf(changed));
    }
  }
  return requests.map((request) => ({ changed: changed.get(request) === true }));
}

function destinationsOf(changed: ReadonlyMap<PublishRequest, boolean>): readonly string[] {
  return [...changed].filter(([, done]) => done).map(([request]) => request.destination);
}
