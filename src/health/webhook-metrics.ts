/** The webhook's metrics: those of Vault's injector under its names, and lessee's own. */
import { type EventMetric, once, type StatusMetric } from "./metric.ts";

export interface WebhookStatus {
  readonly version: string;
  readonly ready: boolean;
  /** Reviews that are being answered. */
  readonly inFlight: number;
  /** null before one was loaded. */
  readonly certificateEnds: number | null;
}

const MILLISECOND_BUCKETS = [5, 10, 25, 50, 75, 100, 250, 500, 1000, 2500, 5000, 7500, 10_000];
const SECOND_BUCKETS = [0.000_5, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1];

export const WEBHOOK_EVENT_METRICS: readonly EventMetric[] = [
  {
    type: "histogram",
    name: "vault_agent_injector_request_processing_duration_ms",
    help: "Webhook request processing times in milliseconds.",
    labels: [],
    buckets: MILLISECOND_BUCKETS,
    on: { review: ({ took }) => [[{}, took]] },
  },
  {
    type: "counter",
    name: "vault_agent_injector_injections_by_namespace_total",
    help: "Injections by namespace, of an init container, a sidecar or both.",
    labels: ["namespace", "injection_type"],
    on: {
      review: ({ namespace, injected }) =>
        injected === undefined ? [] : once({ namespace, injection_type: injected }),
    },
  },
  {
    type: "counter",
    name: "vault_agent_injector_failed_injections_by_namespace_total",
    help: "Pods by namespace that were refused, or whose injection failed.",
    labels: ["namespace"],
    on: {
      review: ({ namespace, outcome }) => (["refused", "failed"].includes(outcome) ? once({ namespace }) : []),
    },
  },
  {
    type: "counter",
    name: "lessee_webhook_reviews_total",
    help: "Reviews by outcome: injected, unchanged (the pod did not ask, or has it), refused, or failed (by a fault of lessee's).",
    labels: ["outcome"],
    on: { review: ({ outcome }) => once({ outcome }) },
  },
  {
    type: "histogram",
    name: "lessee_webhook_review_duration_seconds",
    help: "How long a review took, from its last byte to the answer.",
    labels: [],
    buckets: SECOND_BUCKETS,
    on: { review: ({ took }) => [[{}, took / 1000]] },
  },
  {
    type: "counter",
    name: "lessee_webhook_requests_rejected_total",
    help: "Requests that are no review, by the HTTP status that they got.",
    labels: ["status"],
    on: { "review not read": ({ status }) => once({ status }) },
  },
  {
    type: "counter",
    name: "lessee_webhook_certificate_reloads_total",
    help: "Certificates that were read, by outcome: ok or refused (the one before is used on).",
    labels: ["outcome"],
    on: {
      "certificate loaded": () => once({ outcome: "ok" }),
      "certificate refused": () => once({ outcome: "refused" }),
    },
  },
];

export const WEBHOOK_STATUS_METRICS: readonly StatusMetric<WebhookStatus>[] = [
  {
    type: "gauge",
    name: "vault_agent_injector_request_queue_length",
    help: "Reviews that are being answered.",
    labels: [],
    shows: "inFlight",
    read: ({ inFlight }) => [[{}, inFlight]],
  },
  {
    type: "gauge",
    name: "lessee_webhook_ready",
    help: "1 when reviews are answered, 0 while stopping.",
    labels: [],
    shows: "ready",
    read: ({ ready }) => [[{}, Number(ready)]],
  },
  {
    type: "gauge",
    name: "lessee_webhook_certificate_expiry_timestamp_seconds",
    help: "When the certificate in use ends, in seconds since 1970.",
    labels: [],
    shows: "certificateEnds",
    read: ({ certificateEnds }) => (certificateEnds === null ? [] : [[{}, certificateEnds / 1000]]),
  },
  {
    type: "gauge",
    name: "lessee_webhook_build_info",
    help: "Always 1; the version is in the label.",
    labels: ["version"],
    shows: "version",
    read: ({ version }) => [[{ version }, 1]],
  },
];
