/**
 * The cells of the fault matrix that are about disks, on real ones: a volume that is full, one that is mounted
 * read-only, a folder that the user may not write. Mounting needs root; whom permissions bind is nobody.
 */
import { chown, readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { DISK_FAULTS, type DiskFault, mayMount, mend, mount, NOBODY, spoil, unmount } from "../../dev/real-disk.ts";
import { runCell } from "./cell.ts";
import { type Ground, prepareGround } from "./ground.ts";
import type { Pod, PodOptions } from "./pod.ts";
import { type Case, DURATIONS } from "./table.ts";

const isRoot = process.getuid?.() === 0;

interface Place {
  /** What is written there, and where the trouble is logged. */
  readonly folder: string;
  readonly pod?: PodOptions;
  /** Says that a write has failed. */
  failed(pod: Pod): number;
  readonly says: RegExp;
  /** Whether the application has a working credential all the while. */
  readonly endures: boolean;
  /** What has to stand there in the end, without anything having been done but that the disk is well. */
  readonly holds?: (pod: Pod) => Promise<{ readonly file: string; readonly text: string }>;
}

const path = "database/creds/p\\d+";
const warnings = (code: string) => (pod: Pod) =>
  pod.events.filter((event) => event.is === "warning" && event.code === code).length;
const failedPublishes = (pod: Pod) => pod.events.filter(({ is }) => is === "publish failed").length;

const currentOf = (pod: Pod) => pod.sidecar().keepers.all()[0]!.status().current;

const PLACES: Readonly<Record<string, Place>> = {
  publish: {
    folder: "secrets",
    failed: failedPublishes,
    says: new RegExp(`publish failed: path=${path}.*config\\.yaml`),
    endures: false,
  },
  "publish by symlink": {
    folder: "secrets",
    pod: { credential: 'publish = "symlink"' },
    failed: failedPublishes,
    says: new RegExp(`publish failed: path=${path}.*config\\.yaml`),
    endures: false,
  },
  render: {
    folder: "beside",
    pod: { writes: "beside" },
    failed: failedPublishes,
    says: new RegExp(`publish failed: path=${path}.*beside/user`),
    endures: false,
    holds: async (pod) => ({ file: "user", text: currentOf(pod)?.user ?? "none" }),
  },
  "state file": {
    folder: "state",
    failed: warnings("state"),
    says: /the state cannot be kept: .*\/state/,
    endures: true,
    holds: async (pod) => ({ file: "lessee-state.json", text: currentOf(pod)?.lease ?? "none" }),
  },
  sink: {
    folder: "sink",
    // The token ends first, so that another one is to be written.
    pod: { writes: "sink", ttl: { max: "1h", token: "10m", tokenMax: "12m" } },
    failed: warnings("sink"),
    says: /the token cannot be written to \S*sink\/token: /,
    endures: true,
    holds: async (pod) => ({ file: "token", text: pod.sidecar().tokens.current()?.reveal() ?? "none" }),
  },
};

const WORDS: Readonly<Record<DiskFault, string>> = {
  "disk full": "(no space left|ENOSPC).*\\(",
  "read-only": "read-only.*\\(",
  permission: "permission denied.*\\(",
};

function cellOf(place: Place, fault: DiskFault): Case {
  const where = (pod: Pod) => join(pod.folder, place.folder);
  return {
    pod: {
      ...place.pod,
      prepare: async (folder) => {
        if (fault !== "permission") await mount(join(folder, place.folder));
      },
    },
    async begin(pod, duration) {
      await spoil(where(pod), fault);
      if (duration === "for ever") return;
      // Once: until the first write has met it.
      for (const end = pod.clock.now() + 3_600_000; place.failed(pod) === 0 && pod.clock.now() < end; )
        await pod.pass(1_000);
      await mend(where(pod), fault);
    },
    mend: (pod) => mend(where(pod), fault),
    hits: place.failed,
    says: new RegExp(`${place.says.source}.*${WORDS[fault]}`),
    endures: place.endures,
    async expectWell(pod) {
      const wanted = await place.holds?.(pod);
      if (wanted) expect(await readFile(join(where(pod), wanted.file), "utf8")).toContain(wanted.text);
    },
    dispose: async (pod) => {
      if (fault !== "permission") await unmount(where(pod));
    },
  };
}

let ground: Ground;
let canMount = false;
beforeAll(async () => {
  ground = await prepareGround();
  canMount = await mayMount(ground.folder);
});
afterAll(() => ground.stop());

for (const fault of DISK_FAULTS) {
  describe.concurrent(fault, { timeout: 60_000 }, () => {
    if (fault === "permission" && isRoot) asNobody();
    for (const [name, place] of Object.entries(PLACES)) {
      for (const duration of DURATIONS) {
        it(`${name}, ${duration}`, async ({ skip }) => {
          if (fault !== "permission" && !canMount) skip("a volume of its own needs root, who may mount");
          await runCell(ground, cellOf(place, fault), duration);
        });
      }
    }
  });
}

/** Root may write everywhere. What is still to be loaded then may lie where only root may read. */
function asNobody(): void {
  beforeAll(async () => {
    await chown(ground.folder, NOBODY, NOBODY);
    process.seteuid?.(NOBODY);
    expect(process.geteuid?.()).toBe(NOBODY);
  });
  afterAll(() => process.seteuid?.(0));
}
