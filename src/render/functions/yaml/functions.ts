/** parseYAML and toYAML. */
import { define, type TemplateFunction } from "../../go/function.ts";
import { anyMap } from "../../go/values.ts";
import { trimSpace } from "../text.ts";
import { readYaml } from "./read.ts";
import { writeYaml } from "./write.ts";

export const YAML_FUNCTIONS: readonly TemplateFunction[] = [
  define("parseYAML", ["string"], ([text], { session }) => {
    if (text === "") return anyMap();
    // By far the most work for each character.
    session.budget.spend(text.length / 2);
    return readYaml(text);
  }),
  define("toYAML", ["interface {}"], ([value]) => trimSpace(writeYaml(value))),
];
