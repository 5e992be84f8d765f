/** Sprig's defaults, types, JSON, encodings and hashes. */
import type { TemplateFunction } from "../../go/function.ts";
import { boundedSize } from "../../go/size.ts";
import { decodeText, encodeText } from "../../go/text.ts";
import { FunctionError, isTrue, kindOf, typeName, type Value } from "../../go/values.ts";
import { decodeBase64, encodeBase64, hexOf, STANDARD } from "../encoding.ts";
import { encodeJson, parseGoJson } from "../json.ts";
import { adler32, decodeBase32, encodeBase32 } from "./codecs.ts";
import { ANY, lenient, S, sprig, sprigVariadic } from "./define.ts";
import { deepEqual } from "./equality.ts";

export const SPRIG_DATA: readonly TemplateFunction[] = [
  sprigVariadic("default", [ANY], ANY, ([otherwise, given = null]) => (isTrue(given as Value) ? given : otherwise)),
  sprig("empty", [ANY], ([value]) => !isTrue(value)),
  sprigVariadic("coalesce", [], ANY, (values) => values.find(isTrue) ?? null),
  sprigVariadic("all", [], ANY, (values) => values.every(isTrue)),
  sprigVariadic("any", [], ANY, (values) => values.some(isTrue)),
  sprig("ternary", [ANY, ANY, "bool"], ([yes, no, condition]) => (condition ? yes : no)),

  sprig("typeOf", [ANY], ([value]) => typeName(value)),
  sprig("typeIs", [S, ANY], ([name, value]) => typeName(value) === name),
  sprig("typeIsLike", [S, ANY], ([name, value]) => [name, `*${name}`].includes(typeName(value))),
  sprig("kindOf", [ANY], ([value]) => kindOf(value)),
  sprig("kindIs", [S, ANY], ([name, value]) => kindOf(value) === name),
  sprig("deepEqual", [ANY, ANY], ([a, b], { session }) => {
    session.budget.spend((boundedSize(a) + boundedSize(b)) / 4);
    return deepEqual(a, b);
  }),

  ...lenient(
    sprig("mustFromJson", [S], ([text]) => parseGoJson(text)),
    "fromJson",
    null,
  ),
  ...lenient(
    sprig("mustToJson", [ANY], ([value]) => encodeJson(value)),
    "toJson",
    "",
  ),
  ...lenient(
    sprig("mustToPrettyJson", [ANY], ([value]) => encodeJson(value, { indent: "  " })),
    "toPrettyJson",
    "",
  ),
  ...lenient(
    sprig("mustToRawJson", [ANY], ([value]) => encodeJson(value, { raw: true })),
    "toRawJson",
    "",
  ),

  sprig("b64enc", [S], ([text]) => encodeBase64(encodeText(text), STANDARD)),
  sprig("b64dec", [S], ([text]) => orMessage(() => decodeText(decodeBase64(text, STANDARD)))),
  sprig("b32enc", [S], ([text]) => encodeBase32(encodeText(text))),
  sprig("b32dec", [S], ([text]) => orMessage(() => decodeText(decodeBase32(text)))),
  sprig("sha1sum", [S], ([text], { session }) => hexOf(session.host.hash("sha1", encodeText(text)))),
  sprig("sha256sum", [S], ([text], { session }) => hexOf(session.host.hash("sha256", encodeText(text)))),
  sprig("sha512sum", [S], ([text], { session }) => hexOf(session.host.hash("sha512", encodeText(text)))),
  sprig("adler32sum", [S], ([text]) => adler32(encodeText(text)).toString()),

  sprig("env", [S], ([name], { session }) => session.host.env(name) ?? ""),
  sprig("expandenv", [S], ([text], { session }) =>
    text.replace(
      /\$(?:\{([^}]*)\}|(\w+))/g,
      (_, braced?: string, bare?: string) => session.host.env(braced ?? bare ?? "") ?? "",
    ),
  ),
];

/** Sprig's decoders give the error's text as their result. */
function orMessage(decode: () => string): string {
  try {
    return decode();
  } catch (error) {
    if (error instanceof FunctionError) return error.message;
    throw error;
  }
}
