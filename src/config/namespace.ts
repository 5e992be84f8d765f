/** No slash in front, one at the end, and none twice. */
export function canonicalNamespace(namespace: string | undefined): string | undefined {
  const trimmed = namespace?.replaceAll(/\/+/g, "/").replace(/^\/|\/$/g, "");
  return trimmed ? `${trimmed}/` : undefined;
}
