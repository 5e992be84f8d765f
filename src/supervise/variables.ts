/** What the env templates have rendered so far: the environment that the application is started with. */
import { LesseeError } from "../errors.ts";

export interface Variables {
  /** Tells whether the value is another one than before. Throws a LesseeError for what no variable can hold. */
  assign(name: string, value: Uint8Array): boolean;
  /** All of them; null while one has never been rendered. */
  complete(): Readonly<Record<string, string>> | null;
}

export function createVariables(names: readonly string[]): Variables {
  const values = new Map<string, string>();
  return {
    assign(name, value) {
      // Node would say this with the value in its words.
      if (value.includes(0)) throw new LesseeError("render", `${name}: a null byte cannot stand in a variable`);
      const text = new TextDecoder().decode(value);
      const changed = values.get(name) !== text;
      values.set(name, text);
      return changed;
    },
    complete: () => (names.every((name) => values.has(name)) ? Object.fromEntries(values) : null),
  };
}
