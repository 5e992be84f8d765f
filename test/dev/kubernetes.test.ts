import { X509Certificate } from "node:crypto";
import { request as httpsRequest } from "node:https";
import { json } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { selfSignedCertificate } from "../../dev/kubernetes/certificate.ts";
import { createServiceAccountSigner } from "../../dev/kubernetes/service-accounts.ts";
import { type Kubernetes, startKubernetes } from "../../dev/kubernetes/token-review.ts";

describe("a self-signed certificate", () => {
  const { certificate } = selfSignedCertificate(["vault.tsb.svc", "127.0.0.1"], 2);
  const parsed = new X509Certificate(certificate);

  it("is for its names and addresses, and no others", () => {
    expect(parsed.checkHost("vault.tsb.svc")).toBe("vault.tsb.svc");
    expect(parsed.checkIP("127.0.0.1")).toBe("127.0.0.1");
    expect(parsed.checkHost("vault.other.svc")).toBeUndefined();
  });

  it("is signed by its own key, as an authority is", () => {
    expect(parsed.verify(parsed.publicKey)).toBe(true);
    expect(parsed.checkIssued(parsed)).toBe(true);
    expect(parsed.ca).toBe(true);
  });

  it("has begun, and ends when it was asked to", () => {
    expect(Date.parse(parsed.validFrom)).toBeLessThan(Date.now());
    expect(Math.abs(Date.parse(parsed.validTo) - Date.now() - 2 * 86_400_000)).toBeLessThan(60_000);
  });
});

describe("a service account's token", () => {
  const signer = createServiceAccountSigner();
  const account = { namespace: "tsb", name: "tsb" };

  it("has the claims that kubelet projects into a pod", () => {
    const pod = { name: "tsb-0", uid: "11111111-2222-4333-8444-555555555555" };
    const claims = signer.verify(signer.sign({ ...account, pod, audiences: ["vault"], lifetimeSeconds: 600 }))!;
    expect(claims).toMatchObject({
      aud: ["vault"],
      sub: "system:serviceaccount:tsb:tsb",
      "kubernetes.io": { namespace: "tsb", pod, serviceaccount: { name: "tsb", uid: expect.any(String) } },
    });
    expect(claims.exp - claims.iat).toBe(600);
  });

  it("is nothing when it has ended, was changed, or was made by another", () => {
    const token = signer.sign(account);
    const [header, , signature] = token.split(".");
    const changed = Buffer.from(JSON.stringify({ sub: "system:serviceaccount:tsb:other" })).toString("base64url");
    expect(signer.verify(token)).toBeDefined();
    expect(signer.verify(signer.sign({ ...account, lifetimeSeconds: -1 }))).toBeUndefined();
    expect(signer.verify(`${header}.${changed}.${signature}`)).toBeUndefined();
    expect(signer.verify(createServiceAccountSigner().sign(account))).toBeUndefined();
    expect(signer.verify("garbage")).toBeUndefined();
  });
});

describe("TokenReview", () => {
  let kubernetes: Kubernetes;
  beforeAll(async () => {
    kubernetes = await startKubernetes();
  });
  afterAll(() => kubernetes?.stop());

  const account = { namespace: "tsb", name: "tsb" };
  const review = (spec: object, reviewer = kubernetes.reviewerJwt) => post(kubernetes, { spec }, reviewer);

  it("knows a token that was signed here", async () => {
    const { status, body } = await review({ token: kubernetes.signToken(account) });
    expect(status).toBe(201);
    expect(body.status).toMatchObject({ authenticated: true, user: { username: "system:serviceaccount:tsb:tsb" } });
  });

  it("asks for one of the wanted audiences", async () => {
    const token = kubernetes.signToken({ ...account, audiences: ["vault", "other"] });
    expect((await review({ token, audiences: ["vault"] })).body.status).toMatchObject({ audiences: ["vault"] });
    expect((await review({ token })).body.status).not.toHaveProperty("authenticated");
  });

  it("does not know a forged or ended token", async () => {
    for (const token of [
      createServiceAccountSigner().sign(account),
      kubernetes.signToken({ ...account, lifetimeSeconds: -1 }),
    ])
      expect((await review({ token })).body.status).toEqual({ user: {}, error: "invalid bearer token" });
  });

  it("answers nobody but the reviewer", async () => {
    const token = kubernetes.signToken(account);
    expect((await review({ token }, "nobody")).status).toBe(401);
    expect((await review({ token }, token)).status).toBe(403);
  });

  it("is not trusted without its authority", async () => {
    const stranger = { ...kubernetes, caCertificate: selfSignedCertificate(["127.0.0.1"]).certificate };
    await expect(post(stranger, {}, kubernetes.reviewerJwt)).rejects.toMatchObject({
      code: expect.stringMatching(/SELF_SIGNED|UNABLE_TO_VERIFY/),
    });
  });
});

interface Reviewed {
  readonly status: number;
  readonly body: { readonly status: unknown };
}

function post(kubernetes: Kubernetes, body: object, token: string): Promise<Reviewed> {
  const url = new URL("/apis/authentication.k8s.io/v1/tokenreviews", kubernetes.address);
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
  return new Promise((resolve, reject) => {
    httpsRequest(url, { method: "POST", ca: kubernetes.caCertificate, headers, agent: false }, (answer) => {
      json(answer).then((parsed) => resolve({ status: answer.statusCode!, body: parsed as Reviewed["body"] }), reject);
    })
      .on("error", reject)
      .end(JSON.stringify(body));
  });
}
