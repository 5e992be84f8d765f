import { setImmediate as turn } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { createTurns } from "../../src/publish/turns.ts";

/** Work that ends when the test says so, and what was under way at each moment. */
function workshop() {
  const turns = createTurns();
  const begun: string[] = [];
  const ends = new Map<string, () => void>();
  const work = (name: string) => () => {
    begun.push(name);
    return new Promise<string>((resolve) => void ends.set(name, () => resolve(name)));
  };
  return {
    begun,
    beside: (name: string, ...writes: string[]) =>
      turns.beside(() => ({ prepared: name, writes }), work(name) as (name: string) => Promise<string>),
    alone: (name: string) => turns.alone(work(name)),
    end: async (name: string) => {
      ends.get(name)!();
      for (let i = 0; i < 5; i++) await turn();
    },
    turns,
  };
}

describe("turns", () => {
  it("go on beside each other where they write different files, and one after the other where they share one", async () => {
    const { begun, beside, end } = workshop();
    const all = [beside("a", "1", "2"), beside("b", "3"), beside("c", "2", "3"), beside("d", "4")];
    await turn();
    expect(begun).toEqual(["a", "b", "d"]);
    await end("a");
    expect(begun).toEqual(["a", "b", "d"]);
    await end("b");
    expect(begun).toEqual(["a", "b", "d", "c"]);
    await end("c");
    await end("d");
    expect(await Promise.all(all)).toEqual(["a", "b", "c", "d"]);
  });

  it("prepare anew what had to wait: what it would write may be something else by then", async () => {
    const { turns } = workshop();
    let content = "old";
    const written: string[] = [];
    const { promise, resolve: end } = Promise.withResolvers<void>();
    const first = turns.beside(
      () => ({ prepared: null, writes: ["1"] }),
      () => promise,
    );
    const second = turns.beside(
      () => ({ prepared: content, writes: ["1"] }),
      async (prepared) => void written.push(prepared),
    );
    await turn();
    content = "new";
    end();
    await Promise.all([first, second]);
    expect(written).toEqual(["new"]);
  });

  it("leave one alone who wants to be: he waits for all before him, and all after him wait for him", async () => {
    const { alone, begun, beside, end } = workshop();
    const all = [beside("a", "1"), alone("b"), beside("c", "2"), alone("d")];
    await turn();
    expect(begun).toEqual(["a"]);
    await end("a");
    expect(begun).toEqual(["a", "b"]);
    await end("b");
    expect(begun).toEqual(["a", "b", "c"]);
    await end("c");
    expect(begun).toEqual(["a", "b", "c", "d"]);
    await end("d");
    await Promise.all(all);
  });

  it("come to everybody, whoever fails and however many there are", async () => {
    const { turns } = workshop();
    let most = 0;
    let now = 0;
    const results = await Promise.allSettled(
      Array.from({ length: 300 }, (_, i) =>
        turns.beside(
          () => ({ prepared: i, writes: [String(i % 100)] }),
          async () => {
            most = Math.max(most, ++now);
            await turn();
            now--;
            if (i % 3 === 0) throw new Error("the disk is full");
          },
        ),
      ),
    );
    expect(results.filter(({ status }) => status === "fulfilled")).toHaveLength(200);
    expect(most).toBeGreaterThan(1);
    expect(most).toBeLessThanOrEqual(16);
    await expect(turns.alone(() => Promise.reject(new Error("no")))).rejects.toThrow("no");
    expect(await turns.alone(async () => "yes")).toBe("yes");
  });
});
