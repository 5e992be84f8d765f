/** What is valid and well understood, and cannot be run by this version. Auth methods are judged by themselves. */
import type { Fault } from "../errors.ts";
import type { Place } from "./place.ts";
import type { AgentConfig } from "./types.ts";

/** One fault for each; an agent must refuse to start rather than leave out what it was asked for. */
export function unsupported(config: AgentConfig): readonly Fault[] {
  const { telemetry } = config;
  const faults: Fault[] = [];
  const refuse = (place: Place | undefined, what: string) =>
    faults.push({
      ...(place ?? { file: "configuration" }),
      message: `${what} is not supported by this version of lessee`,
    });
  if (config.job) refuse(undefined, "job");
  for (const { path, escalate } of config.credentials)
    if (escalate.length > 0) refuse(undefined, `credential "${path}": escalate`);
  if (telemetry?.statsiteAddress) refuse(telemetry.place, "telemetry.statsite_address");
  if (telemetry?.statsdAddress) refuse(telemetry.place, "telemetry.statsd_address");
  if (telemetry?.dogstatsdAddr) refuse(telemetry.place, "telemetry.dogstatsd_addr");
  return faults;
}
