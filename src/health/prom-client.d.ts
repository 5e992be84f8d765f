/**
 * The four files of prom-client that are used. Its index also loads a push gateway, cluster support, summaries and
 * its metrics of the process: five times the code, and 2 MB of memory in a sidecar that never uses them.
 */
declare module "prom-client/lib/registry.js" {
  import { Registry } from "prom-client";
  export = Registry;
}

declare module "prom-client/lib/counter.js" {
  import { Counter } from "prom-client";
  export = Counter;
}

declare module "prom-client/lib/gauge.js" {
  import { Gauge } from "prom-client";
  export = Gauge;
}

declare module "prom-client/lib/histogram.js" {
  import { Histogram } from "prom-client";
  export = Histogram;
}
