/** When a job is over (rule R7), by the pod's own object. */
import { describe, expect, it } from "vitest";
import { deadlineOf, type JobState, jobState, type Pod } from "../../src/kubernetes/pod.ts";

type Status = "running" | "waiting" | { readonly exit: number };

interface PodParts {
  readonly policy?: "Always" | "OnFailure" | "Never";
  readonly phase?: string;
  readonly init?: NonNullable<Pod["spec"]>["initContainers"];
  readonly app?: object;
}

/** lessee beside `app` and others, whose states are given by name. */
function pod(states: Readonly<Record<string, Status>>, { policy, phase = "Running", init, app }: PodParts = {}): Pod {
  const names = ["lessee", ...Object.keys(states)];
  return {
    spec: {
      restartPolicy: policy ?? "Never",
      containers: names.map((name) => ({ name, ...(name === "app" ? app : {}) })),
      ...(init === undefined ? {} : { initContainers: init }),
    },
    status: {
      phase,
      containerStatuses: Object.entries({ lessee: "running" as Status, ...states }).map(([name, status]) => ({
        name,
        state:
          typeof status === "string"
            ? { [status]: status === "waiting" ? { reason: "CrashLoopBackOff" } : {} }
            : { terminated: { exitCode: status.exit } },
        lastState: { terminated: { exitCode: 1 } },
      })),
    },
  };
}

const state = (of: Pod, sidecars: readonly string[] = [], own: string | undefined = "lessee"): JobState =>
  jobState(of, { own, sidecars });
const running = (...names: readonly string[]): JobState => ({ is: "running", running: names });
const OVER: JobState = { is: "over" };

describe("rule R7: ended means terminated and not to be restarted", () => {
  it.each<[string, Pod, JobState]>([
    ["it runs", pod({ app: "running" }), running("app")],
    ["it has not begun yet", pod({ app: "waiting" }), running("app")],
    ["there is no word of it yet", { spec: pod({ app: "running" }).spec! }, running("app")],
    ["Never: it has succeeded", pod({ app: { exit: 0 } }), OVER],
    ["Never: it has failed", pod({ app: { exit: 3 } }), OVER],
    ["OnFailure: it has succeeded", pod({ app: { exit: 0 } }, { policy: "OnFailure" }), OVER],
    ["OnFailure: it has failed, and comes again", pod({ app: { exit: 3 } }, { policy: "OnFailure" }), running("app")],
    ["OnFailure: it waits for its next try", pod({ app: "waiting" }, { policy: "OnFailure" }), running("app")],
    ["one of two has ended", pod({ app: { exit: 0 }, export: "running" }), running("export")],
    ["both have", pod({ app: { exit: 0 }, export: { exit: 1 } }), OVER],
    ["the pod's time is over", pod({ app: "running" }, { phase: "Failed", policy: "OnFailure" }), OVER],
    [
      "its own policy goes before the pod's",
      pod({ app: { exit: 1 } }, { app: { restartPolicy: "OnFailure" } }),
      running("app"),
    ],
    [
      "a rule of its own starts it again",
      pod(
        { app: { exit: 42 } },
        { app: { restartPolicyRules: [{ action: "Restart", exitCodes: { operator: "In", values: [42] } }] } },
      ),
      running("app"),
    ],
    [
      "a rule of its own that does not hold",
      pod(
        { app: { exit: 0 } },
        { app: { restartPolicyRules: [{ action: "Restart", exitCodes: { operator: "NotIn", values: [0] } }] } },
      ),
      OVER,
    ],
  ])("%s", (_, given, wanted) => expect(state(given)).toEqual(wanted));
});

describe("nobody waits for", () => {
  it("a sidecar that is listed, nor for one that the pod does not have", () => {
    expect(state(pod({ app: { exit: 0 }, "istio-proxy": "running" }), ["istio-proxy", "linkerd-proxy"])).toEqual(OVER);
    expect(state(pod({ app: { exit: 0 }, "istio-proxy": "running" }))).toEqual(running("istio-proxy"));
  });

  it("native sidecars and init containers", () => {
    const init = [{ name: "proxy", restartPolicy: "Always" as const }, { name: "migrate" }];
    expect(state(pod({ app: { exit: 0 } }, { init }))).toEqual(OVER);
  });
});

describe("it is never over, and this is said,", () => {
  it.each<[string, JobState, RegExp]>([
    ["in a Deployment", state(pod({ app: { exit: 0 } }, { policy: "Always" })), /restartPolicy is Always: app/],
    ["by default", state({ spec: { containers: [{ name: "lessee" }, { name: "app" }] } }), /restartPolicy is Always/],
    ["where lessee is alone", state(pod({})), /beside lessee the pod has no container/],
    ["where all others are sidecars", state(pod({ proxy: "running" }), ["proxy"]), /beside lessee, proxy/],
    ["where our name is another one", state(pod({ app: "running" }), [], "agent"), /none of them is called agent/],
    [
      "as a native sidecar",
      state(pod({ app: { exit: 0 } }, { init: [{ name: "lessee", restartPolicy: "Always" }] })),
      /lessee is a native sidecar/,
    ],
  ])("%s", (_, is, why) => expect(is).toMatchObject({ is: "endless", why: expect.stringMatching(why) }));

  it("where ours has none of the usual names", () => {
    const unknown = { spec: { restartPolicy: "Never" as const, containers: [{ name: "a" }, { name: "b" }] } };
    expect(jobState(unknown, { own: undefined, sidecars: [] })).toMatchObject({
      hint: expect.stringContaining("container ="),
    });
  });
});

it("The injector's name of our container is known", () => {
  const injected = {
    spec: { restartPolicy: "Never" as const, containers: [{ name: "app" }, { name: "vault-agent" }] },
  };
  expect(jobState(injected, { own: undefined, sidecars: [] })).toEqual(running("app"));
});

describe("The job's deadline", () => {
  const startTime = "2026-11-25T10:00:00Z";
  const begun = Date.parse(startTime);
  const MINUTE = 60_000;

  it("counts from the pod's start, and the time that a container has to end comes after it", () => {
    const spec = { activeDeadlineSeconds: 90 };
    expect(deadlineOf({ spec, status: { startTime } }, null)).toBe(begun + 2 * MINUTE);
    const slow = { ...spec, terminationGracePeriodSeconds: 270 };
    expect(deadlineOf({ spec: slow, status: { startTime } }, null)).toBe(begun + 6 * MINUTE);
  });

  it("is the Job's, if that is sooner", () => {
    const job = { spec: { activeDeadlineSeconds: 90 }, status: { startTime } };
    const later = { startTime: "2026-11-25T10:01:00Z" };
    expect(deadlineOf({ status: later }, job)).toBe(begun + 2 * MINUTE);
    expect(deadlineOf({ spec: { activeDeadlineSeconds: 10 }, status: later }, job)).toBe(begun + 100_000);
  });

  it("is not known where neither says it", () => {
    expect(deadlineOf({ spec: {}, status: { startTime } }, { status: { startTime } })).toBeNull();
    expect(deadlineOf({ spec: { activeDeadlineSeconds: 90 } }, null)).toBeNull();
  });
});

it("An object that is something else is not the end of a job", () => {
  expect(state({} as Pod)).toMatchObject({ is: "endless" });
});
