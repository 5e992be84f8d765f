/** lessee's configuration in the demo: a Vault Agent file with the seed's template, and lessee's own blocks. */
import type { ApplicationConfiguration } from "./application.ts";
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
  readonly application: ApplicationConfiguration;
  readonly stateFolder: string;
  /** host:port/database */
  readonly postgres: string;
  readonly healthAddress: string;
}

export function agentConfiguration(inputs: ConfigurationInputs): string {
  const { application, options, credentialPath } = inputs;
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

${application.templates ?? fileTemplate(inputs)}
${application.exec ?? ""}
credential "${credentialPath}" {
  connection_max_lifetime = "${options.connectionMaxLifetime}ms"
  reader_grace            = "1s"
  longest_use             = "1s"
  margin                  = "2s"
  preparation             = "2s"
  hearing                 = "${application.hearing ?? "3s"}"
  quiet_period            = "3s"
  max_new_per_hour        = 1000

  postgres {
    connection_url = "postgresql://{{username}}:{{password}}@${inputs.postgres}?sslmode=disable"
    verify_query   = "SELECT count(*) FROM association"
  }
  ${application.notify ?? ""}
}

health {
  address = "${inputs.healthAddress}"
}

state {
  path = "${inputs.stateFolder}"
}
`;
}

function fileTemplate({ destination, credentialPath }: ConfigurationInputs): string {
  return `template {
  destination = "${destination}"
  perms       = "0600"
  contents    = <<EOT
{{- with secret "${credentialPath}" -}}
username: {{ .Data.username }}
password: {{ .Data.password }}
{{- end -}}
EOT
}`;
}
