/** Why a name cannot be called: unknown, or known elsewhere and deliberately not here. */
import { quote } from "../go/quote.ts";

const CONSUL = [
  "byKey",
  "byMeta",
  "byPort",
  "byTag",
  "caLeaf",
  "caRoots",
  "connect",
  "datacenters",
  "explode",
  "exportedServices",
  "importedServices",
  "key",
  "keyExists",
  "keyOrDefault",
  "ls",
  "node",
  "nodes",
  "partitions",
  "peerings",
  "safeLs",
  "safeTree",
  "service",
  "services",
  "tree",
];

const NOMAD = ["nomadService", "nomadServices", "nomadVar", "nomadVarExists", "nomadVarList", "nomadVarListSafe"];

/** They reach out of the template, to programs, files and the network; a sidecar that holds secrets does not. */
const OUTWARD: Readonly<Record<string, string>> = {
  sockaddr: "a template does not look at the machine's network; hand the address in with env",
};

export function refusal(name: string): string {
  const unknown = `function ${quote(name)} not defined`;
  if (CONSUL.includes(name)) return `${unknown}: it reads from Consul, which is not supported`;
  if (NOMAD.includes(name)) return `${unknown}: it reads from Nomad, which is not supported`;
  const outward = Object.hasOwn(OUTWARD, name) ? OUTWARD[name] : undefined;
  return outward === undefined ? unknown : `${unknown}: ${outward}`;
}
