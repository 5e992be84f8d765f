/** An AdmissionReview and its answer. */

import { describe, LesseeError } from "../errors.ts";
import type { ReviewOutcome } from "../events.ts";
import { toBase64 } from "./base64.ts";
import { difference } from "./difference.ts";
import { type Injection, inject } from "./inject.ts";
import { shapeOf } from "./json-shape.ts";
import { asObject, type Loose } from "./loose.ts";
import { Refusal } from "./refusal.ts";
import type { Settings } from "./settings.ts";

export interface Reviewed {
  /** The JSON that goes back. */
  readonly answer: string;
  readonly namespace: string;
  /** Its name, or what its name will begin with. */
  readonly pod: string;
  readonly outcome: ReviewOutcome;
  readonly injected?: "init_and_sidecar" | "init_only" | "sidecar_only";
  readonly reason?: string;
}

export interface ReviewOptions {
  readonly settings: Settings;
  /** What a fault of ours means: the pod as it is, with a warning, instead of no pod. */
  readonly failOpen: boolean;
}

/** What is no review at all. */
export class NotAReview extends LesseeError {
  constructor(message: string) {
    super("review", message);
  }
}

/** Throws NotAReview for a text that is none. */
export function review(text: string, { settings, failOpen }: ReviewOptions): Reviewed {
  const { apiVersion, request, uid } = read(text);
  const pod = asObject(request.object);
  const metadata = asObject(pod?.metadata);
  const name = [metadata?.name, metadata?.generateName, request.name].find(
    (one) => typeof one === "string" && one !== "",
  );
  const about = { namespace: textOf(request.namespace) || textOf(metadata?.namespace), pod: textOf(name) };
  const answer = (response: object) =>
    JSON.stringify({ apiVersion, kind: "AdmissionReview", response: { uid, ...response } });
  const unchanged = (reason: string): Reviewed => ({
    ...about,
    answer: answer({ allowed: true }),
    outcome: "unchanged",
    reason,
  });

  const { kind, group = "" } = asObject(request.kind) ?? {};
  if (kind !== undefined && (kind !== "Pod" || group !== "")) return unchanged(`it is a ${kind}, and no Pod`);
  if (request.subResource !== undefined && request.subResource !== "")
    return unchanged(`nothing is injected at ${request.subResource}`);
  if (request.operation !== undefined && request.operation !== "CREATE")
    return unchanged(`nothing is injected at ${request.operation}`);
  try {
    const injection = inject(request.object, { settings, namespace: about.namespace, admitted: true });
    if (injection.outcome === "unchanged") return unchanged(injection.reason);
    const patch = toBase64(JSON.stringify(difference(request.object, injection.pod)));
    const warnings = injection.warnings.map((warning) => `lessee: ${warning}`);
    const patched = { allowed: true, patchType: "JSONPatch", patch, ...(warnings.length === 0 ? {} : { warnings }) };
    return { ...about, answer: answer(patched), outcome: "injected", injected: typeOf(injection) };
  } catch (error) {
    const reason = short(describe(error));
    if (error instanceof Refusal)
      return { ...about, answer: answer(denied(422, "Invalid", reason)), outcome: "refused", reason };
    const failed = failOpen
      ? { allowed: true, warnings: [`lessee: not injected, by a fault of lessee's: ${reason}`] }
      : denied(500, "InternalError", `a fault of lessee's, nothing was injected: ${reason}`);
    return { ...about, answer: answer(failed), outcome: "failed", reason };
  }
}

// ---- internal ----

/** As deep as Kubernetes' own objects go, and more; many times as many as a pod's. */
const DEEPEST = 200;
const MOST = 150_000;

function read(text: string): { readonly apiVersion: string; readonly request: Loose; readonly uid: string } {
  const { depth, containers } = shapeOf(text);
  if (depth > DEEPEST) throw new NotAReview(`the body is nested ${depth} deep, and no object of Kubernetes is`);
  if (containers > MOST)
    throw new NotAReview(`the body has ${containers} objects and lists, and at most ${MOST} may be`);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new NotAReview(`the body is no JSON: ${(error as Error).message}`);
  }
  const whole = asObject(value);
  const request = asObject(whole?.request);
  if (whole?.kind !== "AdmissionReview") throw new NotAReview("the body is no AdmissionReview");
  if (whole.apiVersion !== "admission.k8s.io/v1" && whole.apiVersion !== "admission.k8s.io/v1beta1")
    throw new NotAReview(`AdmissionReview of the unknown version ${JSON.stringify(whole.apiVersion)}`);
  if (typeof request?.uid !== "string" || request.uid === "")
    throw new NotAReview("the review has no request with a uid");
  return { apiVersion: whole.apiVersion, request, uid: request.uid };
}

function denied(code: number, reason: string, message: string): object {
  return { allowed: false, status: { code, reason, message } };
}

/** What somebody wrote may be as long as an annotation, and who reads the refusal has a line. */
const LONGEST = 2_000;

function short(text: string): string {
  return text.length <= LONGEST ? text : `${text.slice(0, LONGEST)}… (${text.length - LONGEST} characters more)`;
}

function typeOf({ init, sidecar }: Extract<Injection, { readonly outcome: "injected" }>): Reviewed["injected"] {
  if (init && sidecar) return "init_and_sidecar";
  return init ? "init_only" : sidecar ? "sidecar_only" : undefined;
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}
