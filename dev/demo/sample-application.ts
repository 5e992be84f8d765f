/** The sample application's process, and what it reports. */
import type { Report } from "../app/tally.ts";
import type { Guard } from "../guard.ts";
import { type Child, startChild } from "./child.ts";
import type { DemoOptions } from "./options.ts";

export interface SampleApplication {
  readonly child: Child;
  /** The latest; after `child.stop()` the last. */
  report(): Report | undefined;
}

const MAIN = new URL("../app/main.ts", import.meta.url).pathname;

export interface SampleApplicationOptions extends Pick<DemoOptions, "application" | "connectionMaxLifetime"> {
  /** Default 8. */
  readonly connections?: number;
  /** Of its endpoint, with the habit `http`. */
  readonly reloadPort?: number;
}

export interface DatabasePlace {
  readonly host: string;
  readonly port: number;
  readonly database: string;
}

/** Without a file, for an application that has its credential from elsewhere. */
export function applicationCommand(
  options: SampleApplicationOptions,
  { host, port, database }: DatabasePlace,
): readonly [string, ...string[]] {
  return [
    process.execPath,
    MAIN,
    `--host=${host}`,
    `--port=${port}`,
    `--database=${database}`,
    `--lifetime=${options.connectionMaxLifetime}`,
    `--habit=${options.application}`,
    ...(options.reloadPort === undefined ? [] : [`--reload-port=${options.reloadPort}`]),
    ...(options.connections === undefined ? [] : [`--connections=${options.connections}`]),
  ];
}

export function startSampleApplication(
  options: SampleApplicationOptions,
  database: DatabasePlace,
  configFile: string,
  env: NodeJS.ProcessEnv,
  guard: Guard,
): SampleApplication {
  let report: Report | undefined;
  const [command, ...args] = applicationCommand(options, database);
  const child = startChild({
    name: "the sample application",
    command,
    args: [...args, `--config=${configFile}`],
    env: { PATH: env.PATH },
    guard,
    onLine(line) {
      if (line.startsWith("{")) report = JSON.parse(line) as Report;
    },
  });
  return { child, report: () => report };
}
