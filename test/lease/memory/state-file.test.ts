import * as fs from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { parseJson } from "../../../src/json.ts";
import type { HeldRecord } from "../../../src/lease/keeping/keeper.ts";
import {
  createSaver,
  openStateFile,
  type StateFile,
  type StateFileOptions,
  secretOf,
} from "../../../src/lease/memory/state-file.ts";
import { replaceFile } from "../../../src/publish/file.ts";
import { Sensitive } from "../../../src/sensitive.ts";
import { secretFrom } from "../../../src/vault/answer.ts";
import { held } from "../policies.ts";
import { BINDING, savedCredential, savedState } from "./saved-state.ts";

let folder = "";
let path = "";
beforeEach(async () => {
  folder = join(await fs.mkdtemp(join(tmpdir(), "state-")), "lessee");
  path = join(folder, "lessee-state.json");
});
afterEach(() => fs.rm(join(folder, ".."), { recursive: true }));

function open(changes: Partial<StateFileOptions> = {}): StateFile {
  return openStateFile({
    folder,
    binding: async () => BINDING,
    key: null,
    files: fs,
    write: (path, content) => replaceFile(path, content, 0o600, { files: fs, random: Math.random }),
    ...changes,
  });
}

const KEY = new Sensitive("a key of 16 characters or more");

describe("W11: the state", () => {
  it("comes back as it was saved, in a folder of mode 0700 and a file of mode 0600", async () => {
    await open().save(savedState("s.token", savedCredential(), savedCredential({ stage: "retiring", horizon: null })));
    const { state, warning } = await open().load();
    expect(warning).toBeNull();
    expect(state?.token.reveal()).toBe("s.token");
    expect(state?.credentials).toEqual([savedCredential(), savedCredential({ stage: "retiring", horizon: null })]);
    expect((await fs.stat(path)).mode & 0o777).toBe(0o600);
    expect((await fs.stat(folder)).mode & 0o777).toBe(0o700);
    expect(await fs.readdir(folder)).toEqual(["lessee-state.json"]);
  });

  it("that was never saved is none, and none is left after it was removed", async () => {
    expect(await open().load()).toEqual({ state: null, warning: null });
    await open().remove();
    await open().save(savedState());
    await open().remove();
    expect(await fs.readdir(folder)).toEqual([]);
  });

  it("keeps the data of a credential as the server spelled it", () => {
    const text =
      '{"username":"v","n":1.50e2,"big":12345678901234567890,"deep":[null,true,{"__proto__":"x"}],"s":"ü\\n"}';
    const secret = secretFrom(
      parseJson(`{"lease_id":"a/b","lease_duration":60,"renewable":true,"data":${text}}`) as never,
    );
    const record: HeldRecord = {
      held: held({ lease: "a/b", duration: 60_000, user: "v" }),
      secret,
      oids: undefined,
      publishedAt: null,
      stage: "current",
    };
    const credential = JSON.parse(JSON.stringify(createSaver()({ kind: "read", path: "a" }, record)));
    expect(credential).toMatchObject({ lease: "a/b", user: "v", horizon: null, publishedAt: null });
    const back = secretOf(credential);
    expect(back.lease).toEqual({ id: "a/b", durationSeconds: 60, renewable: true });
    expect(back.data.reveal()).toEqual(secret.data.reveal());
    expect(String(back.data.reveal()?.n)).toBe("1.50e2");
    expect(String(back.data.reveal()?.big)).toBe("12345678901234567890");
  });
});

describe("W11: with a key", () => {
  it("nothing of it can be read beside it, and it comes back with the same key", async () => {
    await open({ key: KEY }).save(savedState());
    const text = await fs.readFile(path, "utf8");
    expect(text).not.toMatch(/s\.token|hunter2|v-pg|pg-role|9f1c2f9e/);
    expect((await open({ key: KEY }).load()).state?.credentials).toEqual([savedCredential()]);
  });

  it("it is sealed anew each time", async () => {
    const texts: string[] = [];
    for (let i = 0; i < 2; i++) {
      await open({ key: KEY }).save(savedState());
      texts.push(await fs.readFile(path, "utf8"));
    }
    expect(texts[0]).not.toBe(texts[1]);
  });

  it.each([
    ["another key", new Sensitive("another key of 16 characters")],
    ["no key", null],
  ])("and %s it is put aside and said", async (_what, key) => {
    await open({ key: KEY }).save(savedState());
    await putAside(open({ key }), /./);
  });

  it("and a changed byte it is put aside and said", async () => {
    await open({ key: KEY }).save(savedState());
    const sealed = JSON.parse(await fs.readFile(path, "utf8"));
    const bytes = Buffer.from(sealed.sealed, "base64");
    bytes[3]! ^= 1;
    await fs.writeFile(path, JSON.stringify({ ...sealed, sealed: bytes.toString("base64") }));
    await putAside(open({ key: KEY }), /./);
  });
});

async function putAside(file: StateFile, why: RegExp): Promise<void> {
  const before = await fs.readFile(path);
  const { state, warning } = await file.load();
  expect(state).toBeNull();
  expect(warning).toContain(path);
  expect(warning).toMatch(why);
  expect(warning).not.toMatch(/s\.token|hunter2/);
  expect(await fs.readdir(folder)).toEqual(["lessee-state.json.unusable"]);
  expect(await fs.readFile(`${path}.unusable`)).toEqual(before);
  expect(await file.load()).toEqual({ state: null, warning: null });
}

it("W11: a state of which it cannot be told whose it is stays as it is, and is looked at again", async () => {
  await open().save(savedState());
  const unknown = open({ binding: () => Promise.reject(new Error("no JWT yet")) });
  await expect(unknown.load()).rejects.toThrow("no JWT yet");
  expect((await open().load()).state?.token.reveal()).toBe("s.token");
});

it("W11: where there is no state nobody asks whose it would be", async () => {
  expect(await open({ binding: () => expect.unreachable() }).load()).toEqual({ state: null, warning: null });
});

describe("W11: what cannot be used is put aside untouched, and said", () => {
  it.each(["address", "namespace", "mount", "role", "pod"] as const)("the state of another %s", async (name) => {
    await open({ binding: async () => ({ ...BINDING, [name]: "another" }) }).save(savedState());
    await putAside(open(), new RegExp(`it belongs to another ${name}`));
  });

  it.each([
    ["nothing", ""],
    ["half of it", '{"version":1,"binding":{"addr'],
    ["another kind", "[]"],
    ["null", "null"],
    ["a text", '"state"'],
    ["a token that has lost its quotes", '{"version":1,"token":s.token,"credentials":[]}'],
    ["a version to come", '{"version":2}'],
    [
      "a version to come that has all that this one has",
      JSON.stringify({ version: 2, binding: BINDING, token: "s.token", credentials: [savedCredential()] }),
    ],
    ["no credentials", JSON.stringify({ version: 1, binding: BINDING, token: "s.token" })],
    [
      "credentials that are no list",
      JSON.stringify({ version: 1, binding: BINDING, token: "s.token", credentials: {} }),
    ],
    ["no token", JSON.stringify({ version: 1, binding: BINDING, credentials: [savedCredential()] })],
    [
      "a credential without a lease",
      JSON.stringify({ version: 1, binding: BINDING, token: "s", credentials: [{ stage: "current" }] }),
    ],
    ["a seal that is none", '{"version":1,"nonce":1,"sealed":2}'],
  ])("a file with %s", async (_what, text) => {
    await fs.mkdir(folder);
    await fs.writeFile(path, text);
    await putAside(open({ key: KEY }), /./);
  });

  it("a folder in its place is said, and nothing is lost", async () => {
    await fs.mkdir(path, { recursive: true });
    expect(await open().load()).toMatchObject({ state: null, warning: expect.stringContaining("EISDIR") });
  });
});
