/** The sample application's process, and what it reports. */
import type { Report } from "../app/tally.ts";
import type { Guard } from "../guard.ts";
import { type Child, startChild } from "./child.ts";
import type { DemoOptions } from "./options.ts";
import type { World } from "./world.ts";

export interface SampleApplication {
  readonly child: Child;
  /** The latest; after `child.stop()` the last. */
  report(): Report | undefined;
}

const MAIN = new URL("../app/main.ts", import.meta.url).pathname;

export interface SampleApplicationOptions extends Pick<DemoOptions, "app" | "connectionMaxLifetime"> {
  /** Default 8. */
  readonly connections?: number;
}

export function startSampleApplication(
  options: SampleApplicationOptions,
  world: Pick<World, "postgres">,
  configFile: string,
  env: NodeJS.ProcessEnv,
  guard: Guard,
): SampleApplication {
  let report: Report | undefined;
  const child = startChild({
    name: "the sample application",
    command: process.execPath,
    args: [
      MAIN,
      `--config=${configFile}`,
      `--host=${world.postgres.host}`,
      `--port=${world.postgres.port}`,
      `--database=${world.postgres.database}`,
      `--lifetime=${options.connectionMaxLifetime}`,
      `--reads=${options.app}`,
      ...(options.connections === undefined ? [] : [`--connections=${options.connections}`]),
    ],
    env: { PATH: env.PATH },
    guard,
    onLine(line) {
      if (line.startsWith("{")) report = JSON.parse(line) as Report;
    },
  });
  return { child, report: () => report };
}
