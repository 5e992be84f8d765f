/** Which redirects are followed. Pure. */

/** Those that the request is repeated for as it was. */
const REPEATED: readonly number[] = [301, 302, 307, 308];

/**
 * Where a redirect leads within the same server; null for an answer that is none, and for one to another server: the
 * token would go along, or what a login sends.
 * @param url of the request; `unix:/run/vault.sock:/v1/…` too
 */
export function redirectWithin(url: string, status: number | undefined, location: string | undefined): string | null {
  if (!REPEATED.includes(status ?? 0) || location === undefined) return null;
  const [, socket, path] = /^(unix:(?:\/\/)?\/[^:]*):(\/.*)$/.exec(url) ?? [];
  const from = new URL(socket === undefined ? url : `http://localhost${path}`);
  const to = URL.parse(location, from.href);
  if (to === null || to.origin !== from.origin) return null;
  return `${socket === undefined ? to.origin : `${socket}:`}${to.pathname}${to.search}`;
}
