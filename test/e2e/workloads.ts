/** Applications and jobs with the seed's annotations and some more, as manifests. */
import { WORLD_IMAGE } from "./cluster.ts";

export type Annotations = Readonly<Record<string, string>>;

const POD = "vault.hashicorp.com";

/** The seed's own. */
export function seedAnnotations(role = "pg-role"): Annotations {
  const template = `{{- with secret "database/creds/${role}" -}}
username: {{ .Data.username }}
password: {{ .Data.password }}
{{- end -}}
`;
  return {
    [`${POD}/agent-inject`]: "true",
    [`${POD}/role`]: "pg",
    [`${POD}/agent-inject-secret-config.yaml`]: `database/creds/${role}`,
    [`${POD}/agent-inject-template-config.yaml`]: template,
    [`${POD}/secret-volume-path`]: "/etc/dbvault",
  };
}

/** For connections of 5 s, whose sessions are seen. */
export function watchedAnnotations(address: string): Annotations {
  return {
    "lessee/connection-max-lifetime": "5s",
    "lessee/reader-grace": "1s",
    "lessee/longest-use": "1s",
    "lessee/preparation": "2s",
    "lessee/hearing": "3s",
    "lessee/margin": "1s",
    "lessee/quiet-period": "2s",
    "lessee/max-new-per-hour": "1000",
    "lessee/postgres-connection-url": `postgresql://{{username}}:{{password}}@${address}:5432/tsb?sslmode=disable`,
  };
}

export interface Workload {
  readonly name: string;
  readonly annotations: Annotations;
  /** Of the pod. */
  readonly spec?: object;
}

/** The sample application, which reads its file as `habit` says. */
export function application(address: string, { name, annotations, spec }: Workload, habit = "per-connection"): object {
  const args = [
    ...["--config=/etc/dbvault/config.yaml", `--host=${address}`, "--port=5432", "--connections=3", "--lifetime=5000"],
    ...[`--habit=${habit}`, "--reload-port=8081"],
  ];
  const container = { ...app(["node", "/app/application.mjs"]), stdin: true, args };
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name, namespace: "tsb" },
    spec: {
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: { app: name }, annotations },
        spec: { ...spec, containers: [container] },
      },
    },
  };
}

/** Five seconds of work, and then what the shell is told. */
export function job(address: string, { name, annotations, spec }: Workload, ending = "exit 0"): object {
  const work = `node /app/job.mjs /etc/dbvault/config.yaml ${address}:5432/tsb 5; ${ending}`;
  return {
    apiVersion: "batch/v1",
    kind: "Job",
    metadata: { name, namespace: "tsb" },
    spec: {
      backoffLimit: 0,
      template: {
        metadata: { annotations },
        spec: { ...spec, restartPolicy: "Never", containers: [app(["sh", "-c", work])] },
      },
    },
  };
}

function app(command: readonly string[]): object {
  return { name: "app", image: WORLD_IMAGE, imagePullPolicy: "IfNotPresent", command };
}
