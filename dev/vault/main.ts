/**
 * The emulated Vault as a process of its own: `node dev/vault/main.ts --root-token TOKEN [--listen HOST:PORT]`.
 * Prints one line, `{"address":…,"unsealKey":…}`, when it answers; ends orderly on SIGTERM or SIGINT.
 */
import { parseArgs } from "node:util";
import { startEmulatedVault } from "./emulated-vault.ts";

const { values } = parseArgs({
  options: { listen: { type: "string", default: "127.0.0.1:0" }, "root-token": { type: "string" } },
});
const [host, port] = values.listen.split(":");
if (!values["root-token"]) {
  console.error("--root-token is missing: the token with which everything may be done");
  process.exit(2);
}
const vault = await startEmulatedVault({ rootToken: values["root-token"], host: host!, port: Number(port) });
console.log(JSON.stringify({ address: vault.address, unsealKey: vault.unsealKey }));

for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => void vault.stop());
