/**
 * Puts trouble on the pod as Kubernetes events. The same trouble is told at once when it begins, and then counted: one
 * event every ten minutes says how often. Nobody ever waits for it, and what cannot be told is dropped.
 */
import { describe, KubernetesError } from "../errors.ts";
import { backoff } from "../lease/backoff.ts";
import type { Clock, Emit, Random } from "../ports.ts";
import type { Status } from "../status.ts";
import type { Cluster } from "./cluster.ts";
import { nearDeadline, type Trouble, troubleIn } from "./trouble.ts";

export interface RecorderDeps {
  readonly cluster: Cluster;
  /** Of ours, where it is known. */
  readonly container: string | undefined;
  readonly clock: Clock;
  readonly random: Random;
  /** Takes every secret out of a text. */
  redact(text: string): string;
  warn(message: string): void;
}

export interface Recorder {
  readonly observe: Emit;
  /** Looks at the deadlines from time to time, until `stop`. */
  follow(status: () => Status): Promise<void>;
  /** What is under way has a moment to arrive. */
  stop(): Promise<void>;
}

const REPEAT = 10 * 60_000;
const MOST_AN_HOUR = 20;
const HOUR = 3_600_000;
const LOOK = 30_000;
const LAST_MOMENT = 2_000;
/** The API server takes no more. */
const LONGEST_MESSAGE = 1_024;
const REFUSED = { min: 60_000, max: REPEAT };

interface Series {
  readonly first: number;
  last: number;
  count: number;
  /** When it was told last; null if it never was. */
  toldAt: number | null;
}

export function createRecorder(deps: RecorderDeps): Recorder {
  const { clock, cluster, random } = deps;
  const { api, namespace, pod, uid } = cluster;
  const known = new Map<string, Series>();
  const told: number[] = [];
  const stopping = new AbortController();
  const giveUp = new AbortController();
  const underWay = new Set<Promise<void>>();
  let failures = 0;
  let mutedUntil = 0;
  let made = 0;

  function record(trouble: Trouble): void {
    const now = clock.now();
    const key = `${trouble.reason} ${trouble.path ?? ""}`;
    const last = known.get(key);
    // What was over for so long begins anew.
    const series =
      last === undefined || now - last.last > REPEAT ? { first: now, last: now, count: 0, toldAt: null } : last;
    known.set(key, series);
    series.last = now;
    series.count++;
    if (series.toldAt !== null && now - series.toldAt < REPEAT) return;
    if (now < mutedUntil || stopping.signal.aborted) return;
    while (told.length > 0 && told[0]! <= now - HOUR) told.shift();
    if (told.length >= MOST_AN_HOUR) return;
    told.push(now);
    series.toldAt = now;
    const sent = send(eventOf(trouble, series, now)).finally(() => underWay.delete(sent));
    underWay.add(sent);
  }

  async function send(body: object): Promise<void> {
    try {
      await api.create(`/api/v1/namespaces/${namespace}/events`, body, giveUp.signal);
      failures = 0;
    } catch (error) {
      if (giveUp.signal.aborted) return;
      failures++;
      const retryAfter = error instanceof KubernetesError ? error.retryAfter : undefined;
      mutedUntil = clock.now() + backoff(REFUSED, failures, random(), retryAfter);
      if (failures === 1) deps.warn(`no event could be put on the pod: ${describe(error)}`);
    }
  }

  function eventOf({ reason, message }: Trouble, { first, last, count }: Series, now: number): object {
    const container = deps.container === undefined ? {} : { fieldPath: `spec.containers{${deps.container}}` };
    const time = (at: number) => new Date(at).toISOString().replace(/\.\d+Z$/, "Z");
    return {
      apiVersion: "v1",
      kind: "Event",
      metadata: { name: `${pod}.${Math.floor(now).toString(16)}${(made++).toString(16).padStart(4, "0")}`, namespace },
      involvedObject: { apiVersion: "v1", kind: "Pod", namespace, name: pod, ...(uid ? { uid } : {}), ...container },
      type: "Warning",
      reason,
      message: deps.redact(message).slice(0, LONGEST_MESSAGE),
      firstTimestamp: time(first),
      lastTimestamp: time(last),
      count,
      source: { component: "lessee" },
      reportingComponent: "lessee",
      reportingInstance: pod,
    };
  }

  return {
    observe(event) {
      const trouble = troubleIn(event);
      if (trouble !== null) record(trouble);
    },
    async follow(status) {
      while (!stopping.signal.aborted) {
        await clock.sleep(clock.now() + LOOK, stopping.signal);
        if (!stopping.signal.aborted) nearDeadline(status()).forEach(record);
      }
    },
    async stop() {
      stopping.abort();
      const arrived = new AbortController();
      void clock.sleep(clock.now() + LAST_MOMENT, arrived.signal).then(() => giveUp.abort());
      await Promise.all(underWay);
      arrived.abort();
    },
  };
}
