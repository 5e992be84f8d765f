/** Service account tokens as kubelet projects them into a pod: really signed, really verified. */
import { createHash, generateKeyPairSync, type KeyObject, randomUUID, sign, verify } from "node:crypto";

/** The audience of the API server itself, for which a token without another purpose is made. */
export const API_AUDIENCE = "https://kubernetes.default.svc.cluster.local";

export interface ServiceAccount {
  readonly namespace: string;
  readonly name: string;
  readonly uid?: string;
}

export interface TokenOptions extends ServiceAccount {
  readonly pod?: { readonly name: string; readonly uid: string };
  /** Default: the API server's own. */
  readonly audiences?: readonly string[];
  /** Seconds from now; negative for a token that has ended. Default one hour, as kubelet asks for. */
  readonly lifetimeSeconds?: number;
}

export interface TokenClaims {
  readonly aud: readonly string[];
  readonly exp: number;
  readonly iat: number;
  readonly nbf: number;
  readonly iss: string;
  readonly jti: string;
  readonly sub: string;
  readonly "kubernetes.io": {
    readonly namespace: string;
    readonly serviceaccount: { readonly name: string; readonly uid: string };
    readonly pod?: { readonly name: string; readonly uid: string };
  };
}

export interface ServiceAccountSigner {
  sign(options: TokenOptions): string;
  /** The claims of a token that this signer made and that has not ended; undefined for every other text. */
  verify(token: string): TokenClaims | undefined;
}

export function createServiceAccountSigner(): ServiceAccountSigner {
  const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const kid = createHash("sha256")
    .update(publicKey.export({ type: "spki", format: "der" }))
    .digest("base64url");
  return {
    sign: (options) => signJwt({ alg: "RS256", kid }, claimsOf(options), privateKey),
    verify: (token) => verifyJwt(token, publicKey),
  };
}

/** Stable for an account, as it is in a cluster as long as the account is not made anew. */
function serviceAccountUid({ namespace, name, uid }: ServiceAccount): string {
  if (uid !== undefined) return uid;
  const hex = createHash("sha256").update(`${namespace}/${name}`).digest("hex");
  return [hex.slice(0, 8), hex.slice(8, 12), `4${hex.slice(13, 16)}`, `8${hex.slice(17, 20)}`, hex.slice(20, 32)].join(
    "-",
  );
}

function claimsOf(options: TokenOptions): TokenClaims {
  const now = Math.floor(Date.now() / 1000);
  return {
    aud: options.audiences ?? [API_AUDIENCE],
    exp: now + (options.lifetimeSeconds ?? 3600),
    iat: now,
    iss: API_AUDIENCE,
    jti: randomUUID(),
    "kubernetes.io": {
      namespace: options.namespace,
      ...(options.pod && { pod: options.pod }),
      serviceaccount: { name: options.name, uid: serviceAccountUid(options) },
    },
    nbf: now,
    sub: `system:serviceaccount:${options.namespace}:${options.name}`,
  };
}

function signJwt(header: object, claims: TokenClaims, key: KeyObject): string {
  const text = [header, claims].map((part) => Buffer.from(JSON.stringify(part)).toString("base64url")).join(".");
  return `${text}.${sign("sha256", Buffer.from(text), key).toString("base64url")}`;
}

function verifyJwt(token: string, key: KeyObject): TokenClaims | undefined {
  const [header, claims, signature, ...rest] = token.split(".");
  if (!header || !claims || !signature || rest.length > 0) return undefined;
  if (!verify("sha256", Buffer.from(`${header}.${claims}`), key, Buffer.from(signature, "base64url"))) return undefined;
  const parsed = JSON.parse(Buffer.from(claims, "base64url").toString()) as TokenClaims;
  const now = Date.now() / 1000;
  return parsed.nbf <= now && now < parsed.exp ? parsed : undefined;
}
