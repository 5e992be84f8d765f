/** AdmissionReviews as an API server sends them, and what it gets. */
import { applyPatch } from "rfc6902";
import { describe, expect, it } from "vitest";
import { review } from "../../src/inject/review.ts";
import type { Settings } from "../../src/inject/settings.ts";
import { podOf, reviewOf, SETTINGS, VAULT } from "./pods.ts";

function answerTo(value: unknown, settings: Partial<Settings> = {}, failOpen = false) {
  const { answer, ...about } = review(typeof value === "string" ? value : JSON.stringify(value), {
    settings: { ...SETTINGS, ...settings },
    failOpen,
  });
  const { response, ...rest } = JSON.parse(answer);
  const patch = response.patch === undefined ? undefined : JSON.parse(Buffer.from(response.patch, "base64").toString());
  return { ...rest, ...about, response, patch };
}

describe("a review", () => {
  it("of a pod that asks is answered with what makes it an injected one", () => {
    const pod = podOf();
    const { response, patch, apiVersion, outcome, injected, namespace, pod: name } = answerTo(reviewOf(pod));
    expect(apiVersion).toBe("admission.k8s.io/v1");
    expect(response).toMatchObject({ uid: "0d2c0a4e", allowed: true, patchType: "JSONPatch" });
    expect({ outcome, injected, namespace, name }).toEqual({
      outcome: "injected",
      injected: "init_and_sidecar",
      namespace: "tsb",
      name: "tsb-1",
    });
    const patched = structuredClone(pod) as unknown as { spec: { containers: { name: string }[] } };
    expect(applyPatch(patched, patch).filter(Boolean)).toEqual([]);
    expect(patched.spec.containers.map((one) => one.name)).toEqual(["tsb", "vault-agent"]);
    // Not a byte more than what is added.
    expect(patch.every(({ op }: { op: string }) => op === "add")).toBe(true);
  });

  it("of one that did not ask is answered without a patch, whatever is in it", () => {
    for (const pod of [{}, null, { metadata: { annotations: { a: 1 } }, spec: 7 }, { spec: { containers: "x" } }])
      expect(answerTo(reviewOf(pod))).toMatchObject({ outcome: "unchanged", response: { allowed: true } });
    expect(answerTo(reviewOf(podOf())).response).toHaveProperty("patch");
    expect(answerTo(reviewOf({})).response).toEqual({ uid: "0d2c0a4e", allowed: true });
  });

  it("of a pod that is injected already changes nothing", () => {
    const pod = podOf();
    const { patch } = answerTo(reviewOf(pod));
    const patched = structuredClone(pod);
    applyPatch(patched, patch);
    expect(answerTo(reviewOf(patched))).toMatchObject({ outcome: "unchanged", response: { allowed: true } });
  });

  it("of something else than a new pod changes nothing", () => {
    expect(answerTo(reviewOf(podOf(), { kind: { kind: "Deployment" } })).outcome).toBe("unchanged");
    expect(answerTo(reviewOf(podOf(), { operation: "UPDATE" })).outcome).toBe("unchanged");
  });

  it("of a pod that cannot be injected says why, in words that kubectl shows", () => {
    const { response, outcome } = answerTo(reviewOf(podOf({ [`${VAULT}/role`]: "" })));
    expect(outcome).toBe("refused");
    expect(response).toEqual({
      uid: "0d2c0a4e",
      allowed: false,
      status: {
        code: 422,
        reason: "Invalid",
        message:
          "error validating agent configuration: no Vault role found (set the annotation vault.hashicorp.com/role)",
      },
    });
  });

  it("takes the namespace of the request before the pod's, and refuses those of the system", () => {
    const { response } = answerTo(reviewOf(podOf(), { namespace: "kube-system" }));
    expect(response.status.message).toContain("cannot inject into system namespaces: kube-system");
  });

  it("carries warnings to whoever applies the pod", () => {
    const { response } = answerTo(reviewOf(podOf({}, { hostNetwork: true })));
    expect(response.warnings).toEqual([expect.stringContaining("lessee: on the host's network")]);
  });

  it("is answered in the version that was asked in", () => {
    expect(answerTo({ ...reviewOf(podOf()), apiVersion: "admission.k8s.io/v1beta1" }).apiVersion).toBe(
      "admission.k8s.io/v1beta1",
    );
  });

  it("that meets a fault of ours is refused, or let through as it came", () => {
    const broken = { disableIdleConnections: 5 as never };
    const closed = answerTo(reviewOf(podOf()), broken);
    expect(closed).toMatchObject({ outcome: "failed", response: { allowed: false, status: { code: 500 } } });
    const open = answerTo(reviewOf(podOf()), broken, true);
    expect(open).toMatchObject({ outcome: "failed", response: { allowed: true } });
    expect(open.response).not.toHaveProperty("patch");
    expect(open.response.warnings.join()).toContain("not injected");
  });
});

describe("what is no review", () => {
  it.each([
    ["", "the body is no JSON"],
    ["{", "the body is no JSON"],
    ["[]", "the body is no AdmissionReview"],
    ['{"kind": "Pod"}', "the body is no AdmissionReview"],
    ['{"kind": "AdmissionReview", "apiVersion": "v9"}', 'unknown version "v9"'],
    [JSON.stringify({ ...reviewOf({}), request: {} }), "no request with a uid"],
  ])("%j is refused", (text, words) => {
    expect(() => answerTo(text)).toThrow(words);
  });
});
