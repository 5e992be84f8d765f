/** `host:port` as Go writes it: `:9102` is every interface, an IPv6 host stands in brackets. */
import { LesseeError } from "../errors.ts";

export interface Address {
  /** Empty: every interface. */
  readonly host: string;
  readonly port: number;
}

/** Throws a LesseeError with the code `address`. */
export function parseAddress(text: string): Address {
  const match = /^(?:\[([0-9a-fA-F:.]+(?:%\w+)?)\]|([^:[\]/\s]*)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (!match || port > 65_535) {
    throw new LesseeError("address", `${JSON.stringify(text)} is not an address`, {
      hint: "host:port, as 0.0.0.0:9102, [::1]:9102 or :9102",
    });
  }
  return { host: match[1] ?? match[2] ?? "", port };
}

export function formatAddress({ host, port }: Address): string {
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}

/** Why a port or a socket file cannot be had. */
export function describeRefusal(error: NodeJS.ErrnoException): string {
  return REFUSALS[error.code ?? ""] ?? error.message;
}

const REFUSALS: Readonly<Record<string, string>> = {
  EADDRINUSE: "another program has it",
  EACCES: "this user may not open it",
  EADDRNOTAVAIL: "no such address on this machine",
  ENOTFOUND: "no such host",
};
