/** The options of a measuring program: `--help` prints what stands at its head, and a wrong option says what is wrong. */
import { readFileSync } from "node:fs";
import { type ParseArgsConfig, parseArgs } from "node:util";

/** Those that were given or their defaults; ends the process with 0 after `--help`, with 2 for a wrong one. */
export function optionsOf<const T extends NonNullable<ParseArgsConfig["options"]>>(options: T) {
  if (process.argv.includes("--help")) {
    console.log(head(process.argv[1]!));
    process.exit(0);
  }
  try {
    return parseArgs({ options }).values;
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : error}\n\n${head(process.argv[1]!)}`);
    process.exit(2);
  }
}

function head(program: string): string {
  const [, comment = ""] = /^\/\*\*([\s\S]*?)\*\//.exec(readFileSync(program, "utf8")) ?? [];
  return comment.replace(/^ *\* ?/gm, "").trim();
}
