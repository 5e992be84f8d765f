/** Several files become one configuration. */
import type { Declared, DeclaredLog } from "./declared.ts";
import { defined } from "./defaults.ts";
import type { Subsystems } from "./server-types.ts";

/** What no file says anything about. */
export const NOTHING_DECLARED: Declared = {
  exitAfterAuth: false,
  templates: [],
  envTemplates: [],
  listeners: [],
  credentials: [],
  disableIdleConnections: { autoAuth: false, apiProxy: false, templating: false },
  disableKeepAlives: { autoAuth: false, apiProxy: false, templating: false },
  log: {},
};

/**
 * Blocks that may stand several times are put together, a block that may stand once is replaced as a whole by the
 * later file, a switch that is on stays on. A credential of the same path is replaced.
 */
export function merge(earlier: Declared, later: Declared): Declared {
  const replaced = new Set(later.credentials.map((credential) => credential.path));
  return {
    ...earlier,
    ...later,
    exitAfterAuth: earlier.exitAfterAuth || later.exitAfterAuth,
    templates: [...earlier.templates, ...later.templates],
    envTemplates: [...earlier.envTemplates, ...later.envTemplates],
    listeners: [...earlier.listeners, ...later.listeners],
    credentials: [...earlier.credentials.filter(({ path }) => !replaced.has(path)), ...later.credentials],
    disableIdleConnections: either(earlier.disableIdleConnections, later.disableIdleConnections),
    disableKeepAlives: either(earlier.disableKeepAlives, later.disableKeepAlives),
    defaultMaxRequestDuration: Math.max(earlier.defaultMaxRequestDuration ?? 0, later.defaultMaxRequestDuration ?? 0),
    log: mergeLog(earlier.log, later.log),
  };
}

function either(a: Subsystems, b: Subsystems): Subsystems {
  return {
    autoAuth: a.autoAuth || b.autoAuth,
    apiProxy: a.apiProxy || b.apiProxy,
    templating: a.templating || b.templating,
  };
}

function mergeLog(earlier: DeclaredLog, later: DeclaredLog): DeclaredLog {
  return { ...earlier, ...defined(later) };
}
