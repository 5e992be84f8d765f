/** What reaches out of the template: programs, further files, the network. All of it through the host. */
import type { CallContext, TemplateFunction } from "../go/function.ts";
import { define, defineVariadic } from "../go/function.ts";
import { quote } from "../go/quote.ts";
import { encodeText } from "../go/text.ts";
import { fail, stringOf, type Value } from "../go/values.ts";
import { encodeJson } from "./json.ts";

const S = "string";

export const OUTWARD_FUNCTIONS: readonly TemplateFunction[] = [
  defineVariadic("plugin", [S], "interface {}", ([name, ...args], context) => plugin(name, args, context)),
  defineVariadic("writeToFile", [S, S, S, S], S, ([path, user, group, perms, ...rest], { session }) => {
    const content = rest.at(-1);
    const flags = rest.length === 2 ? rest[0]! : "";
    if (content === undefined) return fail("writeToFile: the content is missing");
    if (path === "") return fail("writeToFile: the path is empty");
    const text = flags.includes("newline") ? `${content}\n` : content;
    const file = { path, user, group, perms: permissions(perms), content: encodeText(text) };
    session.write(file, flags.includes("append"));
    return "";
  }),
  define("sprig_getHostByName", [S], ([name], { session }) => {
    const call = { name: "sprig_getHostByName", args: [name, session.seen()] };
    // The answer's order changes with every question; the file is not to change with it.
    return session.later(call, async () => [...(await session.host.lookUp(name))].sort()[0] ?? "");
  }),
];

/** Octal digits, of which Go's chmod takes the last three. */
function permissions(text: string): number {
  const problem = (what: string) => `strconv.ParseUint: parsing ${quote(text)}: ${what}`;
  if (!/^[0-7]+$/.test(text)) fail(problem("invalid syntax"));
  const number = Number.parseInt(text, 8);
  return number < 2 ** 32 ? number & 0o777 : fail(problem("value out of range"));
}

/** Run once for the same arguments and the same secrets. */
function plugin(name: string, args: readonly Value[], { session }: CallContext): string {
  if (name === "") return "";
  const texts = args.map((arg) => (stringOf(arg) ?? encodeJson(arg)).trim()).filter((text) => text !== "");
  const call = { name: `plugin ${name}`, args: [...texts, session.seen()] };
  return session.later(call, async () => (await session.host.run(name, texts)).trim());
}
