/**
 * Before all files: the images on the nodes, and the world in the cluster. After them: nothing of it.
 *
 * With docker the images are made here, and LESSEE_E2E_LOAD is a command that puts an archive of them on the nodes, from
 * its standard input: `kind load image-archive /dev/stdin`, `ctr -n k8s.io images import -`. VAULT_BIN is a server that
 * takes the emulated one's place. LESSEE_E2E_INJECTOR_BIN and LESSEE_E2E_AGENT_BIN are programs of which images are made, too.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { buildImage } from "../../dev/image/build.ts";
import { makeLocalImages, makeProgramImage } from "../../dev/image/local.ts";
import { findDocker } from "../../dev/image/programs.ts";
import { makeWorldImage, VAULT } from "../../dev/image/world.ts";
import {
  AGENT_IMAGE,
  apply,
  applyText,
  helm,
  IMAGE,
  INJECTOR_IMAGE,
  kubectl,
  namespace,
  uninstallChart,
  WORLD_IMAGE,
  why,
} from "./cluster.ts";

const { LESSEE_E2E_AGENT_BIN, LESSEE_E2E_INJECTOR_BIN, LESSEE_E2E_LOAD, VAULT_BIN } = process.env;
const NAMESPACES = ["tsb", "lessee", "vault"];

export async function setup(): Promise<void> {
  if (why !== "") return;
  await refuseWhatIsNotOurs();
  await teardown();
  if (LESSEE_E2E_LOAD) await loadImages(LESSEE_E2E_LOAD);
  else if (LESSEE_E2E_INJECTOR_BIN || LESSEE_E2E_AGENT_BIN)
    throw new Error(
      "LESSEE_E2E_INJECTOR_BIN and LESSEE_E2E_AGENT_BIN need LESSEE_E2E_LOAD, which puts their images on the nodes",
    );
  await applyText(JSON.stringify(namespace("vault")));
  await apply("world.yaml", { WORLD_VAULT: VAULT_BIN ? VAULT : "" });
  try {
    await kubectl("rollout", "status", "-n", "vault", "deploy/world", "--timeout=180s");
  } catch (error) {
    const said = await kubectl("logs", "-n", "vault", "deploy/world", "--tail=40").catch(String);
    // Vitest does not tear down what was not set up.
    await teardown();
    throw new Error(`the world does not start: ${said}`, { cause: error });
  }
}

/** The applications first: Vault must be there for what they give back. */
export async function teardown(): Promise<void> {
  if (why !== "") return;
  await kubectl("delete", "namespace", "tsb", "--ignore-not-found", "--timeout=180s");
  await uninstallChart();
  await kubectl("delete", "namespace", "vault", "--ignore-not-found", "--timeout=180s");
  await kubectl("delete", "clusterrolebinding", "lessee-e2e-vault", "--ignore-not-found");
}

/** They are deleted at the end, with all that is in them. */
async function refuseWhatIsNotOurs(): Promise<void> {
  const list = JSON.parse(await kubectl("get", "namespaces", "-o", "json")) as {
    items: readonly { metadata: { name: string; labels?: Record<string, string> } }[];
  };
  const foreign = list.items
    .map(({ metadata }) => metadata)
    .filter(({ name, labels }) => NAMESPACES.includes(name) && labels?.["lessee-e2e"] !== "true")
    .map(({ name }) => name);
  if (foreign.length > 0)
    throw new Error(`the cluster of KUBECONFIG has namespaces that these tests would delete: ${foreign.join(", ")}`);
  const releases = await helm("list", "--all-namespaces", "--filter", "^lessee$", "--short");
  if (releases.trim() !== "" && !list.items.some(({ metadata }) => metadata.name === "lessee"))
    throw new Error(
      "lessee is installed in the cluster of KUBECONFIG already: its webhook would answer for the tests' pods",
    );
}

async function loadImages(command: string): Promise<void> {
  const docker = await findDocker();
  if (!docker) throw new Error("LESSEE_E2E_LOAD needs docker, with which the images are made");
  const { base, node } = await makeLocalImages(process.execPath);
  await buildImage({ tag: IMAGE, args: { BASE: base, NODE: node, BUILD: node, DIST: "prebuilt" } });
  await makeWorldImage(docker, WORLD_IMAGE, process.execPath, VAULT_BIN);
  const images = [IMAGE, WORLD_IMAGE, ...(await othersImages(docker))];
  const saved = spawn(docker, ["save", ...images], { stdio: ["ignore", "pipe", "inherit"] });
  const loaded = spawn("sh", ["-c", command], { stdio: [saved.stdout, "ignore", "inherit"] });
  const [[code], [saving]] = await Promise.all([once(loaded, "exit"), once(saved, "exit")]);
  if (code !== 0 || saving !== 0) throw new Error(`the images could not be loaded: ${command} ended with ${code}`);
}

/** With the names by which an injected container calls them. */
async function othersImages(docker: string): Promise<readonly string[]> {
  const wanted = [
    [INJECTOR_IMAGE, LESSEE_E2E_INJECTOR_BIN, "vault-k8s"],
    [AGENT_IMAGE, LESSEE_E2E_AGENT_BIN, "vault"],
  ] as const;
  const made: string[] = [];
  for (const [image, program, name] of wanted) {
    if (!image || !program) continue;
    await makeProgramImage(docker, image, program, name);
    made.push(image);
  }
  return made;
}
