/** Where a sidecar's state may lie that nobody has named a folder to. */

/** The volume of lessee's own webhook, which names it in the configuration that it makes. */
export const WEBHOOKS_VOLUME = "/run/lessee";

/** What the injector mounts when agent-cache-enable is set: init container and sidecar share it. */
export const AGENT_CACHE = "/vault/agent-cache";

/** In the order in which it is looked for. */
export function stateFolders(home: string | undefined): readonly string[] {
  return [WEBHOOKS_VOLUME, AGENT_CACHE, ...(home === undefined ? [] : [`${home}/.lessee`])];
}
