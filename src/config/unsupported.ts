/** What is valid and well understood, and cannot be run by this version. Auth methods are judged by themselves. */
import type { Fault } from "../errors.ts";
import type { AgentConfig } from "./types.ts";

/** One fault for each; an agent must refuse to start rather than leave out what it was asked for. */
export function unsupported(config: AgentConfig): readonly Fault[] {
  const faults: Fault[] = [];
  const refuse = (what: string) =>
    faults.push({ file: "configuration", message: `${what} is not supported by this version of lessee` });
  if (config.job) refuse("job");
  return faults;
}
