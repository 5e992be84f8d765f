import * as fs from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createServiceAccountSigner } from "../../dev/kubernetes/service-accounts.ts";
import { parseAuthMethod } from "../../src/auth/methods.ts";
import { LesseeError } from "../../src/errors.ts";
import { Sensitive } from "../../src/sensitive.ts";
import { loginPorts } from "./login-ports.ts";

const files = fs;
const ports = loginPorts();
const root = process.getuid?.() === 0;
let folder = "";
let path = "";
beforeEach(async () => {
  folder = await fs.mkdtemp(join(tmpdir(), "auth-"));
  path = join(folder, "token");
});
afterEach(() => fs.rm(folder, { recursive: true }));

const method = (config: Record<string, unknown> = {}) =>
  parseAuthMethod("kubernetes", { role: "pg", token_path: path, ...config });

describe("kubernetes", () => {
  it("reads the JWT anew at every login, without the white space around it", async () => {
    const { prepare } = method();
    for (const jwt of ["ey.first", "ey.second"]) {
      await fs.writeFile(path, `${jwt}\n`);
      const secrets = [expect.any(Sensitive)];
      expect(await prepare(ports)).toEqual({ body: { role: "pg", jwt }, secrets });
    }
  });

  it("names the role for logs, and watches the file", () => {
    expect(method()).toMatchObject({ role: "pg", watches: [path] });
  });

  it("looks where Kubernetes puts it when no path is given", () => {
    const { watches } = parseAuthMethod("kubernetes", { role: "pg" });
    expect(watches).toEqual(["/var/run/secrets/kubernetes.io/serviceaccount/token"]);
  });

  it("says of a missing file what mounts it", async () => {
    await expect(method().prepare(ports)).rejects.toMatchObject({
      code: "auth",
      message: `cannot read the service account token ${path}: ENOENT`,
      hint: expect.stringContaining("automountServiceAccountToken"),
    });
  });

  it("says of an empty file that it is empty", async () => {
    await fs.writeFile(path, "\n");
    await expect(method().prepare(ports)).rejects.toMatchObject({
      message: `the service account token ${path} is empty`,
    });
  });

  it.skipIf(root)("says of a file that it may not read who may (not as root)", async () => {
    await fs.writeFile(path, "ey.secret", { mode: 0 });
    await expect(method().prepare(ports)).rejects.toMatchObject({
      message: `cannot read the service account token ${path}: EACCES`,
      hint: expect.stringContaining("fsGroup"),
    });
  });

  it("says of a folder that it is one", async () => {
    const error = await method({ token_path: folder })
      .prepare(ports)
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ message: expect.stringContaining("EISDIR") });
    expect(inspect(error)).not.toContain("ey.");
  });

  it.each([
    [{ role: undefined }, "missing 'role' value"],
    [{ role: "" }, "'role' value is empty"],
    [{ role: 3 }, "'role' value is empty"],
    [{ token_path: "" }, "'token_path' is not a path"],
  ])("refuses %j", (config, message) => {
    expect(() => method(config)).toThrow(`auto_auth.method.config: ${message}`);
  });

  it("knows the pod from the JWT's claims, whatever the text of the JWT becomes", async () => {
    const { sign } = createServiceAccountSigner();
    const pod = { name: "tsb-0", uid: "9f1c2f9e" };
    for (let i = 0; i < 2; i++) {
      await fs.writeFile(path, sign({ namespace: "tsb", name: "tsb", pod }));
      expect(await method().pod({ files })).toBe("9f1c2f9e");
    }
  });

  it("cannot tell the pod where the JWT is not there, which it may be later", async () => {
    await expect(method().pod({ files })).rejects.toThrow(`cannot read the service account token ${path}: ENOENT`);
  });

  it("knows of no pod where the JWT names none, or is garbage", async () => {
    for (const text of ["", "garbage", "a.b.c", `a.${Buffer.from("null").toString("base64url")}.c`]) {
      await fs.writeFile(path, text);
      expect(await method().pod({ files })).toBe("");
    }
  });
});

describe("a method that there is not", () => {
  it.each(["aws", "toString", ""])("%j: the error names those that there are", (type) => {
    const attempt = () => parseAuthMethod(type, {});
    expect(attempt).toThrow(LesseeError);
    expect(attempt).toThrow(expect.objectContaining({ hint: expect.stringContaining("kubernetes") }));
    expect(attempt).toThrow(`unknown auth method ${JSON.stringify(type)}`);
  });
});
