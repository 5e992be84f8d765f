/** lessee's configuration in the scenarios: the seed's template and short times; a test says what is different. */
import type { Pod } from "./world.ts";

export interface Parts {
  /** In place of the seed's template. */
  readonly template?: string;
  /** Into the `config` of the auth method. */
  readonly method?: string;
  /** Into `auto_auth.method`, beside `config`; default: a failed login is tried again soon. */
  readonly autoAuth?: string;
  /** In place of the pod's Vault. */
  readonly address?: string;
  readonly vault?: string;
  /** Into the credential's block: `notify`, or another value for a key. */
  readonly credential?: string;
  /** False is no `postgres` block. */
  readonly postgres?: boolean;
  /** In place of the world's Postgres: host:port/database */
  readonly database?: string;
  /** In place of a query that always works. */
  readonly verify?: string;
  /** Beside the blocks. */
  readonly rest?: string;
}

/** The lead is 3.5 s with these times, of which a second is the connections' lifetime. */
const TIMES = {
  connection_max_lifetime: "1s",
  reader_grace: "300ms",
  longest_use: "200ms",
  preparation: "500ms",
  hearing: "1s",
  margin: "500ms",
  quiet_period: "600ms",
  max_new_per_hour: "1000",
};

const QUICK_LOGINS = `min_backoff = "200ms"
    max_backoff = "2s"`;

export function configuration(pod: Pod, parts: Parts = {}): string {
  const own = parts.credential ?? "";
  const times = Object.entries(TIMES)
    .filter(([key]) => !new RegExp(`^\\s*${key}\\b`, "m").test(own))
    .map(([key, value]) => `  ${key} = "${value}"`);
  const postgres =
    parts.postgres === false
      ? ""
      : `  postgres {
    connection_url = "postgresql://{{username}}:{{password}}@${parts.database ?? pod.database}?sslmode=disable"
    verify_query   = "${parts.verify ?? "SELECT count(*) FROM association"}"
  }`;
  return `vault {
  address = "${parts.address ?? pod.vault.address}"
  ${parts.vault ?? ""}
}
auto_auth {
  method "kubernetes" {
    mount_path  = "auth/kubernetes"
    ${parts.autoAuth ?? QUICK_LOGINS}
    config = {
      ${parts.method ?? `role = "pg"\n      token_path = "${pod.tokenFile}"`}
    }
  }
}
${parts.template ?? template(pod.destination)}
credential "${pod.seed.credentialPath}" {
${times.join("\n")}
${postgres}
${own}
}
health { address = "${pod.healthAddress}" }
state  { path = "${pod.path("state")}" }
${parts.rest ?? ""}
`;
}

export const SEED_TEMPLATE = `{{- with secret "database/creds/pg-role" -}}
username: {{ .Data.username }}
password: {{ .Data.password }}
{{- end -}}
`;

export function template(destination: string, contents = SEED_TEMPLATE, more = ""): string {
  return `template {
  destination = "${destination}"
  ${more}
  contents    = <<EOT
${contents}EOT
}
`;
}
