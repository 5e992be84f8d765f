/** lessee's configuration in the demo: a Vault Agent file with the seed's template, and lessee's own blocks. */
import type { DemoOptions } from "./options.ts";

export interface ConfigurationInputs {
  readonly options: DemoOptions;
  readonly vaultAddress: string;
  /** `auth/kubernetes` */
  readonly authMount: string;
  readonly credentialPath: string;
  readonly tokenFile: string;
  /** Where the application reads its credential. */
  readonly destination: string;
  readonly applicationPidFile: string;
  readonly stateFolder: string;
  /** host:port/database */
  readonly postgres: string;
  readonly healthAddress: string;
}

export function agentConfiguration(inputs: ConfigurationInputs): string {
  const { options, credentialPath } = inputs;
  const notify =
    options.app === "sighup"
      ? `
  notify "signal" {
    pid_file = "${inputs.applicationPidFile}"
    signal   = "SIGHUP"
  }
`
      : "";
  return `vault {
  address = "${inputs.vaultAddress}"
}

auto_auth {
  method "kubernetes" {
    mount_path = "${inputs.authMount}"
    config = {
      role       = "pg"
      token_path = "${inputs.tokenFile}"
    }
  }
}

template {
  destination = "${inputs.destination}"
  perms       = "0600"
  contents    = <<EOT
{{- with secret "${credentialPath}" -}}
username: {{ .Data.username }}
password: {{ .Data.password }}
{{- end -}}
EOT
}

credential "${credentialPath}" {
  connection_max_lifetime = "${options.connectionMaxLifetime}ms"
  reader_grace            = "1s"
  longest_use             = "1s"
  preparation             = "2s"
  hearing                 = "3s"
  margin                  = "2s"
  quiet_period            = "3s"
  max_new_per_hour        = 1000

  postgres {
    connection_url = "postgresql://{{username}}:{{password}}@${inputs.postgres}?sslmode=disable"
    verify_query   = "SELECT count(*) FROM association"
  }
${notify}}

health {
  address = "${inputs.healthAddress}"
}

state {
  path = "${inputs.stateFolder}"
}
`;
}
