import * as fs from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { AuthMethod, LoginPorts } from "../../src/auth/method.ts";
import { parseAuthMethod } from "../../src/auth/methods.ts";
import { followCredentials } from "../../src/auth/renewed-credentials.ts";
import { Sensitive } from "../../src/sensitive.ts";
import { useFakeClock } from "../support/fake-clock.ts";
import { loginPorts } from "./login-ports.ts";

const clock = useFakeClock();
let folder = "";
beforeEach(async () => {
  folder = await fs.mkdtemp(join(tmpdir(), "methods-"));
});
afterEach(() => fs.rm(folder, { recursive: true }));

const at = (name: string) => join(folder, name);
const put = (name: string, text: string) => fs.writeFile(at(name), text);
const exists = (name: string) =>
  fs.lstat(at(name)).then(
    () => true,
    () => false,
  );

async function body(method: AuthMethod, ports: LoginPorts = loginPorts()): Promise<Readonly<Record<string, unknown>>> {
  const credentials = await method.prepare(ports);
  if ("token" in credentials) throw new Error("it has a token already");
  // Nothing secret is only in the body.
  expect(inspect(credentials.secrets, { depth: null })).not.toMatch(/secret-|jwt-/);
  return credentials.body;
}

describe("approle", () => {
  const method = (more: Record<string, unknown> = {}) =>
    parseAuthMethod("approle", { role_id_file_path: at("role"), secret_id_file_path: at("secret"), ...more });

  it("reads both files, removes the secret id's, and logs in again with what it had read", async () => {
    const approle = method();
    await put("role", "role-1\n");
    await put("secret", "secret-1\n");
    expect(await body(approle)).toEqual({ role_id: "role-1", secret_id: "secret-1" });
    expect([await exists("role"), await exists("secret")]).toEqual([true, false]);
    await fs.rm(at("role"));
    expect(await body(approle)).toEqual({ role_id: "role-1", secret_id: "secret-1" });
    await put("secret", "secret-2");
    expect(await body(approle)).toEqual({ role_id: "role-1", secret_id: "secret-2" });
  });

  it("leaves the file where that is asked for, in any spelling", async () => {
    for (const no of [false, "false", 0]) {
      const approle = method({ remove_secret_id_file_after_reading: no });
      await put("role", "role-1");
      await put("secret", "secret-1");
      await body(approle);
      expect(await exists("secret")).toBe(true);
    }
  });

  it("needs no secret id where none is configured", async () => {
    await put("role", "role-1");
    expect(await body(parseAuthMethod("approle", { role_id_file_path: at("role") }))).toEqual({ role_id: "role-1" });
  });

  it("unwraps the secret id, once, and removes the file only then", async () => {
    const approle = method({ secret_id_response_wrapping_path: "auth/approle/role/r/secret-id" });
    await put("role", "role-1");
    await put("secret", "s.wrapping");
    const asked: string[] = [];
    let answer: () => Promise<Record<string, unknown>> = () => Promise.reject(new Error("no answer"));
    const ports = loginPorts({
      unwrap(token, path) {
        asked.push(`${token.reveal()} ${path}`);
        return answer();
      },
    });
    await expect(approle.prepare(ports)).rejects.toThrow("no answer");
    expect(await exists("secret")).toBe(true);
    answer = async () => ({ secret_id: "secret-1" });
    expect(await body(approle, ports)).toMatchObject({ secret_id: "secret-1" });
    expect(await body(approle, ports)).toMatchObject({ secret_id: "secret-1" });
    expect(asked).toEqual(Array(2).fill("s.wrapping auth/approle/role/r/secret-id"));
    expect(await exists("secret")).toBe(false);
  });

  it.each([
    [{ role_id_file_path: undefined }, "missing 'role_id_file_path' value"],
    [{ role_id_file_path: "" }, "'role_id_file_path' value is empty"],
    [{ role_id_file_path: 3 }, "could not convert 'role_id_file_path' config value to string"],
    [{ remove_secret_id_file_after_reading: "maybe" }, "error parsing 'remove_secret_id_file_after_reading' value"],
    [{ secret_id_response_wrapping_path: "" }, "'secret_id_response_wrapping_path' value is empty"],
  ])("refuses %j", (config, message) => {
    expect(() => method(config)).toThrow(message);
  });

  it("says which file lacks what, and what to do", async () => {
    await expect(method().prepare(loginPorts())).rejects.toMatchObject({
      message: expect.stringContaining(`role_id_file_path: there is nothing in ${at("role")}`),
      hint: expect.stringContaining("mounted"),
    });
    await put("role", "role-1");
    await put("secret", "\n");
    await expect(method().prepare(loginPorts())).rejects.toMatchObject({
      message: expect.stringContaining(`no secret id in ${at("secret")}`),
      hint: expect.stringContaining("write a new one"),
    });
  });
});

describe("jwt", () => {
  const method = (more: Record<string, unknown> = {}) =>
    parseAuthMethod("jwt", { path: at("jwt"), role: "r", ...more });

  it("removes the file and remembers what was in it", async () => {
    const jwt = method();
    await put("jwt", "jwt-1\n");
    expect(await body(jwt)).toEqual({ role: "r", jwt: "jwt-1" });
    expect(await exists("jwt")).toBe(false);
    expect(await body(jwt)).toEqual({ role: "r", jwt: "jwt-1" });
  });

  it.each([
    [false, [false, true]],
    [true, [true, false]],
  ])("with remove_jwt_follows_symlinks = %s removes one of link and file", async (follows, left) => {
    await put("real", "jwt-1");
    await fs.symlink("real", at("jwt"));
    await body(method({ remove_jwt_follows_symlinks: follows }));
    expect([await exists("jwt"), await exists("real")]).toEqual(left);
  });

  it("has no JWT without a file, and says so", async () => {
    await expect(method().prepare(loginPorts())).rejects.toThrow(`there is no JWT in ${at("jwt")}`);
    await fs.mkdir(at("jwt"));
    await expect(method().prepare(loginPorts())).rejects.toThrow("is not a file");
  });

  it("looks for a new one as often as it is told to, and tells of it until it is logged in with", async () => {
    expect([method().renewal?.period, method({ remove_jwt_after_reading: false }).renewal?.period]).toEqual([
      500, 60_000,
    ]);
    const jwt = method({ jwt_read_period: "10s" });
    await put("jwt", "jwt-1");
    await body(jwt);
    const told: number[] = [];
    let next = Promise.withResolvers<void>();
    const follow = followCredentials({
      renewal: jwt.renewal,
      ports: loginPorts(),
      clock: clock(),
      onNew() {
        told.push(clock().now());
        next.resolve();
      },
    });
    const begun = clock().now();
    await put("jwt", "jwt-2");
    for (const period of [1, 2]) {
      next = Promise.withResolvers();
      await clock().asleep(1);
      await clock().advance(10_000);
      await next.promise;
      expect(told.at(-1)).toBe(begun + period * 10_000);
    }
    expect(await body(jwt)).toEqual({ role: "r", jwt: "jwt-2" });
    expect(await jwt.renewal?.isNew(loginPorts())).toBe(false);
    follow.stop();
  });

  it.each([
    [{ path: undefined }, "missing 'path' value"],
    [{ role: "" }, "'role' value is empty"],
    [{ jwt_read_period: "soon" }, "error parsing 'jwt_read_period' value"],
    [{ jwt_read_period: 0 }, "'jwt_read_period' must be more than nothing"],
  ])("refuses %j", (config, message) => {
    expect(() => method(config)).toThrow(message);
  });
});

describe("cert", () => {
  const paths = () => ({ client_cert: at("cert"), client_key: at("key"), ca_cert: at("ca") });
  async function identityOf(method: AuthMethod) {
    const credentials = await method.prepare(loginPorts());
    return "identity" in credentials ? credentials.identity : undefined;
  }

  it("names the role in the body, and nothing where it has no name", async () => {
    expect(await body(parseAuthMethod("cert", { name: "web" }))).toEqual({ name: "web" });
    expect(await body(parseAuthMethod("cert", {}))).toEqual({});
    expect(await identityOf(parseAuthMethod("cert", {}))).toBeUndefined();
  });

  it("reads its certificates once, or with reload at every login; the same ones stay the same object", async () => {
    for (const name of ["cert", "key", "ca"]) await put(name, `${name}-1`);
    const once = parseAuthMethod("cert", paths());
    const reload = parseAuthMethod("cert", { ...paths(), reload: true });
    const before = [await identityOf(once), await identityOf(reload)];
    expect(before[0]).toEqual({ ca: "ca-1", cert: "cert-1", key: expect.any(Sensitive) });
    expect(await identityOf(reload)).toBe(before[1]);
    await put("cert", "cert-2");
    expect(once.renewal).toBeUndefined();
    expect(await reload.renewal?.isNew(loginPorts())).toBe(true);
    expect(await identityOf(once)).toBe(before[0]);
    expect(await identityOf(reload)).toMatchObject({ cert: "cert-2" });
    expect(await reload.renewal?.isNew(loginPorts())).toBe(false);
  });

  it("names the key and the file that is not there, and wants both halves", async () => {
    await expect(parseAuthMethod("cert", paths()).prepare(loginPorts())).rejects.toThrow(
      /^(ca_cert|client_(cert|key)): there is nothing in /,
    );
    expect(() => parseAuthMethod("cert", { client_cert: "a" })).toThrow("client_cert and client_key");
  });
});

describe("token_file", () => {
  const method = () => parseAuthMethod("token_file", { token_file_path: at("token") });

  it("has the token of the file, and the last one when the file has gone", async () => {
    const tokenFile = method();
    await put("token", "s.one\n");
    const taken = async () => (await tokenFile.prepare(loginPorts())) as { token: Sensitive<string> };
    expect((await taken()).token.reveal()).toBe("s.one");
    await fs.rm(at("token"));
    expect((await taken()).token.reveal()).toBe("s.one");
    await put("token", "s.two");
    expect(await tokenFile.renewal?.isNew(loginPorts())).toBe(true);
    expect((await taken()).token.reveal()).toBe("s.two");
    expect(tokenFile.borrowsToken).toBe(true);
  });

  it("reads no file that is too large to be a credential", async () => {
    await put("token", "s.".repeat(1_000_000));
    await expect(method().prepare(loginPorts())).rejects.toThrow(/token has 2000000 bytes, and is no credential/);
  });

  it("says what is missing", async () => {
    expect(() => parseAuthMethod("token_file", {})).toThrow("missing 'token_file_path' value");
    await expect(method().prepare(loginPorts())).rejects.toThrow(`token_file_path: there is nothing in ${at("token")}`);
  });
});
