/** A secret as templates see it: the struct that Vault Agent hands to them. */
import { JsonNumber, type JsonValue } from "../../json.ts";
import type { VaultAuth, VaultSecret, VaultWrapInfo } from "../../vault/secret.ts";
import { grownSlice } from "../go/memory.ts";
import { GoMap, NilPointer, Slice, Struct, type StructType, stringMap, stringSlice, type Value } from "../go/values.ts";
import { parseRfc3339 } from "./moment.ts";
import { timeValue } from "./time-value.ts";

const SECRET: StructType = {
  name: "dependency.Secret",
  fields: ["RequestID", "LeaseID", "LeaseDuration", "Renewable", "Data", "Warnings", "Auth", "WrapInfo"],
  methods: {},
};

const AUTH: StructType = {
  name: "dependency.SecretAuth",
  fields: ["ClientToken", "Accessor", "Policies", "Metadata", "LeaseDuration", "Renewable"],
  methods: {},
};

const WRAP_INFO: StructType = {
  name: "dependency.SecretWrapInfo",
  fields: ["Token", "TTL", "CreationTime", "WrappedAccessor"],
  methods: {},
};

export function secretValue(secret: VaultSecret): Struct {
  return new Struct(SECRET, new SecretFields(secret), true);
}

/** Each is made when it is asked for: of a thousand secrets most templates want two keys. */
class SecretFields {
  readonly #secret: VaultSecret;
  #data: GoMap | undefined;

  constructor(secret: VaultSecret) {
    this.#secret = secret;
  }

  get(name: string): Value | undefined {
    const { auth, data, lease, requestId, warnings, wrapInfo } = this.#secret;
    switch (name) {
      case "RequestID":
        return requestId;
      case "LeaseID":
        return lease.id;
      case "LeaseDuration":
        return BigInt(lease.durationSeconds);
      case "Renewable":
        return lease.renewable;
      case "Data":
        // The same each time: a template may change it.
        this.#data ??= mapValue(data.reveal());
        return this.#data;
      case "Warnings":
        return new Slice("string", warnings, warnings.length === 0);
      case "Auth":
        return auth === null ? new NilPointer(AUTH) : authValue(auth);
      case "WrapInfo":
        return wrapInfo === null ? new NilPointer(WRAP_INFO) : wrapInfoValue(wrapInfo);
    }
    return undefined;
  }
}

function mapValue(data: { readonly [key: string]: JsonValue } | null): GoMap {
  return data === null ? new GoMap("string", "interface {}", new Map(), true) : objectValue(data);
}

/** What stands in JSON, numbers with their spelling. */
function jsonValue(value: JsonValue): Value {
  if (value === null || typeof value !== "object" || value instanceof JsonNumber) return value;
  return Array.isArray(value) ? grownSlice(value.map(jsonValue)) : objectValue(value);
}

/** A pointer to a struct. */
export function struct(type: StructType, fields: Readonly<Record<string, Value>>): Struct {
  return new Struct(type, new Map(Object.entries(fields)), true);
}

function objectValue(data: { readonly [key: string]: JsonValue }): GoMap {
  const entries = new Map<Value, Value>();
  for (const key of Object.keys(data)) entries.set(key, jsonValue(data[key]!));
  return new GoMap("string", "interface {}", entries);
}

function authValue(auth: VaultAuth): Struct {
  return struct(AUTH, {
    ClientToken: auth.token.reveal(),
    Accessor: auth.accessor.reveal(),
    Policies: stringSlice(auth.policies),
    Metadata: stringMap(Object.entries(auth.metadata)),
    LeaseDuration: BigInt(auth.durationSeconds),
    Renewable: auth.renewable,
  });
}

function wrapInfoValue(info: VaultWrapInfo): Struct {
  return struct(WRAP_INFO, {
    Token: info.token.reveal(),
    TTL: BigInt(info.ttlSeconds),
    CreationTime: timeValue(
      parseRfc3339(info.creationTime) ?? { seconds: -62135596800n, nanoseconds: 0, offset: 0, zone: "UTC" },
    ),
    WrappedAccessor: info.wrappedAccessor.reveal(),
  });
}
