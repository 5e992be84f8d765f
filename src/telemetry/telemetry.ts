/**
 * The agent's metrics under Vault Agent's names: in memory, for Prometheus, and on their way to statsd, statsite and
 * dogstatsd. Beside them those daemons get what lessee counts itself.
 */
import type { TelemetryConfig } from "../config/server-types.ts";
import type { LesseeEvent } from "../events.ts";
import { EVENT_METRICS } from "../health/event-metrics.ts";
import type { Sample } from "../health/metric.ts";
import { STATUS_METRICS } from "../health/status-metrics.ts";
import type { Clock, Emit } from "../ports.ts";
import type { Status } from "../status.ts";
import { createLineSink, type LineSink } from "./line-sink.ts";
import { createMemorySink, type Gauge } from "./memory.ts";
import { createNaming, type Kind, type Metric, type Naming } from "./naming.ts";
import { createPrometheusSink } from "./prometheus.ts";
import { dogstatsdLine, statsdLine } from "./statsd.ts";
import { openDatagrams, openStream } from "./wires.ts";

export type Counter =
  | "agent.auth.success"
  | "agent.auth.failure"
  | "agent.proxy.success"
  | "agent.proxy.client_error"
  | "agent.proxy.error"
  | "agent.cache.hit"
  | "agent.cache.miss";

export interface Telemetry {
  count(counter: Counter): void;
  /** Counts logins and renewals of the token, and for the daemons whatever else happens. */
  readonly observe: Emit;
  /** The last ten seconds that are over; those that run where there are none. */
  json(): string;
  /** Since the start. */
  prometheus(): string;
  /** What SIGUSR1 prints. */
  dump(status: Status): string;
  /** Tells the daemons every ten seconds how things stand. */
  follow(status: () => Status): void;
  stop(): Promise<void>;
}

export interface TelemetryPorts {
  readonly clock: Clock;
  /** This machine's name. */
  readonly host: string;
  /** Bytes in use, and bytes that the system gave for it. */
  memory(): { readonly used: number; readonly taken: number };
  /** Of garbage since the start: how many, and for how many nanoseconds all else stood still. Null is not counted. */
  collections(): { readonly runs: number; readonly pause: number } | null;
  /** Calls back for each of them, with its nanoseconds; never where they are not counted. */
  onCollection(tell: (pause: number) => void): void;
  complain(message: string): void;
}

const PERIOD = 10_000;

/** @param config absent where the configuration has no `telemetry` */
export function createTelemetry(config: TelemetryConfig | undefined, ports: TelemetryPorts): Telemetry {
  const { clock } = ports;
  const service = config?.metricsPrefix ?? "vault";
  const naming = createNaming(config, ports.host, sinksOf(config));
  const daemons = config === undefined ? [] : openDaemons(config, naming, ports);
  const memory = createMemorySink(clock.now);
  const prometheus = createPrometheusSink(clock.now);
  const ended = new AbortController();
  let authenticated = false;

  function push(kind: Kind, metric: Metric, value: number): void {
    const named = naming.name(kind, metric);
    if (named !== null) for (const daemon of daemons) daemon.push(daemon.line(kind, named, value));
  }

  function count(counter: Counter): void {
    const metric = { service, name: counter };
    const named = naming.name("counter", metric);
    if (named === null) return;
    memory.count(named, 1);
    prometheus.count(named, 1);
    push("counter", metric, 1);
  }

  ports.onCollection((pause) => {
    const metric = { service, name: "runtime.gc_pause_ns" };
    const named = naming.name("sample", metric);
    if (named === null) return;
    memory.sample(named, pause);
    prometheus.sample(named, pause);
    push("sample", metric, pause);
  });

  function setAuthenticated(now: boolean): void {
    authenticated = now;
    push("gauge", { service, name: "agent.authenticated" }, Number(now));
  }

  function observeLogin(event: LesseeEvent): void {
    if (event.is === "login" || event.is === "token renewed") {
      setAuthenticated(true);
      count("agent.auth.success");
    } else if (event.is === "token renewal failed") {
      setAuthenticated(authenticated && !event.lost);
      count("agent.auth.failure");
    } else if (event.is === "login failed") {
      count("agent.auth.failure");
    }
  }

  /** As they are now. */
  function gauges(): readonly (Metric & { readonly value: number })[] {
    const { used, taken } = ports.memory();
    const collections = ports.collections();
    return [
      { service, name: "agent.authenticated", value: Number(authenticated) },
      { service, name: "runtime.alloc_bytes", value: used },
      { service, name: "runtime.sys_bytes", value: taken },
      ...(collections === null
        ? []
        : [
            { service, name: "runtime.total_gc_runs", value: collections.runs },
            { service, name: "runtime.total_gc_pause_ns", value: collections.pause },
          ]),
    ];
  }

  const named = (metrics: ReturnType<typeof gauges>): readonly Gauge[] =>
    metrics.flatMap((metric) => {
      const name = naming.name("gauge", metric);
      return name === null ? [] : [{ named: name, value: metric.value }];
    });

  return {
    count,
    observe(event) {
      observeLogin(event);
      if (daemons.length === 0) return;
      for (const { kind, metric, value } of ownReadings(event)) push(kind, metric, value);
    },
    json: () => memory.json(named(gauges())),
    prometheus: () => prometheus.text(named(gauges())),
    dump: (status) => memory.dump(named([...gauges(), ...ownGauges(status)])),
    follow(status) {
      if (daemons.length === 0) return;
      void (async () => {
        while (!ended.signal.aborted) {
          for (const metric of [...gauges(), ...ownGauges(status())]) push("gauge", metric, metric.value);
          await clock.sleep(clock.now() + PERIOD, ended.signal);
        }
      })();
    },
    async stop() {
      ended.abort();
      await Promise.all(daemons.map((daemon) => daemon.stop()));
    },
  };
}

// ---- internal ----

/** As Vault Agent counts them to see whether a host in a name is of use. */
function sinksOf(config: TelemetryConfig | undefined): number {
  if (config === undefined) return 0;
  const { prometheusRetentionTime, statsiteAddress, statsdAddress, dogstatsdAddr } = config;
  return [prometheusRetentionTime, statsiteAddress, statsdAddress, dogstatsdAddr].filter(Boolean).length;
}

interface Daemon extends LineSink {
  line(...metric: Parameters<typeof statsdLine>): string;
}

function openDaemons(config: TelemetryConfig, naming: Naming, ports: TelemetryPorts): readonly Daemon[] {
  const { dogstatsdAddr, dogstatsdTags, statsdAddress, statsiteAddress } = config;
  const tagged = { tags: dogstatsdTags, host: naming.hostInKey };
  const daemon = (key: string, address: string | undefined, open: typeof openStream, line: Daemon["line"]) =>
    address === undefined
      ? []
      : [{ line, ...createLineSink({ ...ports, name: `${key} ${address}`, open: () => open(address) }) }];
  return [
    ...daemon("statsite_address", statsiteAddress, openStream, statsdLine),
    ...daemon("statsd_address", statsdAddress, openDatagrams, statsdLine),
    ...daemon("dogstatsd_addr", dogstatsdAddr, openDatagrams, (kind, named, value) =>
      dogstatsdLine(kind, named, value, tagged),
    ),
  ];
}

interface Reading {
  readonly kind: Kind;
  readonly metric: Metric;
  readonly value: number;
}

/** What lessee counts itself. A daemon's times are milliseconds, so that their names say so. */
function ownReadings(event: LesseeEvent): readonly Reading[] {
  return EVENT_METRICS.flatMap((row): readonly Reading[] => {
    const read = row.on[event.is] as ((event: LesseeEvent) => readonly Sample[]) | undefined;
    return (read?.(event) ?? []).map((sample) =>
      row.type === "counter"
        ? { kind: "counter", metric: own(row.name, sample), value: sample[1] }
        : { kind: "sample", metric: own(row.name.replace(/_seconds$/, "_ms"), sample), value: sample[1] * 1_000 },
    );
  });
}

function ownGauges(status: Status): readonly (Metric & { readonly value: number })[] {
  return STATUS_METRICS.flatMap((row) =>
    row.read(status).map((sample) => ({ ...own(row.name, sample), value: sample[1] })),
  );
}

/** `lessee_ready` is `ready` of the service `lessee`. */
function own(name: string, [labels]: Sample): Metric {
  return {
    service: "lessee",
    name: name.replace(/^lessee_/, ""),
    labels: Object.entries(labels).map(([label, value]) => [label, String(value)] as const),
  };
}
