/** Writes charts/lessee/README.md from the chart's values: `node scripts/chart-doc.ts`. A test fails while it is stale. */
import { readFileSync, writeFileSync } from "node:fs";
import { isMap, isScalar, parseDocument, type YAMLMap } from "yaml";

const CHART = new URL("../charts/lessee/", import.meta.url);

export function chartDocument(): string {
  const values = parseDocument(readFileSync(new URL("values.yaml", CHART), "utf8")).contents as YAMLMap;
  return `# The chart

Installs the webhook of lessee: pods that ask by Vault's annotations get lessee as init container and sidecar.
[docs/webhook.md](../../docs/webhook.md) has the annotations, [docs/operations.md](../../docs/operations.md) sizing,
upgrades, the way from Vault's injector and back, and what to do at each alert.

\`\`\`sh
helm install lessee charts/lessee --namespace lessee --create-namespace --wait \\
  --set image.repository=registry.example/lessee --set vault.address=https://vault.vault.svc:8200
helm test lessee --namespace lessee
\`\`\`

Where Vault's certificate is of an authority of your own, add \`--set-file vault.caCert=ca.pem\`: pods have it from then on.

Kubernetes 1.25 or newer. What newer ones have is used where it is there: match conditions (1.28), so that only pods that
ask are sent to the webhook, and native sidecars (1.29).

The certificate is made by helm and kept across upgrades (\`tls.mode=self\`). Where manifests are only rendered and never
installed by helm, as Argo CD does it, use \`tls.mode=certManager\`, or \`existing\` with a secret of your own.

## Values

| value | default | meaning |
|---|---|---|
${rows(values, "").join("\n")}

This file is generated from \`values.yaml\`: \`node scripts/chart-doc.ts\`.
`;
}

/** One a leaf, with its comment or that of its parent's. */
function rows(map: YAMLMap, prefix: string): readonly string[] {
  return map.items.flatMap((pair, index) => {
    const key = String(isScalar(pair.key) ? pair.key.value : pair.key);
    const { value } = pair;
    // The comment before the first key of a map is kept at the map.
    const comment = (isScalar(pair.key) && pair.key.commentBefore) || (index === 0 && map.commentBefore) || "";
    const meaning = comment.replace(/^ -- /, "").replace(/\n\s*/g, " ").replaceAll("|", "\\|");
    if (isMap(value) && !value.flow && value.items.length > 0) {
      const inner = rows(value as YAMLMap, `${prefix}${key}.`);
      return meaning && index >= 0 && prefix === "" ? [`| **\`${key}\`** | | ${meaning} |`, ...inner] : inner;
    }
    return [`| \`${prefix}${key}\` | \`${JSON.stringify(value)}\` | ${meaning} |`];
  });
}

if (import.meta.main) writeFileSync(new URL("README.md", CHART), chartDocument());
