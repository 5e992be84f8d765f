/** From a `credential` block to the lifecycle's numbers. */
import type { CredentialConfig } from "../config/types.ts";
import type { Policy } from "./state.ts";

export interface PolicyContext {
  readonly staticInterval: number;
  readonly renewalThreshold: number;
  /** From 0 to 1. */
  readonly jitter: number;
  /** Templates of this credential have commands. */
  readonly hasCommands: boolean;
  /** Templates print what no renewal can pass. */
  readonly printsHorizon: boolean;
}

export function policyOf(config: CredentialConfig, context: PolicyContext): Policy {
  return {
    connectionMaxLifetime: config.connectionMaxLifetime ?? null,
    readerGrace: config.readerGrace,
    longestUse: config.longestUse,
    preparation: config.preparation,
    hearing: config.hearing,
    margin: config.margin,
    quietPeriod: config.quietPeriod,
    maxNewPerHour: config.maxNewPerHour ?? null,
    probe: config.probe,
    printsHorizon: context.printsHorizon,
    verifies: config.postgres.length > 0,
    observes: config.postgres.some((server) => server.drain !== "off"),
    terminates: config.postgres.some((server) => server.drain === "terminate"),
    escalate: config.escalate,
    notifies: config.notify.length > 0 || context.hasCommands,
    staticInterval: context.staticInterval,
    renewalThreshold: context.renewalThreshold,
    jitter: context.jitter,
  };
}

/** A number from 0 to 1 that is the same for the whole life of a pod, and another for the next one. */
export function jitterOf(podName: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < podName.length; i++) hash = Math.imul(hash ^ podName.charCodeAt(i), 0x01000193);
  // The names of a fleet differ in their last signs only: what these changed is mixed into all bits.
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  hash ^= hash >>> 16;
  return (hash >>> 0) / 2 ** 32;
}
