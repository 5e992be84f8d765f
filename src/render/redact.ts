/** Secret values out of error texts: whole values of four bytes or more, in every spelling that a template may give them. */
import { TemplateError } from "../errors.ts";
import { JsonNumber, type JsonValue } from "../json.ts";
import type { VaultSecret } from "../vault/secret.ts";
import type { Excerpt } from "./excerpt.ts";
import { encodeBase64, STANDARD, URL_SAFE } from "./functions/encoding.ts";
import { encodeJson } from "./functions/json.ts";
import { escapeHtml, escapeJs, queryEscape } from "./go/escape.ts";
import { quote } from "./go/quote.ts";
import { byteLength, encodeText } from "./go/text.ts";
import type { Template } from "./template.ts";

/** Shorter values say nothing by themselves, and taking them out would mangle every text. */
const MIN_BYTES = 4;

/** The same template, but the errors of its evaluation show none of the values that it was given. */
export function redacting(template: Template): Template {
  return {
    execute(brain, host) {
      const seen = new Set<VaultSecret>();
      const watched = {
        list: (path: string) => brain.list(path),
        recall(dependency: Parameters<typeof brain.recall>[0]) {
          const secret = brain.recall(dependency);
          if (secret) seen.add(secret);
          return secret;
        },
      };
      try {
        return template.execute(watched, host);
      } catch (error) {
        if (!(error instanceof TemplateError)) throw error;
        const values = [...seen].flatMap(secretValues);
        const { asked, excerpt, hint, message, phase } = error;
        const details = { hint, asked, excerpt: excerpt && redactedExcerpt(excerpt, values) };
        throw new TemplateError(phase, redact(message, values), details);
      }
    },
  };
}

/** Every value, and every spelling of it, becomes `[redacted]`. */
export function redact(text: string, values: readonly string[]): string {
  const spellings = new Set(values.filter((value) => byteLength(value) >= MIN_BYTES).flatMap(spellingsOf));
  // The longest first: a shorter one may be part of it.
  return [...spellings]
    .sort((a, b) => b.length - a.length)
    .reduce((redacted, spelling) => redacted.replaceAll(spelling, "[redacted]"), text);
}

/** The column is that of the same place in the new text. */
function redactedExcerpt({ line, text, column }: Excerpt, values: readonly string[]): Excerpt {
  return { line, text: redact(text, values), column: redact(text.slice(0, column), values).length };
}

/** What is secret in a secret: all texts and numbers of its data, however deep, tokens and accessors. */
function secretValues(secret: VaultSecret): string[] {
  const { auth, wrapInfo } = secret;
  return [
    ...leaves(secret.data.reveal()),
    ...(auth === null ? [] : [auth.token.reveal(), auth.accessor.reveal()]),
    ...(wrapInfo === null
      ? []
      : [wrapInfo.token.reveal(), wrapInfo.accessor.reveal(), wrapInfo.wrappedAccessor.reveal()]),
  ];
}

function leaves(value: { readonly [key: string]: JsonValue } | JsonValue): string[] {
  if (typeof value === "string") return [value];
  if (value instanceof JsonNumber) return [value.text];
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(leaves) : [];
}

function spellingsOf(value: string): string[] {
  const bytes = encodeText(value);
  const encoded = [STANDARD, URL_SAFE].map((alphabet) => encodeBase64(bytes, alphabet));
  return [
    value,
    quote(value).slice(1, -1),
    quote(value, true).slice(1, -1),
    encodeJson(value).slice(1, -1),
    encodeJson(value, { raw: true }).slice(1, -1),
    queryEscape(value),
    queryEscape(value).replaceAll("+", "%20"),
    encodeURIComponent(value.toWellFormed()),
    escapeHtml([value]),
    escapeJs([value]),
    ...encoded,
    ...encoded.map((text) => text.replace(/=+$/, "")),
  ];
}
