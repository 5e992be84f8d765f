/** What a service account's JWT says of the pod that it was made for. The token's text changes, the pod's uid does not. */

export interface PodClaims {
  readonly namespace?: string;
  readonly pod?: { readonly name: string; readonly uid: string };
}

/** The claims that kubelet has put into a projected token; nothing for any other text. */
export function podClaims(jwt: string): PodClaims {
  try {
    return JSON.parse(Buffer.from(jwt.split(".")[1] ?? "", "base64url").toString("utf8"))["kubernetes.io"] ?? {};
  } catch {
    return {};
  }
}

/** Empty where the token tells none. */
export function podUid(jwt: string): string {
  return String(podClaims(jwt).pod?.uid ?? "");
}
