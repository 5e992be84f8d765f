/** `pki`: a root of its own, and leaf certificates by role. Keys are P-256, whatever size is asked for. */
import { generateKeyPairSync, type X509Certificate } from "node:crypto";
import { type Issuer, signCertificate } from "../kubernetes/certificate.ts";
import type { ServerClock } from "./clock.ts";
import { parseDuration, SYSTEM_TTL, toSeconds } from "./durations.ts";
import { type Answer, type Backend, listField, type MountedRequest, textField } from "./protocol.ts";
import { uuid } from "./random.ts";
import { methodNotAllowed, multierror, Refusal } from "./refusal.ts";

interface Root extends Issuer {
  readonly pem: string;
}

interface Role {
  readonly domains: readonly string[];
  readonly subdomains: boolean;
  readonly anyName: boolean;
  readonly ttl: number;
  readonly maxTtl: number;
}

export function createPkiBackend(clock: ServerClock): Backend {
  const roles = new Map<string, Role>();
  let root: Root | undefined;

  function generateRoot(body: MountedRequest["body"]): Answer {
    const commonName = textField(body, "common_name");
    const keys = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const issuer = { commonName, ...keys };
    const notAfter = clock.now() + (parseDuration(body.ttl) ?? SYSTEM_TTL);
    const certificate = signCertificate({
      commonName,
      hosts: [commonName],
      publicKey: keys.publicKey,
      issuer,
      notBefore: clock.now() - BACKDATED,
      notAfter,
      authority: true,
      use: [],
    });
    const pem = certificate.toString().trim();
    root = { ...issuer, pem };
    return {
      data: {
        certificate: pem,
        expiration: toSeconds(notAfter),
        issuer_id: uuid(),
        issuer_name: "",
        issuing_ca: pem,
        key_id: uuid(),
        key_name: "",
        serial_number: serialNumber(certificate),
      },
      warnings: [WITHOUT_AIA],
    };
  }

  function issue(name: string, body: MountedRequest["body"]): Answer {
    const role = roles.get(name);
    if (!role) throw new Refusal(400, `unknown role: ${name}`);
    if (!root) throw new Refusal(500, multierror("no default issuer currently configured"));
    const commonName = textField(body, "common_name");
    if (!allows(role, commonName)) throw new Refusal(400, `common name ${commonName} not allowed by this role`);
    const names = listField(body, "alt_names");
    const other = names.find((alternative) => !allows(role, alternative));
    if (other !== undefined) throw new Refusal(400, `subject alternate name ${other} not allowed by this role`);

    const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const limit = role.maxTtl || SYSTEM_TTL;
    const notBefore = clock.now() - BACKDATED;
    const notAfter = clock.now() + Math.min((parseDuration(body.ttl) ?? role.ttl) || SYSTEM_TTL, limit);
    const certificate = signCertificate({
      commonName,
      hosts: [...new Set([commonName, ...names])],
      publicKey,
      issuer: root,
      notBefore,
      notAfter,
      authority: false,
      use: ["server", "client"],
    });
    return {
      data: {
        ca_chain: [root.pem],
        certificate: certificate.toString().trim(),
        expiration: toSeconds(notAfter),
        issuing_ca: root.pem,
        not_before: toSeconds(notBefore),
        private_key: privateKey.export({ type: "sec1", format: "pem" }).toString().trim(),
        private_key_type: "ec",
        serial_number: serialNumber(certificate),
      },
    };
  }

  return {
    type: "pki",
    handle({ operation, subpath, body }) {
      const [area, name = ""] = subpath.split("/");
      switch (`${operation} ${area}`) {
        case "update root":
          return generateRoot(body);
        case "update issue":
          return issue(name, body);
        case "update roles":
          roles.set(name, parseRole(body));
          return { data: describeRole(roles.get(name)!) };
        case "read roles": {
          const role = roles.get(name);
          return role ? { data: describeRole(role) } : null;
        }
        default:
          if (area === "root" || area === "issue" || area === "roles") methodNotAllowed();
          throw new Refusal(404, multierror("unsupported path"));
      }
    },
  };
}

const BACKDATED = 30_000;
const WITHOUT_AIA =
  "This mount hasn't configured any authority information access (AIA) fields; this may make it harder for systems to find missing certificates in the chain or to validate revocation status of certificates. Consider updating /config/urls or the newly generated issuer with this information.";

function serialNumber(certificate: X509Certificate): string {
  return certificate.serialNumber.toLowerCase().match(/../g)!.join(":");
}

function allows(role: Role, name: string): boolean {
  return role.anyName || (role.subdomains && role.domains.some((domain) => name.endsWith(`.${domain}`)));
}

function parseRole(body: MountedRequest["body"]): Role {
  return {
    domains: listField(body, "allowed_domains"),
    subdomains: body.allow_subdomains === true,
    anyName: body.allow_any_name === true,
    ttl: parseDuration(body.ttl) ?? 0,
    maxTtl: parseDuration(body.max_ttl) ?? 0,
  };
}

/** What can be set here, among everything that the server knows, which keeps its default. */
function describeRole(role: Role): Record<string, unknown> {
  return {
    ...ROLE_DEFAULTS,
    allow_any_name: role.anyName,
    allow_subdomains: role.subdomains,
    allowed_domains: role.domains,
    max_ttl: toSeconds(role.maxTtl),
    ttl: toSeconds(role.ttl),
  };
}

const ROLE_DEFAULTS = {
  ...Object.fromEntries(
    [
      "allow_bare_domains",
      "allow_glob_domains",
      "allow_globs_in_identity_templates",
      "allow_token_displayname",
      "allowed_domains_template",
      "allowed_uri_sans_template",
      "basic_constraints_valid_for_non_ca",
      "code_signing_flag",
      "email_protection_flag",
      "generate_lease",
      "no_store",
      "use_pss",
    ].map((name) => [name, false]),
  ),
  ...Object.fromEntries(
    [
      "allow_ip_sans",
      "allow_localhost",
      "allow_wildcard_certificates",
      "client_flag",
      "enforce_hostnames",
      "require_cn",
      "server_flag",
      "use_csr_common_name",
      "use_csr_sans",
    ].map((name) => [name, true]),
  ),
  ...Object.fromEntries(
    [
      "allowed_ip_sans_cidr",
      "allowed_other_sans",
      "allowed_serial_numbers",
      "allowed_uri_sans",
      "allowed_user_ids",
      "country",
      "ext_key_usage",
      "ext_key_usage_oids",
      "locality",
      "organization",
      "ou",
      "policy_identifiers",
      "postal_code",
      "province",
      "street_address",
    ].map((name) => [name, []]),
  ),
  cn_validations: ["email", "hostname"],
  issuer_ref: "default",
  key_bits: 256,
  key_type: "ec",
  key_usage: ["DigitalSignature", "KeyAgreement", "KeyEncipherment"],
  not_after: "",
  not_after_bound: "permit",
  not_before: "",
  not_before_bound: "permit",
  not_before_duration: 30,
  signature_bits: 0,
};
