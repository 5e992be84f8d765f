/** What holds for every pod, and for what is none. */
import fc from "fast-check";
import { applyPatch as applyByOthers, type Operation as TheirOperation } from "rfc6902";
import { describe, expect, it } from "vitest";
import { difference } from "../../src/inject/difference.ts";
import { inject } from "../../src/inject/inject.ts";
import { applyPatch } from "../../src/inject/json-patch.ts";
import type { Container, Pod, Volume, VolumeMount } from "../../src/inject/kubernetes.ts";
import { Refusal } from "../../src/inject/refusal.ts";
import type { Settings } from "../../src/inject/settings.ts";
import { podOf, SETTINGS, VAULT } from "./pods.ts";

const name = fc.stringMatching(/^[a-z]{1,6}$/);
const mount: fc.Arbitrary<VolumeMount> = fc.record({ name, mountPath: name.map((one) => `/m/${one}`) });
const container: fc.Arbitrary<Container> = fc.record(
  {
    name,
    image: name,
    env: fc.array(fc.record({ name, value: fc.string() }), { maxLength: 3 }),
    ports: fc.array(fc.record({ containerPort: fc.integer({ min: 9100, max: 9105 }) }), { maxLength: 3 }),
    volumeMounts: fc.array(mount, { maxLength: 3 }),
    securityContext: fc.record({ runAsUser: fc.nat(5) }, { requiredKeys: [] }),
    unknown: fc.jsonValue({ maxDepth: 2 }),
  },
  { requiredKeys: ["name"] },
);
const volume: fc.Arbitrary<Volume> = fc.record({ name, emptyDir: fc.constant({}) });
const annotation = fc.oneof(
  ...[
    ["agent-init-first", "agent-pre-populate", "agent-pre-populate-only", "agent-cache-enable", "agent-inject-token"],
    ["agent-enable-quit", "agent-set-security-context", "agent-share-process-namespace", "agent-revoke-on-shutdown"],
  ]
    .flat()
    .map((key) => fc.constantFrom("true", "false").map((value) => [`${VAULT}/${key}`, value] as const)),
  fc.constantFrom("a", "b", "B").map((key) => [`${VAULT}/agent-inject-secret-${key}`, "database/creds/x"] as const),
  fc.constantFrom("/x", "/y").map((path) => [`${VAULT}/secret-volume-path-a`, path] as const),
  fc.constant([`${VAULT}/agent-json-patch`, '[{"op":"add","path":"/env/-","value":{"name":"A"}}]'] as const),
  fc.constant([`${VAULT}/agent-copy-volume-mounts`, "tsb"] as const),
  fc.constant([`${VAULT}/agent-extra-secret`, "more"] as const),
  fc.constant(["lessee/connection-max-lifetime", "1h"] as const),
  fc.constant(["lessee/notify-signal", "app"] as const),
  fc.constant(["prometheus.io/port", "1"] as const),
);
const pod: fc.Arbitrary<Pod> = fc
  .record({
    annotations: fc.array(annotation, { maxLength: 8 }).map((all) => Object.fromEntries(all)),
    containers: fc.uniqueArray(container, { maxLength: 3, selector: (one) => one.name }),
    initContainers: fc.option(fc.uniqueArray(container, { maxLength: 2, selector: (one) => one.name }), {
      nil: undefined,
    }),
    volumes: fc.uniqueArray(volume, { maxLength: 2, selector: (one) => one.name }),
    more: fc.dictionary(name, fc.jsonValue({ maxDepth: 2 }), { maxKeys: 2 }),
  })
  .map(({ annotations, containers, initContainers, volumes, more }) => {
    const base = podOf(annotations, { volumes });
    const spec = { ...more, ...base.spec, containers: [...base.spec.containers, ...containers] };
    return { ...base, spec: initContainers === undefined ? spec : { ...spec, initContainers } };
  });
const settings: fc.Arbitrary<Settings> = fc
  .record({ improve: fc.boolean(), nativeSidecar: fc.constantFrom("true" as const, "false" as const) })
  .map((some) => ({ ...SETTINGS, ...some }));

function attempt(value: unknown, some: Settings, admitted = true) {
  try {
    return inject(value, { settings: some, namespace: "tsb", admitted });
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return { outcome: "refused" as const, message: error.message };
  }
}

describe("an injection, whatever the pod", () => {
  it("is done once", () => {
    let done = 0;
    fc.assert(
      fc.property(pod, settings, (one, some) => {
        const first = attempt(one, some);
        if (first.outcome !== "injected") return;
        done++;
        expect(attempt(first.pod, some).outcome).toBe("unchanged");
      }),
    );
    expect(done, "most pods are injected at all").toBeGreaterThan(30);
  });

  it("drops nothing, and changes the order of nothing", () => {
    fc.assert(
      fc.property(pod, settings, (one, some) => {
        const before = structuredClone(one);
        const done = attempt(one, some);
        expect(one).toEqual(before);
        if (done.outcome !== "injected") return;
        const lists = (spec: Pod["spec"]) => [spec.containers, spec.initContainers ?? [], spec.volumes ?? []];
        for (const [i, old] of lists(one.spec).entries()) {
          const ours = lists(done.pod.spec)[i] ?? [];
          const names = old.map((each) => each.name);
          expect(ours.map((each) => each.name).filter((each) => names.includes(each))).toEqual(names);
          for (const each of old) expect(ours.find((now) => now.name === each.name)).toMatchObject(withoutMounts(each));
          for (const each of old as readonly Container[]) {
            const now = ours.find((found) => found.name === each.name) as Container;
            expect(now.volumeMounts?.slice(0, each.volumeMounts?.length ?? 0) ?? []).toEqual(each.volumeMounts ?? []);
          }
        }
        expect(done.pod.metadata?.annotations).toMatchObject(one.metadata?.annotations ?? {});
      }),
    );
  });

  it("is what its patch makes of the pod, also by the hand of others", () => {
    fc.assert(
      fc.property(pod, settings, (one, some) => {
        const done = attempt(one, some);
        if (done.outcome !== "injected") return;
        const operations = difference(one, done.pod);
        const wanted = JSON.parse(JSON.stringify(done.pod));
        expect(JSON.parse(JSON.stringify(applyPatch(one, operations)))).toEqual(wanted);
        const theirs = JSON.parse(JSON.stringify(one));
        expect(
          applyByOthers(theirs, JSON.parse(JSON.stringify(operations)) as TheirOperation[]).filter(Boolean),
        ).toEqual([]);
        expect(theirs).toEqual(wanted);
        // Nothing but additions: whoever else changes the pod meanwhile loses nothing.
        if (some.improve) expect(operations.filter(({ op }) => op !== "add")).toEqual([]);
      }),
    );
  });

  it("has every name once", () => {
    fc.assert(
      fc.property(pod, settings, (one, some) => {
        const done = attempt(one, some);
        if (done.outcome !== "injected" || !some.improve) return;
        const { containers, initContainers = [], volumes = [] } = done.pod.spec;
        const own = (all: readonly { readonly name: string }[]) =>
          all.filter((each) => /vault|lessee|home/.test(each.name));
        for (const all of [[...containers, ...initContainers], volumes]) {
          const names = own(all).map((each) => each.name);
          expect(new Set(names).size).toBe(names.length);
        }
      }),
    );
  });
});

describe("garbage", () => {
  it("is left alone or refused in words, and never a crash", () => {
    fc.assert(
      fc.property(fc.jsonValue(), settings, fc.boolean(), (value, some, admitted) => {
        attempt(value, some, admitted);
        const asking = { metadata: { annotations: { [`${VAULT}/agent-inject`]: "true", x: value } }, spec: value };
        attempt(asking, some, admitted);
        attempt({ ...podOf(), spec: { containers: value, volumes: value } }, some, admitted);
        attempt({ ...podOf(), spec: { ...podOf().spec, initContainers: [value] } }, some, admitted);
      }),
      { numRuns: 300 },
    );
  });

  it("in any annotation of a pod is refused in words, or carried along", () => {
    const keys = Object.keys(podOf().metadata?.annotations ?? {});
    const further = ["agent-json-patch", "agent-init-json-patch", "agent-limits-cpu", "agent-revoke-grace"]
      .concat([
        "auth-min-backoff",
        "agent-run-as-user",
        "agent-inject-default-template",
        "template-lease-renewal-threshold",
      ])
      .map((key) => `${VAULT}/${key}`)
      .concat(
        ["config", "notify-command", "health-port", "postgres-connection-url", "escalate"].map(
          (key) => `lessee/${key}`,
        ),
      );
    fc.assert(
      fc.property(fc.constantFrom(...keys, ...further), fc.string({ unit: "binary" }), settings, (key, value, some) => {
        attempt(podOf({ [key]: value }), some);
      }),
      { numRuns: 300 },
    );
  });
});

function withoutMounts({ volumeMounts, ...rest }: Container): object {
  return rest;
}
