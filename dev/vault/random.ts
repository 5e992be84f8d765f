/** Identifiers and passwords of the shapes that the server gives them. */
import { randomBytes, randomInt, randomUUID } from "node:crypto";

export function base62(length: number): string {
  return characters(ALPHANUMERIC, length);
}

export function uuid(): string {
  return randomUUID();
}

export function serviceTokenId(): string {
  return `s.${base62(24)}`;
}

export function batchTokenId(): string {
  return `b.AAAAAQ${randomBytes(102).toString("base64url")}`;
}

/** Twenty characters with at least one of each kind. */
export function password(): string {
  for (;;) {
    const candidate = characters(`${ALPHANUMERIC}-`, 20);
    if ([/[a-z]/, /[A-Z]/, /\d/, /-/].every((kind) => kind.test(candidate))) return candidate;
  }
}

const ALPHANUMERIC = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

function characters(alphabet: string, length: number): string {
  return Array.from({ length }, () => alphabet[randomInt(alphabet.length)]).join("");
}
