/** What the real tool answered to templates that chance found: outputs to the byte, errors with their places. */
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { compileGoTemplate } from "../../src/render/go/engine.ts";
import { hostOf, NOTHING_KNOWN, optionsOf } from "./fixture.ts";

/** Made by consul-template 0.41.1 without any data. Its errors begin with their phase, as no output here does. */
const answers: Readonly<Record<string, string>> = JSON.parse(
  readFileSync(new URL("answers.json", import.meta.url), "utf8"),
);

it.each(Object.entries(answers))("%s", (template, answer) => {
  expect(answerOf(template)).toBe(answer);
});

function answerOf(template: string): string {
  try {
    const { output } = compileGoTemplate(template, optionsOf()).execute(NOTHING_KNOWN, hostOf());
    return Buffer.from(output).toString();
  } catch (error) {
    return (error as Error).message;
  }
}
