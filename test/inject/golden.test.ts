/** The pods of the golden corpus: what the real injector made of them, or why it refused. */
import { existsSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { inject } from "../../src/inject/inject.ts";
import type { Pod } from "../../src/inject/kubernetes.ts";
import { readSettings } from "../../src/inject/read-settings.ts";
import { sharedFile } from "../support/shared.ts";
import { DECIDED_OTHERWISE, DIVERGENCES, withoutHook } from "./divergences.ts";

interface Case {
  readonly name: string;
  readonly namespace: string;
  readonly pod: unknown;
  readonly handler?: Readonly<Record<string, unknown>>;
  readonly result: {
    readonly allowed: boolean;
    readonly patched: boolean;
    readonly message?: string;
    readonly injectedInit: boolean;
    readonly injectedSidecar: boolean;
    readonly pod?: unknown;
  };
}

const file = sharedFile("golden/injector-pods-shared.json");
const corpus: { meta: { handlerDefaults: Record<string, unknown> }; cases: readonly Case[] } = existsSync(file)
  ? JSON.parse(readFileSync(file, "utf8"))
  : { meta: { handlerDefaults: {} }, cases: [] };

describe.skipIf(corpus.cases.length === 0)("golden pods of the injector", () => {
  it.each(corpus.cases.map((one) => [one.name, one] as const))("%s", (_, { namespace, pod, handler = {}, result }) => {
    const settings = readSettings([{ improve: false }, handler, corpus.meta.handlerDefaults]);
    const before = structuredClone(pod);
    const ours = outcome(() => inject(pod, { settings, namespace, admitted: true }));
    expect(pod, "the pod itself stays as it is").toEqual(before);
    if (!result.allowed) {
      expect(ours).toEqual({ refused: result.message });
    } else if (!result.patched) {
      expect(ours).toMatchObject({ outcome: "unchanged" });
    } else {
      expect(ours).toMatchObject({
        outcome: "injected",
        init: result.injectedInit,
        sidecar: result.injectedSidecar,
      });
      expect(comparable((ours as { pod: Pod }).pod)).toEqual(comparable(result.pod as Pod));
    }
  });
});

describe.skipIf(corpus.cases.length === 0)("the same pods, improved,", () => {
  const both = corpus.cases.flatMap((one) => ["false", "true"].map((native) => [one.name, native, one] as const));

  it.each(both)(
    "differ from the injector's as docs/divergences.md says: %s, native sidecar %s",
    (name, native, one) => {
      const { namespace, handler = {}, result } = one;
      const pod = withDeadline(one.pod);
      const settings = readSettings([{ nativeSidecar: native }, handler, corpus.meta.handlerDefaults]);
      const ours = outcome(() => inject(pod, { settings, namespace, admitted: true }));
      if (DECIDED_OTHERWISE.includes(name)) {
        expect(ours).not.toEqual({ refused: result.message });
      } else if (!result.allowed) {
        expect(ours).toEqual({ refused: result.message });
      } else if (!result.patched) {
        expect(ours).toMatchObject({ outcome: "unchanged" });
      } else {
        const undone = Object.values(DIVERGENCES).reduce((left, undo) => undo(left), (ours as { pod: Pod }).pod);
        expect(comparable(undone)).toEqual(comparable(withoutHook(withDeadline(result.pod) as Pod)));
      }
    },
  );

  it("are decided otherwise only where there is such a pod", () => {
    const names = corpus.cases.map(({ name }) => name);
    expect(DECIDED_OTHERWISE.filter((name) => !names.includes(name))).toEqual([]);
  });
});

/** None of the recorded pods has one, and it changes nothing for the injector. */
function withDeadline(pod: unknown): unknown {
  const { spec, ...rest } = pod as Pod;
  return typeof spec === "object" ? { ...rest, spec: { ...spec, activeDeadlineSeconds: 600 } } : pod;
}

function outcome(work: () => unknown): unknown {
  try {
    return work();
  } catch (error) {
    return { refused: (error as Error).message };
  }
}

/** Mounts, templates and volumes are sets; a configuration is compared as what it says. */
function comparable({ metadata, spec, ...rest }: Pod): unknown {
  const containers = (all: Pod["spec"]["containers"] = []) =>
    all.map(({ volumeMounts = [], env = [], ...one }) => ({
      ...one,
      volumeMounts: sorted(volumeMounts),
      env: env.map((variable) =>
        variable.name === "VAULT_CONFIG" && one.name.startsWith("vault-agent")
          ? { name: variable.name, value: configuration(variable.value ?? "") }
          : variable,
      ),
    }));
  return {
    ...rest,
    metadata,
    spec: {
      ...spec,
      containers: containers(spec.containers),
      initContainers: containers(spec.initContainers),
      volumes: sorted(spec.volumes ?? []),
    },
  };
}

function configuration(base64: string): unknown {
  const config = JSON.parse(Buffer.from(base64, "base64").toString());
  return { ...config, ...(config.template === undefined ? {} : { template: sorted(config.template) }) };
}

function sorted(list: readonly unknown[]): readonly unknown[] {
  return list.toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
}
