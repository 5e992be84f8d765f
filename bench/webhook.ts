/**
 * Reviews of `lessee webhook`: how long one takes, and how many a second, over HTTPS on connections that stay, with the
 * webhook bound to one processor core. `node bench/webhook.ts` after `npm run build`. Linux, because of taskset; openssl
 * makes the certificate. Options: --runs N, --reviews N, --markdown.
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import https from "node:https";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { text as textOf } from "node:stream/consumers";
import { optionsOf } from "./options.ts";
import { cells, markdown, median, type Row, text } from "./table.ts";

const values = optionsOf({
  runs: { type: "string", default: "5" },
  reviews: { type: "string", default: "2000" },
  markdown: { type: "boolean", default: false },
});
const LIMIT = { latency: 10, perHundred: 1_000 };
const folder = mkdtempSync(join(tmpdir(), "lessee-bench-"));
const [cert, key] = [join(folder, "tls.crt"), join(folder, "tls.key")];
const subject = ["-subj", "/CN=localhost", "-nodes", "-days", "2", "-out", cert, "-keyout", key];
execFileSync("openssl", ["req", "-x509", "-newkey", "rsa:2048", ...subject], { stdio: "ignore" });

const alone: number[] = [];
const together: number[] = [];
for (let run = 0; run < Number(values.runs); run++) {
  const { child, port } = await start();
  try {
    // V8 has seen the work before it is measured, as it has in a webhook that runs for days.
    await reviews(port, 1, 300);
    alone.push(median(await reviews(port, 1, 500)));
    const began = performance.now();
    await reviews(port, 8, Number(values.reviews));
    together.push(((performance.now() - began) / Number(values.reviews)) * 100);
  } finally {
    child.kill("SIGTERM");
    await once(child, "exit");
  }
}
rmSync(folder, { recursive: true });

const rows: readonly Row[] = [
  { name: "one review, of one caller", unit: "ms", ours: alone, limit: LIMIT.latency },
  { name: "100 reviews, of eight callers", unit: "ms", ours: together, limit: LIMIT.perHundred },
];
const header = ["median (least–most)", "lessee", "", "ratio", "limit", "verdict"];
console.log((values.markdown ? markdown : text)(header, rows.map(cells)));
console.log(`
${(100_000 / median(together)).toFixed(0)} reviews a second on one core
${cpus().length} × ${cpus()[0]?.model.trim()}, Linux, Node ${process.versions.node}; ${values.runs} runs of ${values.reviews} reviews`);
process.exitCode = median(alone) <= LIMIT.latency && median(together) <= LIMIT.perHundred ? 0 : 1;

async function start(): Promise<{ readonly child: ChildProcess; readonly port: number }> {
  const flags = ["-listen=127.0.0.1:0", "-health-address=", "-shutdown-delay=0s", "-log-format=json"];
  const files = [`-tls-cert-file=${cert}`, `-tls-key-file=${key}`];
  const settings = ["-vault-image=lessee:1", "-vault-address=https://vault:8200"];
  const lessee = join(import.meta.dirname, "../bin/lessee");
  const child = spawn("taskset", ["-c", "0", lessee, "webhook", ...flags, ...files, ...settings], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  for await (const line of createInterface({ input: child.stderr })) {
    const { msg, address = "" } = JSON.parse(line) as { msg: string; address?: string };
    if (msg !== "listening") continue;
    child.stderr.resume();
    return { child, port: Number(address.split(":").at(-1)) };
  }
  throw new Error("the webhook has ended");
}

/** So many reviews of the seed's pod; the milliseconds that each took. */
async function reviews(port: number, callers: number, count: number): Promise<readonly number[]> {
  const agent = new https.Agent({ keepAlive: true, maxSockets: callers, rejectUnauthorized: false });
  const took: number[] = [];
  let left = count;
  const body = JSON.stringify(review());
  await Promise.all(
    Array.from({ length: callers }, async () => {
      while (left-- > 0) {
        const began = performance.now();
        const headers = { "Content-Type": "application/json" };
        const request = https.request({ agent, port, host: "127.0.0.1", path: "/mutate", method: "POST", headers });
        request.end(body);
        const [response] = await once(request, "response");
        if (!(await textOf(response)).includes('"patch"')) throw new Error("not injected");
        took.push(performance.now() - began);
      }
    }),
  );
  agent.destroy();
  return took;
}

function review(): object {
  const vault = "vault.hashicorp.com";
  const template =
    '{{- with secret "database/creds/pg-role" -}}\nusername: {{ .Data.username }}\npassword: {{ .Data.password }}\n{{- end -}}\n';
  const mounts = [{ name: "token", mountPath: "/var/run/secrets/kubernetes.io/serviceaccount", readOnly: true }];
  const object = {
    metadata: {
      generateName: "tsb-",
      annotations: {
        [`${vault}/agent-inject`]: "true",
        [`${vault}/role`]: "pg",
        [`${vault}/agent-inject-secret-config.yaml`]: "database/creds/pg-role",
        [`${vault}/agent-inject-template-config.yaml`]: template,
        [`${vault}/secret-volume-path`]: "/etc/dbvault",
        "lessee/connection-max-lifetime": "1h",
        "lessee/postgres-connection-url": "postgresql://{{username}}:{{password}}@postgres:5432/tsb",
        "lessee/notify-signal": "tsb",
      },
    },
    spec: {
      securityContext: { runAsUser: 3000 },
      containers: [{ name: "tsb", image: "registry.example/tsb:1", volumeMounts: mounts }],
      volumes: [{ name: "token", projected: { sources: [] } }],
    },
  };
  const request = { uid: "1", kind: { kind: "Pod" }, namespace: "tsb", operation: "CREATE", object };
  return { apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview", request };
}
