import { describe, expect, it } from "vitest";
import { parseJson } from "../../../src/json.ts";
import type { Keeper } from "../../../src/lease/keeping/keeper.ts";
import { createKeepers } from "../../../src/lease/keeping/keepers.ts";
import { NOTHING_YET, type Stopping } from "../../../src/lease/state.ts";
import { type Dependency, dependencyKey } from "../../../src/render/template.ts";
import { secretFrom } from "../../../src/vault/answer.ts";

const A: Dependency = { kind: "read", path: "a" };
const LIST: Dependency = { kind: "list", path: "a" };
const STOP: Stopping = { at: 0, until: 0, release: "always" };

/** Keepers that hold `answers`, and run until they are stopped. */
function open(answers: Readonly<Record<string, string>> = {}) {
  const log: string[] = [];
  const coming = new Set<string>();
  const keepers = createKeepers(
    (dependency) => {
      const key = dependencyKey(dependency);
      const ended = Promise.withResolvers<void>();
      let state = NOTHING_YET;
      const keeper: Pick<Keeper, "isComing" | "run" | "secret" | "state" | "stop" | "take"> = {
        run() {
          log.push(`run ${key}`);
          return ended.promise;
        },
        isComing: () => coming.has(key),
        secret: () => (answers[key] === undefined ? undefined : secretFrom(parseJson(answers[key]) as never)),
        state: () => state,
        take({ is }) {
          log.push(`${is} ${key}`);
          state = { ...state, unasked: is === "unasked" };
          if (is === "unasked") ended.resolve();
        },
        stop() {
          log.push(`stop ${key}`);
          ended.resolve();
        },
      };
      return keeper as Keeper;
    },
    ({ path }) => void log.push(`gone ${path}`),
  );
  return { keepers, log, coming };
}

describe("the keepers", () => {
  it("are one for each secret, whoever asks how often, and none for a file", () => {
    const { keepers } = open();
    keepers.ensure([A, LIST, A, { kind: "file", path: "a" }]);
    keepers.ensure([{ ...A }]);
    expect(keepers.all()).toHaveLength(2);
    expect(keepers.get(dependencyKey(A))).toBeDefined();
  });

  it("run from the start on, and those that come later at once", () => {
    const { keepers, log } = open();
    keepers.ensure([A]);
    expect(log).toEqual([]);
    keepers.start();
    keepers.ensure([LIST]);
    expect(log).toEqual(["run vault.read(a)", "run vault.list(a)"]);
  });

  it("are fetching as long as the first of one of them is on its way", () => {
    const { keepers, coming } = open();
    keepers.ensure([A, LIST]);
    expect(keepers.isFetching()).toBe(false);
    coming.add(dependencyKey(LIST));
    expect(keepers.isFetching()).toBe(true);
  });

  it("are all told, and all waited for; none is made after the stop", async () => {
    const { keepers, log } = open();
    keepers.ensure([A, LIST]);
    keepers.start();
    keepers.take({ is: "woken" });
    await keepers.stop(STOP);
    keepers.ensure([{ kind: "read", path: "b" }]);
    expect(log.slice(2)).toEqual([
      "woken vault.read(a)",
      "woken vault.list(a)",
      "stop vault.read(a)",
      "stop vault.list(a)",
    ]);
    expect(keepers.all()).toHaveLength(2);
  });

  it("tell templates what they hold, and nothing of what they do not", () => {
    const { keepers } = open({ "vault.read(a)": '{"lease_id":"x"}', "vault.list(a)": '{"data":{"keys":["b/","c"]}}' });
    expect([keepers.brain.recall(A), keepers.brain.list("a")]).toEqual([undefined, undefined]);
    keepers.ensure([A, LIST]);
    expect(keepers.brain.recall(A)?.lease.id).toBe("x");
    expect(keepers.brain.list("a")).toEqual(["b/", "c"]);
  });

  it.each(['{"data":{"keys":[{},null,["x"],1]}}', '{"data":{"keys":"x"}}', '{"data":null}'])(
    "survive keys that are none: %s",
    (answer) => {
      const { keepers } = open({ "vault.list(a)": answer });
      keepers.ensure([LIST]);
      expect(() => keepers.brain.list("a")).not.toThrow();
    },
  );
});
