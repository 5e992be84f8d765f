/** The Kubernetes API over TLS: what Vault asks at a login (TokenReview), and what pods may ask (pod-api.ts). */

import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { selfSignedCertificate } from "./certificate.ts";
import { createPodApi, type PodApi } from "./pod-api.ts";
import { API_AUDIENCE, createServiceAccountSigner, type TokenClaims, type TokenOptions } from "./service-accounts.ts";

export interface Kubernetes {
  /** `https://127.0.0.1:PORT` */
  readonly address: string;
  /** PEM of the authority that signed the endpoint's certificate. */
  readonly caCertificate: string;
  /** The token with which Vault may ask; ends after a day. */
  readonly reviewerJwt: string;
  signToken(options: TokenOptions): string;
  readonly pods: PodApi;
  stop(): Promise<void>;
}

export async function startKubernetes(): Promise<Kubernetes> {
  const signer = createServiceAccountSigner();
  const { certificate, privateKey } = selfSignedCertificate(["127.0.0.1", "localhost", "kubernetes.default.svc"]);
  const pods = createPodApi(signer.verify);
  const server = createServer({ cert: certificate, key: privateKey }, (request, response) => {
    if (pods.handle(request, response)) return;
    review(request, signer.verify).then(
      (answer) => respond(response, answer),
      () => respond(response, failure(400, "BadRequest", "the object provided is unrecognized")),
    );
  });
  await new Promise<void>((resolve, reject) => server.once("error", reject).listen(0, "127.0.0.1", resolve));
  return {
    address: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    caCertificate: certificate,
    reviewerJwt: signer.sign({ ...REVIEWER, lifetimeSeconds: 86_400 }),
    signToken: signer.sign,
    pods,
    stop: () => close(server),
  };
}

/** Bound to `system:auth-delegator` in a cluster; here the only account that may review. */
const REVIEWER = { namespace: "vault", name: "vault" };

interface Answer {
  readonly status: number;
  readonly body: object;
}

async function review(request: IncomingMessage, verify: (token: string) => TokenClaims | undefined): Promise<Answer> {
  const reviewer = verify(/^Bearer (.+)$/.exec(request.headers.authorization ?? "")?.[1] ?? "");
  if (!reviewer?.aud.includes(API_AUDIENCE)) return failure(401, "Unauthorized", "Unauthorized");
  if (reviewer.sub !== `system:serviceaccount:${REVIEWER.namespace}:${REVIEWER.name}`)
    return failure(403, "Forbidden", `User "${reviewer.sub}" cannot create resource "tokenreviews"`);
  if (request.method !== "POST" || request.url !== "/apis/authentication.k8s.io/v1/tokenreviews")
    return failure(404, "NotFound", "the server could not find the requested resource");

  const { spec } = JSON.parse(await text(request)) as { spec: { token: string; audiences?: string[] } };
  const wanted = spec.audiences?.length ? spec.audiences : [API_AUDIENCE];
  const claims = verify(spec.token);
  const audiences = claims?.aud.filter((audience) => wanted.includes(audience)) ?? [];
  const status =
    claims && audiences.length > 0
      ? { authenticated: true, user: userOf(claims), audiences }
      : {
          user: {},
          error: claims ? `token audiences ${JSON.stringify(claims.aud)} is invalid` : "invalid bearer token",
        };
  return { status: 201, body: { kind: "TokenReview", apiVersion: "authentication.k8s.io/v1", spec, status } };
}

function userOf(claims: TokenClaims): object {
  const { namespace, serviceaccount, pod } = claims["kubernetes.io"];
  return {
    username: claims.sub,
    uid: serviceaccount.uid,
    groups: ["system:serviceaccounts", `system:serviceaccounts:${namespace}`, "system:authenticated"],
    ...(pod && {
      extra: {
        "authentication.kubernetes.io/pod-name": [pod.name],
        "authentication.kubernetes.io/pod-uid": [pod.uid],
      },
    }),
  };
}

function failure(status: number, reason: string, message: string): Answer {
  return { status, body: { kind: "Status", apiVersion: "v1", status: "Failure", message, reason, code: status } };
}

function respond(response: ServerResponse, { status, body }: Answer): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
