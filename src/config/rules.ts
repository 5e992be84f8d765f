/** What must hold of the merged whole, in the words of Vault Agent. */
import type { Declared } from "./declared.ts";
import type { DeclaredEnvTemplate } from "./decode/template.ts";
import { quote } from "./kinds.ts";
import type { Place } from "./place.ts";

export interface Violation {
  readonly message: string;
  /** Absent where the fault is that something is nowhere. */
  readonly place?: Place;
  readonly hint?: string;
  /** Something is missing, perhaps only because what stands for it has a fault of its own. */
  readonly absence?: true;
}

/** Every rule that the configuration breaks. */
export function violations(config: Declared): readonly Violation[] {
  return [...tokenUse(config), ...cache(config), ...apiProxy(config), ...autoAuth(config), ...processMode(config)];
}

/** A proxy that the cache stands for takes over whether the client's own token is replaced. */
export function withImpliedTokenUse(config: Declared): Declared {
  if (!config.apiProxy || !config.cache?.declaresTokenUse || config.apiProxy.declaresTokenUse) return config;
  return { ...config, apiProxy: { ...config.apiProxy, forceAutoAuthToken: config.cache.forceAutoAuthToken } };
}

function* tokenUse(config: Declared): Generator<Violation> {
  if (config.apiProxy?.declaresTokenUse && config.cache?.declaresTokenUse) {
    yield {
      place: config.cache.place,
      message:
        "use_auto_auth_token defined in both api_proxy and cache config. Please remove this configuration from the cache block",
    };
  }
}

function* cache(config: Declared): Generator<Violation> {
  if (!config.cache) return;
  const { place } = config.cache;
  if (config.listeners.length + config.templates.length + config.envTemplates.length === 0) {
    yield {
      place,
      absence: true,
      message: "enabling the cache requires at least 1 template or 1 listener to be defined",
    };
  }
  if (config.cache.useAutoAuthToken) yield* tokenAtHand(config, "cache", place);
}

function* apiProxy(config: Declared): Generator<Violation> {
  if (!config.apiProxy) return;
  const { place } = config.apiProxy;
  if (config.listeners.length === 0) {
    yield { place, absence: true, message: "configuring the api_proxy requires at least 1 listener to be defined" };
  }
  if (config.apiProxy.declaresTokenUse && config.apiProxy.useAutoAuthToken) {
    yield* tokenAtHand(config, "api_proxy", place);
  }
}

function* tokenAtHand(config: Declared, block: string, place: Place): Generator<Violation> {
  if (!config.autoAuth) {
    yield { place, absence: true, message: `${block}.use_auto_auth_token is true but auto_auth not configured` };
  } else if (config.autoAuth.method.wrapTtl > 0) {
    yield { place, message: `${block}.use_auto_auth_token is true and auto_auth uses wrapping` };
  }
}

function* autoAuth(config: Declared): Generator<Violation> {
  const outputs = config.templates.length + config.envTemplates.length + (config.autoAuth?.sinks.length ?? 0);
  if (config.autoAuth && outputs === 0 && !config.apiProxy?.useAutoAuthToken) {
    yield {
      place: config.autoAuth.place,
      absence: true,
      message: "auto_auth requires at least one sink or at least one template or api_proxy.use_auto_auth_token=true",
    };
  }
  if (!config.autoAuth && !config.cache && config.listeners.length === 0) {
    yield { absence: true, message: "no auto_auth, cache, or listener block found in config" };
  }
}

function* processMode(config: Declared): Generator<Violation> {
  const { exec, envTemplates } = config;
  if (!exec && envTemplates.length === 0) return;
  if (!exec) {
    yield {
      place: envTemplates[0]!.place,
      absence: true,
      message: "a top-level 'exec' element must be specified with 'env_template' entries",
    };
  } else {
    const { place } = exec;
    if (envTemplates.length === 0) {
      yield {
        place,
        absence: true,
        message: "must specify at least one 'env_template' element with a top-level 'exec' element",
      };
    }
    if (exec.command.length === 0)
      yield { place, absence: true, message: "'exec' requires a non-empty 'command' field" };
    if (!["always", "never"].includes(exec.restartOnSecretChanges)) {
      const message = `'exec.restart_on_secret_changes' unexpected value: ${quote(exec.restartOnSecretChanges)}`;
      yield { place, message, hint: 'it is "always" or "never"' };
    }
  }
  if (config.apiProxy) {
    yield { place: config.apiProxy.place, message: "'api_proxy' cannot be specified with 'env_template' entries" };
  }
  if (config.templates[0]) {
    yield { place: config.templates[0].place, message: "'template' cannot be specified with 'env_template' entries" };
  }
  yield* envTemplateRules(envTemplates);
}

function* envTemplateRules(templates: readonly DeclaredEnvTemplate[]): Generator<Violation> {
  const names = new Set<string>();
  for (const { name, place, contents, source } of templates) {
    if (names.has(name)) {
      yield { place, message: `env_template: duplicate environment variable name: ${quote(name)}` };
    }
    names.add(name);
    if (contents === undefined && source === undefined) {
      yield { place, absence: true, message: `env_template[${name}]: either 'contents' or 'source' must be specified` };
    } else if (contents !== undefined && source !== undefined) {
      yield { place, message: `env_template[${name}]: 'contents' and 'source' cannot be specified together` };
    }
  }
}
