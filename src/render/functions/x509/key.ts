/** Private keys as Sprig takes and gives them. */
import { describe } from "../../../errors.ts";
import { fail } from "../../go/values.ts";
import type { Cryptography, PrivateKey } from "../../template.ts";
import * as der from "./der.ts";
import { readPem, writePem } from "./pem.ts";

/** @throws FunctionError in Sprig's words. */
export function parseKey(pem: string, { readKey }: Cryptography): PrivateKey {
  const block = readPem(pem);
  if (block === undefined) fail("no PEM data in input");
  const { type } = block!;
  if (type !== "PRIVATE KEY" && !type.endsWith(" PRIVATE KEY"))
    fail(`no private key data in PEM block of type ${type}`);
  const kind = type.replace(/ ?PRIVATE KEY$/, "");
  if (!["", "RSA", "EC", "DSA"].includes(kind)) fail(`invalid private key type ${type}`);
  try {
    return readKey(writePem(block!));
  } catch (error) {
    const what = kind === "" ? "decoding PEM as PKCS#8" : `parsing ${kind} private key from PEM`;
    return fail(`${what}: ${describe(error)}`);
  }
}

/** In the form of its own kind: PKCS #1, SEC 1, DSA's; PKCS #8 for all others. */
export function formatKey(key: PrivateKey): string {
  if (key.type === "rsa") return writePem({ type: "RSA PRIVATE KEY", bytes: key.own! });
  if (key.type.startsWith("ec ")) return writePem({ type: "EC PRIVATE KEY", bytes: key.own! });
  if (key.type === "dsa") return writePem({ type: "DSA PRIVATE KEY", bytes: dsaKey(key) });
  return writePem({ type: "PRIVATE KEY", bytes: key.pkcs8 });
}

/** Version, p, q, g, y and x. */
function dsaKey({ pkcs8, publicKey }: PrivateKey): der.Bytes {
  const inside = (bytes: der.Bytes) => der.elements(der.elements(bytes)[0]!.content);
  const [version, algorithm, secret] = inside(pkcs8);
  const [, parameters] = der.elements(algorithm!.content);
  const numbers = der.elements(parameters!.content).map(({ whole }) => whole);
  const [, open] = inside(publicKey);
  // Behind the count of its unused bits.
  return der.sequence(version!.whole, ...numbers, open!.content.subarray(1), secret!.content);
}
