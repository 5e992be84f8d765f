/** Golden cases in which lessee deliberately does something else than the real tool. */
interface Divergence {
  readonly reason: string;
  readonly ours: {
    readonly output?: string;
    readonly error?: string;
    readonly used?: readonly string[];
    readonly missing?: readonly string[];
  };
}

const CONSUL = "functions that read from Consul are refused when the template is parsed, instead of waiting for ever";

export const DIVERGENCES: Readonly<Record<string, Divergence>> = {
  "text-023-empty": {
    reason:
      "that a stanza has neither source nor contents is found by the configuration; an empty text renders to nothing",
    ours: { output: "", used: [], missing: [] },
  },
  "parse-061-consul-key": { reason: CONSUL, ours: refused("key", "it reads from Consul, which is not supported") },
  "parse-062-consul-service": {
    reason: CONSUL,
    ours: refused("service", "it reads from Consul, which is not supported"),
  },
  "parse-065-byTag": { reason: CONSUL, ours: refused("byTag", "it reads from Consul, which is not supported") },
  "parse-066-explode": { reason: CONSUL, ours: refused("explode", "it reads from Consul, which is not supported") },
};

function refused(name: string, why: string): Divergence["ours"] {
  return { error: `parse: template: :1: function "${name}" not defined: ${why}` };
}
