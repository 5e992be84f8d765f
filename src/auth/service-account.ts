/** What a service account's JWT says of the pod that it was made for. */

/** The claim that the kubelet puts into a projected token; the token's text changes, the pod's uid does not. Else empty. */
export function podOf(jwt: string): string {
  try {
    const claims = JSON.parse(Buffer.from(jwt.split(".")[1] ?? "", "base64url").toString("utf8"));
    return String(claims["kubernetes.io"]?.pod?.uid ?? "");
  } catch {
    return "";
  }
}
