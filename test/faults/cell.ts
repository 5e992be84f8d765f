/** What is asked of every cell: the application's failed queries, users left, requests made, the log's explanation. */
import { expect } from "vitest";
import type { Ground } from "./ground.ts";
import { type Pod, startPod } from "./pod.ts";
import type { Case, Duration } from "./table.ts";

const MINUTE = 60_000;
/** What the first credential cannot outlive, by its own max TTL or its token's. */
const LIFE = 12 * MINUTE;

/** One cell of a fault matrix, from the fault's beginning until everything is well again and nothing is left. */
export async function runCell(ground: Ground, cell: Case, duration: Duration): Promise<void> {
  const pod = await startPod(ground, cell.pod);
  try {
    const born = pod.clock.now();
    await cell.begin(pod, duration);
    if (duration === "once") {
      await pod.pass(born + LIFE - pod.clock.now());
    } else {
      await pod.pass(born + LIFE + 3 * MINUTE - pod.clock.now());
      if (!cell.lastsToTheEnd) {
        await cell.mend(pod);
        await pod.pass((cell.recovery ?? 7) * MINUTE);
      }
    }
    const recovered = pod.clock.now();
    await pod.pass(2 * MINUTE);

    expect(cell.hits(pod), "the fault was never met").toBeGreaterThan(0);
    const failures = pod.application.failures;
    const early =
      cell.endures || duration === "once" ? failures : failures.filter(({ at }) => at < born + LIFE - MINUTE);
    expect(early, "queries failed").toEqual([]);
    expect(
      failures.filter(({ at }) => at > recovered),
      "it has not recovered",
    ).toEqual([]);
    expect(heldUsers(pod)).toEqual(expect.arrayContaining([...pod.application.users]));
    await cell.expectWell?.(pod);
    expectFewRequests(pod, born);
    const quiet = cell.says === null || (duration === "once" && cell.quietOnce === true);
    if (!quiet) expect(pod.lines.filter(isComplaint).join("")).toMatch(cell.says!);
    else expect(pod.lines.filter(isComplaint)).toEqual([]);

    await pod.stop();
    // What could not be given back ends with its lease; and where Postgres refuses that, the server tries again.
    if (cell.lastsToTheEnd) await pod.pass(25 * MINUTE);
    await pod.pass(MINUTE);
    expect(await ground.users(pod.plot), "users are left").toEqual([]);
  } catch (error) {
    process.stderr.write(pod.lines.join(""));
    throw error;
  } finally {
    await pod.dispose();
    await cell.dispose?.(pod);
  }
}

function heldUsers(pod: Pod): readonly (string | null | undefined)[] {
  const { current, retiring } = pod.sidecar().keepers.all()[0]!.status();
  return [current?.user, ...retiring.map(({ user }) => user)];
}

/**
 * DESIGN §8.9, for each lease, and for the login and the read: under a lasting failure 10 requests in the first minute
 * and 2 a minute after it, in any stretch of time. A lookup counts with what it follows.
 */
function expectFewRequests({ asked }: Pod, since: number): void {
  const failing = asked
    .filter(({ at, status, path }) => at >= since && (status !== 200 || path.endsWith("/lookup")))
    // That it may not revoke it learns once.
    .filter(({ status, path }) => !(status === 403 && path.endsWith("/leases/revoke")));
  for (const [what, requests] of Map.groupBy(failing, ({ path, lease }) => lease ?? path)) {
    if (what.includes("/auth/token/")) continue;
    for (const first of requests.keys()) {
      for (let last = first; last < requests.length; last++) {
        const time = requests[last]!.at - requests[first]!.at;
        const allowed = 10 + (2 * time) / MINUTE;
        expect(last - first + 1, `requests for ${what} in ${time / 1000} s`).toBeLessThanOrEqual(allowed);
      }
    }
  }
  // Whatever happens at once.
  for (const [first, { at }] of asked.entries()) {
    const inAMinute = asked.slice(first).filter((one) => one.at < at + MINUTE).length;
    expect(inAMinute, "requests in a minute, of all kinds").toBeLessThanOrEqual(25);
  }
}

/** That lives so short need more users an hour than the budget has is said at every start, whatever the fault. */
function isComplaint(line: string): boolean {
  return /\[(WARN|ERROR)\]/.test(line) && !line.includes("code=budget");
}
