import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type ConnectionTarget, isLocal, parseConnectionUrl, targetName } from "../../src/postgres/connection-url.ts";
import { databaseError } from "../../src/postgres/failure.ts";
import { describeTrust, warnOfBlindness, warnOfRoom } from "../../src/postgres/warnings.ts";
import { Sensitive } from "../../src/sensitive.ts";

const user = { username: "v-1", password: new Sensitive("p") };

function parse(url: string): ConnectionTarget {
  return parseConnectionUrl(url, user);
}

describe("a connection_url", () => {
  it("is read as libpq reads it", () => {
    expect(parse("postgresql://{{username}}:{{password}}@db.example:6432/tsb?sslmode=verify-full")).toMatchObject({
      host: "db.example",
      port: 6432,
      database: "tsb",
      sslMode: "verify-full",
    });
    expect(parse("postgres://db/")).toMatchObject({ host: "db", port: 5432, database: "v-1", sslMode: "prefer" });
    expect(parse("postgresql://{{ username }}@[::1]/x%20y")).toMatchObject({ host: "::1", database: "x y" });
    expect(parse("postgresql://{{username}}@/tsb?host=/run/postgresql&port=5433")).toMatchObject({
      host: "/run/postgresql",
      port: 5433,
      database: "tsb",
    });
    expect(parse("postgresql://db/tsb?user={{username}}&password={{password}}").host).toBe("db");
  });

  it("takes any user and password, and no error of it shows the password", () => {
    const text = fc.string({ unit: "grapheme", minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(text, text, (username, password) => {
        const target = parseConnectionUrl("postgresql://{{username}}:{{password}}@db:1/tsb", {
          username,
          password: new Sensitive(password),
        });
        expect(targetName(target)).toBe("db:1/tsb");
        const secret = `secret-${password}`;
        const credential = { username: "v-1", password: new Sensitive(secret) };
        const message = (() => {
          try {
            parseConnectionUrl("postgresql://{{username}}:{{password}}@a,b:x/", credential);
          } catch (error) {
            return String(error);
          }
          return undefined;
        })();
        expect(message).toMatch(/cannot be used/);
        expect(message).not.toContain(secret);
        expect(message).not.toContain(encodeURIComponent(secret));
      }),
    );
  });
});

describe("databaseError", () => {
  const blamed = (error: unknown) => databaseError("db:1/tsb as v-1", error, "s3cret").blames;
  const thrown = (code: string, more: object = {}) => Object.assign(new Error("refused"), { code, ...more });

  it.each([
    ["28P01", "credential"],
    ["42501", "privilege"],
    ["53300", "server"],
    ["53100", "server"],
    ["57P03", "server"],
    ["57P01", "server"],
    ["08006", "server"],
    ["3D000", "server"],
    ["XX000", "server"],
    ["ECONNREFUSED", "server"],
    ["ENOTFOUND", "server"],
    ["CERT_HAS_EXPIRED", "server"],
  ])("%s blames the %s", (code, blames) => {
    expect(blamed(thrown(code))).toBe(blames);
  });

  it("tells the two meanings of 28000 apart, whatever the server's language", () => {
    expect(blamed(thrown("28000", { routine: "InitializeSessionUserId" }))).toBe("credential");
    expect(blamed(thrown("28000", { routine: "ClientAuthentication" }))).toBe("server");
  });

  it("never repeats the password", () => {
    const error = databaseError("db", new Error("syntax error at or near s3cret"), "s3cret");
    expect(error.message).toBe("db: syntax error at or near [redacted]");
  });

  it("takes the first reason of several addresses", () => {
    const both = new AggregateError([thrown("ECONNREFUSED"), thrown("ENETUNREACH")]);
    expect(databaseError("db", both, "s3cret").message).toBe("db: refused (ECONNREFUSED)");
  });
});

describe("warnings", () => {
  const room = {
    maxConnections: 97,
    usedConnections: 10,
    roleLimit: -1,
    databaseLimit: -1,
    usedDatabase: 10,
    seesItself: true,
    processId: 7,
  };
  const target = parse("postgresql://db/tsb?sslmode=require");

  it("say what a mode of TLS does not check, but not on this machine, and not where none was asked for", () => {
    expect(describeTrust(target, true).join()).toMatch(/encrypts but does not check/);
    expect(describeTrust(parse("postgresql://db/tsb"), false).join()).toMatch(/not encrypted/);
    for (const url of ["postgresql://localhost/tsb", "postgresql://db/tsb?sslmode=disable"]) {
      expect(describeTrust(parse(url), false)).toEqual([]);
    }
    expect(describeTrust(parse("postgresql://db/tsb?sslmode=require&sslrootcert=/ca.pem"), true)).toEqual([]);
    expect(isLocal(target)).toBe(false);
  });

  it("say where a second generation has no room (M7)", () => {
    expect(warnOfRoom(target, room, 8)).toEqual([]);
    expect(warnOfRoom(target, { ...room, usedConnections: 90 }, 8).join()).toMatch(
      /max_connections .* is 97, 90 in use, 9 more may be needed/,
    );
    expect(warnOfRoom(target, { ...room, databaseLimit: 12 }, 8).join()).toMatch(/the database's/);
    expect(warnOfRoom(target, { ...room, roleLimit: 5 }, 8).join()).toMatch(/the role's/);
  });

  it("say where drain is blind (M12)", () => {
    expect(warnOfBlindness(target, room, "watch", 8).join()).toMatch(/blind, because a connection pooler/);
    expect(warnOfBlindness(target, { ...room, seesItself: false }, "watch", 7).join()).toMatch(
      /blind.*our own session/,
    );
    expect(warnOfBlindness(target, { ...room, seesItself: false }, "off", 8)).toEqual([]);
  });
});
