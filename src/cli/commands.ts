/** The commands, by name. Each is loaded when it is called for: an agent need not carry what it never runs. */

import { nearest } from "../config/nearest.ts";
import type { World } from "../ports.ts";
import type { ProcessSignals } from "./process.ts";

interface Command {
  readonly summary: string;
  run(args: readonly string[], world: World, signals: ProcessSignals, version: string): Promise<number>;
}

const COMMANDS = {
  agent: {
    summary: "keep an application's credentials alive",
    run: async (...call) => (await import("./agent.ts")).runAgentCommand(...call),
  },
  "agent generate-config": {
    summary: "write a configuration to begin with",
    run: async (args, world) => (await import("./generate-config.ts")).runGenerateConfig(args, world),
  },
  "token revoke": {
    summary: "end the lessee of this home folder, or revoke the token in it",
    run: async (args, world, signals) => (await import("./token.ts")).runTokenRevoke(args, world, signals),
  },
  validate: {
    summary: "check a configuration and report every fault",
    run: async (args, world) => (await import("./validate.ts")).runValidate(args, world),
  },
  render: {
    summary: "render a template with secrets from a file",
    run: async (args, world) => (await import("./render.ts")).runRender(args, world),
  },
  inject: {
    summary: "add the sidecar to the pods of a manifest",
    run: async (args, world) => (await import("./inject.ts")).runInject(args, world),
  },
  webhook: {
    summary: "add the sidecar to the pods of a cluster",
    run: async (...call) => (await import("./webhook.ts")).runWebhook(...call),
  },
  status: {
    summary: "show what a running sidecar holds",
    run: async (args, world) => (await import("./status.ts")).runStatus(args, world),
  },
  explain: {
    summary: "print when what will be replaced, and every trap on the way",
    run: async (args, world, signals) => (await import("./explain.ts")).runExplain(args, world, signals),
  },
  rotate: {
    summary: "replace a running sidecar's credentials now, as after a leak",
    run: async (args, world, signals) => (await import("./rotate.ts")).runRotate(args, world, signals),
  },
  version: {
    summary: "print the version",
    run: async (args, world, _signals, version) => {
      if (args.some(isHelp)) {
        world.stdout.write("Usage: lessee version\n\nPrints the version.\n");
        return 0;
      }
      // Who asks `vault` learns whom he talks to: the name and the versions of Vault are not ours.
      const place = world.env.LESSEE_INVOKED_AS === "vault" ? " (in place of vault)" : "";
      world.stdout.write(`lessee v${version}${place}\n`);
      return 0;
    },
  },
} as const satisfies Record<string, Command>;

/** Resolves to the exit code. Called as `vault`, what is no command gives 127, as there. */
export async function runCommand(
  argv: readonly string[],
  world: World,
  signals: ProcessSignals,
  version: string,
): Promise<number> {
  const [name = "", ...args] = argv;
  const isVault = world.env.LESSEE_INVOKED_AS === "vault";
  if (isVersion(name) && args.length === 0) return COMMANDS.version.run(args, world, signals, version);
  if (isHelp(name) || (name === "help" && !isVault)) {
    world.stdout.write(usage());
    return 0;
  }
  const pair = commandNamed(`${name} ${args[0]}`);
  if (pair !== undefined) return pair.run(args.slice(1), world, signals, version);
  const command = commandNamed(name);
  if (command !== undefined) return command.run(args, world, signals, version);
  if (isGroup(name)) {
    const asked = isHelp(args[0]);
    world[asked ? "stdout" : "stderr"].write(usage(`${name} `));
    return asked ? 0 : 1;
  }
  world.stderr.write(`${argv.length === 0 ? "" : unknown(name)}${usage()}`);
  return isVault ? 127 : 1;
}

function unknown(name: string): string {
  const meant = nearest(name, Object.keys(COMMANDS));
  return `lessee: there is no command ${JSON.stringify(name)}${meant === undefined ? "" : `; did you mean ${meant}?`}\n\n`;
}

function isHelp(word = ""): boolean {
  return /^--?h(elp)?$/.test(word);
}

function isVersion(word: string): boolean {
  return word === "-v" || word === "-version" || word === "--version";
}

/** The first word of commands of two, and none by itself: `token`. */
function isGroup(word: string): boolean {
  return Object.keys(COMMANDS).some((name) => name.startsWith(`${word} `));
}

function commandNamed(name: string): Command | undefined {
  return Object.hasOwn(COMMANDS, name) ? COMMANDS[name as keyof typeof COMMANDS] : undefined;
}

function usage(group = ""): string {
  const rows = Object.entries(COMMANDS)
    .filter(([name]) => name.startsWith(group))
    .map(([name, { summary }]) => `  ${name.padEnd(22)} ${summary}`);
  return `lessee holds the leases of an application's credentials, so that it never notices that its password changes.\n\nUsage: lessee ${group}COMMAND [flags]      (lessee ${group}COMMAND -help shows its flags)\n\n${rows.join("\n")}\n`;
}
