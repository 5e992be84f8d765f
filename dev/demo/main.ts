/** `npm start`: options, signals, exit code. */
import type { Guard } from "../guard.ts";
import { runDemo } from "./demo.ts";
import { HELP, parseOptions, UsageError } from "./options.ts";
import { createScreen } from "./screen.ts";

async function main(): Promise<number> {
  const options = parseOptions(process.argv.slice(2));
  if (!options) {
    process.stdout.write(HELP);
    return 0;
  }
  const screen = createScreen(process.stdout, options.plain);
  const interrupted = new AbortController();
  const guards: Guard[] = [];
  function end(): void {
    screen.line("ending: the application, lessee, Vault, Postgres (once more to kill them)");
    interrupted.abort();
  }
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => {
      if (!interrupted.signal.aborted) return end();
      for (const guard of guards) guard.kill();
      process.exit(130);
    });
  }
  // As by `npm start | head`: nobody sees it any more.
  process.stdout.on("error", () => interrupted.abort());
  // npm gives SIGTERM to the shell that it started, which dies of it and tells nobody.
  const parent = process.ppid;
  setInterval(() => {
    if (process.ppid !== parent && !interrupted.signal.aborted) end();
  }, 500).unref();
  try {
    return await runDemo({
      options,
      env: process.env,
      screen,
      interrupted: interrupted.signal,
      onGuard: (guard) => guards.push(guard),
    });
  } finally {
    screen.close();
  }
}

main().then(
  (code) => process.exit(code),
  (error) => {
    const usage = error instanceof UsageError;
    process.stderr.write(usage ? `${error.message}; see npm start -- --help\n` : `${error.message ?? error}\n`);
    process.exit(usage ? 2 : 1);
  },
);
