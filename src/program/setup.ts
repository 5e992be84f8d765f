/** What follows from the configuration and is replaced whole when that is read anew: templates, policies, hooks. */
import { defaultCredential } from "../config/defaults.ts";
import type { AgentConfig, CommandConfig, CredentialConfig } from "../config/types.ts";
import { jitterOf, policyOf } from "../lease/policy.ts";
import { leadOf } from "../lease/schedule.ts";
import type { Policy } from "../lease/state.ts";
import { commandNotifier } from "../notify/exec.ts";
import { createNotifier } from "../notify/notifiers.ts";
import type { NotifyPorts } from "../notify/ports.ts";
import type { Databases, Emit, Notifier, World } from "../ports.ts";
import { openDatabases } from "../postgres/databases.ts";
import { type Command, createCommand } from "../publish/command.ts";
import { warnOfSecrets } from "../publish/plugin.ts";
import { createPublisher, type Publisher } from "../publish/publisher.ts";
import { loadEnvTemplates, loadTemplates } from "../publish/templates.ts";
import type { Brain, Dependency } from "../render/template.ts";
import { createVariables, type Variables } from "../supervise/variables.ts";
import type { VaultSecret } from "../vault/secret.ts";

export interface CredentialSetup {
  readonly config: CredentialConfig;
  readonly policy: Policy;
  readonly databases: Databases | null;
  readonly notifiers: readonly Notifier[];
}

export interface Setup {
  readonly config: AgentConfig;
  readonly publisher: Publisher;
  /** What the env templates have rendered. */
  readonly variables: Variables;
  /** From 0 to 1, the pod's own. */
  readonly jitter: number;
  credential(dependency: Dependency): CredentialSetup;
  /** The longest lead that a token's leases need; 0 while none is known. */
  longestLead(): number;
  close(): Promise<void>;
}

export interface SetupPorts {
  readonly world: World;
  readonly notify: NotifyPorts;
  readonly brain: Brain;
  /** What the application uses of a secret, or may use: no candidate. */
  inUse(dependency: Dependency): VaultSecret | undefined;
  readonly emit: Emit;
  /** Starts the supervised application anew; null where there is none. */
  readonly restart: Notifier | null;
  redact(text: string): string;
  /** As of the publisher. */
  onProgress(): void;
}

/** @throws ConfigError for templates that cannot be read or do not parse. */
export async function createSetup(config: AgentConfig, ports: SetupPorts): Promise<Setup> {
  const { world, brain, emit, inUse, onProgress, redact } = ports;
  const { clock, env, files, random } = world;
  const variables = createVariables(config.envTemplates.map(({ name }) => name));
  const commands = new Map<string, Command>();
  const templatePorts = {
    files,
    clock,
    env,
    spawn: world.spawn,
    onStart: warnOfSecrets(redact, (message) => emit({ is: "warning", code: "plugin", message })),
    command(config: CommandConfig) {
      // Several templates may have the same, and it is run once for all of them.
      const name = JSON.stringify(config);
      const command = commands.get(name) ?? createCommand(commandNotifier(config, ports.notify.run));
      commands.set(name, command);
      return command;
    },
    print: (text: string) => void world.stderr.write(redact(text)),
    assign: variables.assign,
    // Who is not restarted has not heard, and what it uses is kept for it.
    restart:
      config.exec?.restartOnSecretChanges === "never" || ports.restart === null ? null : createCommand(ports.restart),
  };
  const templates = [
    ...(await loadTemplates(config.templates, templatePorts)),
    ...(await loadEnvTemplates(config.envTemplates, templatePorts)),
  ];
  const publisher = createPublisher({ templates, brain, inUse, files, random, clock, emit, redact, onProgress });
  const credentials = new Map<string, CredentialSetup>();
  const jitter = jitterOf(env.POD_NAME ?? env.HOSTNAME ?? String(world.pid));
  const context = {
    staticInterval: config.templateConfig.staticSecretRenderInterval,
    renewalThreshold: config.templateConfig.leaseRenewalThreshold,
    jitter,
    hasCommands: templates.some(({ command }) => command !== null),
  };

  // Whatever waits for more changes does so within the lead.
  const longestWait = Math.max(0, ...config.templates.map(({ wait }) => wait?.max ?? 0));

  function make(path: string): CredentialSetup {
    const own = config.credentials.find((one) => one.path === path) ?? defaultCredential(path);
    const policyThat = (printsHorizon: boolean) =>
      policyOf({ ...own, preparation: own.preparation + longestWait }, { ...context, printsHorizon });
    const [silent, printing] = [policyThat(false), policyThat(true)];
    return {
      config: own,
      // The source of a template may change at any time.
      get policy() {
        return publisher.printsHorizon(path) ? printing : silent;
      },
      databases: own.postgres.length === 0 ? null : openDatabases(own.postgres, { clock, files }),
      notifiers: own.notify.map((one) => createNotifier(one, ports.notify)),
    };
  }
  // Faults of a block are found now, and not when its credential is first needed.
  for (const { path } of config.credentials) credentials.set(path, make(path));

  return {
    config,
    publisher,
    variables,
    jitter,
    credential({ path }) {
      const known = credentials.get(path) ?? make(path);
      credentials.set(path, known);
      return known;
    },
    longestLead: () =>
      Math.max(
        0,
        ...[...credentials.values()].map(({ policy }) =>
          policy.connectionMaxLifetime === null ? 0 : leadOf(policy, 0),
        ),
      ),
    close: async () => {
      await Promise.all([...credentials.values()].map(({ databases }) => databases?.close()));
    },
  };
}
