/** Jobs with a sidecar: they end, and so does their user, at once; and trouble that shows on the pod. */
import { beforeAll, describe, expect, it } from "vitest";
import {
  AT_ONCE,
  applyText,
  kubectl,
  readyPod,
  report,
  UNTIL_EXPIRY,
  unharmed,
  useChart,
  userNames,
  vaultWrite,
  why,
  worldAddress,
} from "./cluster.ts";
import { application, job, seedAnnotations, type Workload, watchedAnnotations } from "./workloads.ts";

let address: string;

describe.skipIf(why !== "")(`jobs in a cluster${why}`, () => {
  // What the sidecars may do at the API.
  useChart("applications.namespaces={tsb}");
  beforeAll(async () => {
    address = await worldAddress();
  });

  it.each([
    ["a native sidecar", {}, {}],
    ["an ordinary one that watches the pod", { "lessee/native-sidecar": "false", "lessee/job": "containers" }, {}],
    [
      "an ordinary one that watches the processes",
      { "lessee/native-sidecar": "false", "lessee/job": "process" },
      { shareProcessNamespace: true },
    ],
  ])("with %s end, and the user is given back before the job is done", async (_, annotations, spec) => {
    const name = `job-${Object.values(annotations).at(-1) ?? "native"}`;
    await run({ name, annotations, spec });
    await kubectl("wait", "-n", "tsb", "--for=condition=complete", `job/${name}`, "--timeout=180s");
    const users = await userNames();
    const user = await userOf(name);
    expect(user).not.toBe("");
    expect(users).not.toContain(user);
  });

  it("that fail give their user back as well", async () => {
    await run(
      { name: "job-failing", annotations: { "lessee/native-sidecar": "false", "lessee/job": "containers" } },
      "exit 3",
    );
    await kubectl("wait", "-n", "tsb", "--for=condition=failed", "job/job-failing", "--timeout=180s");
    await expect.poll(userNames, AT_ONCE).not.toContain(await userOf("job-failing"));
  });

  it("with an init container alone leave a user for as long as they may run, and no longer", async () => {
    const annotations = { "vault.hashicorp.com/agent-pre-populate-only": "true", "lessee/lifetime": "15s" };
    await run({ name: "job-brief", annotations });
    await kubectl("wait", "-n", "tsb", "--for=condition=complete", "job/job-brief", "--timeout=180s");
    // Its lease would last 30 s, and with renewals 60 s.
    await expect.poll(userNames, { ...AT_ONCE, timeout: 20_000 }).not.toContain(await userOf("job-brief"));
  });
});

describe.skipIf(why !== "")(`trouble in a cluster${why}`, () => {
  useChart("applications.namespaces={tsb}");

  it("shows as events on the pod, and is over when it has been mended", async () => {
    address = await worldAddress();
    const annotations = {
      ...seedAnnotations("troubled-role"),
      ...watchedAnnotations(address),
      // Time for some attempts before the old one ends.
      "lessee/preparation": "30s",
      "lessee/events": "true",
    };
    await applyText(JSON.stringify(application(address, { name: "troubled", annotations })));
    const pod = await readyPod("troubled");
    const { user } = await report(pod);
    await vaultWrite("database/roles/troubled-role", { ...ROLE, creation_statements: "SELECT broken_on_purpose()" });
    const events = async () => {
      const selector = `--field-selector=involvedObject.name=${pod},reason=RotationFailing`;
      const list = await kubectl("get", "events", "-n", "tsb", selector, "-o", "json");
      return (JSON.parse(list) as { items: readonly Record<string, unknown>[] }).items;
    };
    await expect.poll(events, UNTIL_EXPIRY).not.toEqual([]);
    const [event] = await events();
    expect(event).toMatchObject({
      type: "Warning",
      source: { component: "lessee" },
      involvedObject: { kind: "Pod", name: pod, fieldPath: expect.stringContaining("{vault-agent}") },
      message: expect.stringContaining("broken_on_purpose"),
    });
    expect(await kubectl("describe", "pod", "-n", "tsb", pod)).toContain("RotationFailing");
    await vaultWrite("database/roles/troubled-role", ROLE);
    await expect.poll(async () => (await report(pod)).user, UNTIL_EXPIRY).not.toBe(user);
    await unharmed(pod);
  });
});

async function run(workload: Workload, ending?: string): Promise<void> {
  const annotations = { ...seedAnnotations(), ...workload.annotations };
  await applyText(JSON.stringify(job(address, { ...workload, annotations }, ending)));
}

async function userOf(job: string): Promise<string> {
  return /done as (\S+)/.exec(await kubectl("logs", "-n", "tsb", `job/${job}`, "-c", "app"))?.[1] ?? "";
}

const ROLE = {
  db_name: "tsb",
  default_ttl: "60s",
  max_ttl: "120s",
  creation_statements:
    "CREATE ROLE \"{{name}}\" WITH LOGIN PASSWORD '{{password}}' VALID UNTIL '{{expiration}}'; " +
    'GRANT ALL ON ALL TABLES IN SCHEMA public TO "{{name}}";',
};
