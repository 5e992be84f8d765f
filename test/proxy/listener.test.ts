import { once } from "node:events";
import files, { chmod, mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import https from "node:https";
import { createConnection, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ConnectionOptions, connect, type TLSSocket } from "node:tls";
import { afterEach, describe, expect, it, onTestFinished } from "vitest";
import { selfSignedCertificate } from "../../dev/kubernetes/certificate.ts";
import type { ListenerConfig } from "../../src/config/server-types.ts";
import { type Listener, startListener } from "../../src/proxy/listener.ts";
import { createAuthority } from "../vault/servers.ts";
import { ask, TCP } from "./setup.ts";

const undo: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "listener-"));
  undo.push(() => rm(path, { recursive: true }));
  return path;
}

async function listen(
  config: Partial<ListenerConfig>,
  owner: () => Promise<object> = async () => ({}),
): Promise<Listener> {
  const listener = await startListener({ ...TCP, ...config }, (_request, response) => response.end("here"), {
    files,
    owner,
  });
  undo.push(() => listener.close(0));
  return listener;
}

async function write(name: string, { certificate, privateKey } = selfSignedCertificate(["localhost"])) {
  const where = await folder();
  const tls = { tlsDisable: false, tlsCertFile: join(where, `${name}.crt`), tlsKeyFile: join(where, `${name}.key`) };
  await writeFile(tls.tlsCertFile, certificate);
  await writeFile(tls.tlsKeyFile, privateKey);
  return { tls, certificate, privateKey };
}

/** Resolves to the connection once it can be used; a refusal of our certificate comes only with the first answer. */
async function shake(address: string, options: ConnectionOptions): Promise<TLSSocket> {
  const { port } = new URL(address);
  const socket = connect({ host: "127.0.0.1", port: Number(port), servername: "localhost", ...options });
  socket.on("error", () => undefined);
  onTestFinished(() => void socket.destroy());
  await new Promise((resolve, reject) =>
    socket.once("secureConnect", resolve).once("error", reject).once("close", reject),
  );
  return socket;
}

describe("a tcp listener", () => {
  it("says which port it took, and that one is taken", async () => {
    const { address } = await listen({});
    expect(address).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    expect((await ask(address)).text).toBe("here");
    await expect(listen({ address: address.slice(7) })).rejects.toThrow("another program has it");
    await expect(listen({ address: "nonsense" })).rejects.toThrow("is not an address");
  });

  it("lets an answer that is under way come to its end when it closes", async () => {
    const started = Promise.withResolvers<() => void>();
    const listener = await startListener(
      TCP,
      (_request, response) => started.resolve(() => void response.end("whole")),
      { files, owner: async () => ({}) },
    );
    const asked = ask(listener.address);
    const finish = await started.promise;
    const closed = listener.close(10_000);
    finish();
    expect((await asked).text).toBe("whole");
    await closed;
    await expect(ask(listener.address)).rejects.toThrow("ECONNREFUSED");
  });
});

describe("a listener with TLS", () => {
  it("speaks TLS 1.2 and 1.3, and what it is told", async () => {
    const { tls, certificate: ca } = await write("server");
    const usual = await listen(tls);
    expect((await shake(usual.address, { ca })).getProtocol()).toBe("TLSv1.3");
    expect((await shake(usual.address, { ca, maxVersion: "TLSv1.2" })).getProtocol()).toBe("TLSv1.2");
    const only13 = await listen({ ...tls, tlsMinVersion: "tls13" });
    await expect(shake(only13.address, { ca, maxVersion: "TLSv1.2" })).rejects.toThrow(/protocol version/);
    const only12 = await listen({ ...tls, tlsMaxVersion: "tls12" });
    expect((await shake(only12.address, { ca })).getProtocol()).toBe("TLSv1.2");
  });

  it("has the cipher suites that it is told, in Go's names", async () => {
    const { tls, certificate: ca } = await write("server");
    const suites = "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256";
    const { address } = await listen({ ...tls, tlsCipherSuites: suites });
    const with_ = (ciphers: string) => shake(address, { ca, maxVersion: "TLSv1.2", ciphers });
    expect((await with_("ECDHE-ECDSA-CHACHA20-POLY1305")).getCipher().standardName).toBe(suites.split(",")[0]);
    expect((await with_("ECDHE-ECDSA-AES128-GCM-SHA256")).getCipher().standardName).toBe(suites.split(",")[1]);
    await expect(with_("ECDHE-ECDSA-AES256-GCM-SHA384")).rejects.toThrow(/handshake failure/);
    expect((await shake(address, { ca })).getProtocol()).toBe("TLSv1.3");
  });

  it("asks for a client's certificate where it has to have one", async () => {
    const { tls, certificate: ca } = await write("server");
    const authority = createAuthority();
    const caFile = join(await folder(), "ca.crt");
    await writeFile(caFile, authority.ca);
    const { address } = await listen({ ...tls, tlsRequireAndVerifyClientCert: true, tlsClientCaFile: caFile });
    const send = (identity: object) =>
      new Promise<string>((resolve, reject) => {
        https
          .get(address, { ca, servername: "localhost", agent: false, ...identity }, (response) => {
            response.setEncoding("utf8").on("data", resolve);
          })
          .on("error", reject);
      });
    expect(await send(authority.issue(["client"], "client"))).toBe("here");
    await expect(send({})).rejects.toThrow();
    await expect(send(createAuthority().issue(["client"], "client"))).rejects.toThrow();
    const open = await listen(tls);
    expect((await shake(open.address, { ca, ...createAuthority().issue(["client"], "client") })).authorized).toBe(true);
  });

  it("takes a new certificate when it reloads, and keeps the old one when that cannot be read", async () => {
    const { tls, certificate } = await write("server");
    const listener = await listen(tls);
    const next = selfSignedCertificate(["localhost"]);
    await writeFile(tls.tlsCertFile, next.certificate);
    await writeFile(tls.tlsKeyFile, next.privateKey);
    await shake(listener.address, { ca: certificate });
    await listener.reload();
    await expect(shake(listener.address, { ca: certificate })).rejects.toThrow();
    await shake(listener.address, { ca: next.certificate });
    await writeFile(tls.tlsCertFile, "nonsense");
    await expect(listener.reload()).rejects.toThrow();
    await shake(listener.address, { ca: next.certificate });
  });

  it.each([
    [{}, "'tls_cert_file' and 'tls_key_file' are needed"],
    [{ tlsCertFile: "/none.crt", tlsKeyFile: "/none.key" }, "tls_cert_file: cannot read /none.crt: ENOENT"],
    [{ tlsMinVersion: "ssl3" }, `'tls_min_version' value "ssl3" not supported`],
    [{ tlsMinVersion: "tls13", tlsMaxVersion: "tls12" }, "'tls_max_version' must be greater than"],
    [{ tlsDisableClientCerts: true, tlsRequireAndVerifyClientCert: true }, "are mutually exclusive"],
    [{ tlsCipherSuites: "TLS_NO_SUCH_SUITE" }, "tls_cipher_suites: TLS_NO_SUCH_SUITE is not supported"],
  ])("is refused with %j", async (config, message) => {
    const { tls } = await write("server");
    const given = Object.keys(config).length === 0 ? {} : tls;
    await expect(listen({ ...given, tlsDisable: false, ...config })).rejects.toThrow(message);
  });
});

describe("a unix listener", () => {
  it("has mode and owner as they are given, all three or none", async () => {
    const path = join(await folder(), "a.sock");
    const me = { uid: process.getuid!(), gid: process.getgid!() };
    await listen(
      { type: "unix", address: path, socketMode: "0640", socketUser: "me", socketGroup: "us" },
      async () => me,
    );
    const socket = await stat(path);
    expect([socket.mode & 0o777, socket.uid, socket.gid]).toEqual([0o640, me.uid, me.gid]);
    const other = join(await folder(), "b.sock");
    await listen({ type: "unix", address: other, socketMode: "0640" });
    expect((await stat(other)).mode & 0o777).not.toBe(0o640);
  });

  it("answers, and leaves no file behind", async () => {
    const path = join(await folder(), "a.sock");
    const listener = await listen({ type: "unix", address: path });
    expect(listener.address).toBe(`unix://${path}`);
    expect((await ask("http://agent/v1/a", { socketPath: path })).text).toBe("here");
    await listener.close(0);
    await expect(stat(path)).rejects.toThrow("ENOENT");
  });

  it("takes the place of a socket that was left behind, and of nothing else", async () => {
    const where = await folder();
    const left = join(where, "left.sock");
    const dead = createServer().listen(left);
    await once(dead, "listening");
    // What a killed process leaves: the file without anybody behind it.
    const kept = join(where, "kept.sock");
    await files.rename(left, kept);
    dead.close();
    await listen({ type: "unix", address: kept });
    const socket = createConnection(kept);
    await once(socket, "connect");
    socket.destroy();
    const file = join(where, "file");
    await writeFile(file, "precious");
    await chmod(file, 0o600);
    await expect(listen({ type: "unix", address: file })).rejects.toThrow("is there already, and is no socket");
  });

  it.each([
    [{ socketMode: "rw", socketUser: "0", socketGroup: "0" }, "is not octal"],
    [{ socketMode: "0600", socketUser: "nobody-such", socketGroup: "0" }, "no such user"],
  ])("is refused with %j, and leaves no file", async (config, message) => {
    const path = join(await folder(), "a.sock");
    const owner = () => Promise.reject(new Error("no such user"));
    await expect(listen({ type: "unix", address: path, ...config }, owner)).rejects.toThrow(message);
    await expect(stat(path)).rejects.toThrow("ENOENT");
  });
});
