/** How a command of the configuration is run: a list directly, a single string with a space in it through a shell. */

export type CommandLine = readonly [file: string, ...args: string[]];

/** Where a shell is looked for: first through PATH. */
const SHELLS = ["sh", "/bin/sh", "/usr/bin/sh"];

/** What is tried in turn until one of them is there; empty for an empty command. */
export function commandLines(command: readonly string[]): readonly CommandLine[] {
  const [first, ...rest] = command;
  if (first === undefined || first === "") return [];
  if (isShellLine(command)) return SHELLS.map((shell) => [shell, "-c", first] as const);
  return [[first, ...rest]];
}

export function isShellLine(command: readonly string[]): boolean {
  return command.length === 1 && command[0]?.includes(" ") === true;
}
