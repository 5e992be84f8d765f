import { expect, it } from "vitest";
import { redirectWithin } from "../../src/vault/redirect.ts";

const FROM = "https://vault:8200/v1/a?b=c";
const SOCKET = "unix:///run/vault.sock:/v1/a";

it.each([
  [FROM, 307, "/v1/x?y=z", "https://vault:8200/v1/x?y=z"],
  [FROM, 301, "https://vault:8200/v1/x", "https://vault:8200/v1/x"],
  [FROM, 302, "x", "https://vault:8200/v1/x"],
  [FROM, 308, "//vault:8200/v1/x#part", "https://vault:8200/v1/x"],
  ["https://vault/v1/a", 307, "https://vault:443/v1/x", "https://vault/v1/x"],
  [FROM, 307, "https://somebody@vault:8200/v1/x", "https://vault:8200/v1/x"],
  [SOCKET, 307, "/v1/x?y", "unix:///run/vault.sock:/v1/x?y"],
  ["unix:/run/vault.sock:/v1/a", 307, "x", "unix:/run/vault.sock:/v1/x"],
] as const)("%s with %d to %s is followed to %s", (from, status, to, followed) => {
  expect(redirectWithin(from, status, to)).toBe(followed);
});

it.each([
  [FROM, 307, "http://vault:8200/v1/x"],
  [FROM, 307, "https://vault:8201/v1/x"],
  [FROM, 307, "https://vault/v1/x"],
  [FROM, 307, "https://vault:8200.evil/v1/x"],
  [FROM, 307, "https://vault:8200@evil/v1/x"],
  [FROM, 307, "//evil/v1/x"],
  [FROM, 307, "\\\\evil\\x"],
  [FROM, 307, "file:///etc/passwd"],
  [FROM, 307, "https://"],
  [FROM, 307, undefined],
  [FROM, 200, "/v1/x"],
  [FROM, 303, "/v1/x"],
  [FROM, 304, "/v1/x"],
  [SOCKET, 307, "http://evil/v1/x"],
  [SOCKET, 307, "unix:///other.sock:/v1/x"],
] as const)("%s with %d to %s is not", (from, status, to) => {
  expect(redirectWithin(from, status, to)).toBeNull();
});
