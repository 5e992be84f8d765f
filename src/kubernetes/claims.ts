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

/** Where no token tells it: as the downward API gives it, which the injector asks for. Empty outside of a cluster. */
export function podNamed({ NAMESPACE, POD_NAME }: Readonly<Record<string, string | undefined>>): string {
  if (!POD_NAME) return "";
  return NAMESPACE ? `${NAMESPACE}/${POD_NAME}` : POD_NAME;
}

/** Empty where the token tells none. */
export function podUid(jwt: string): string {
  return String(podClaims(jwt).pod?.uid ?? "");
}
