/** Base64 of text as UTF-8. */

export function toBase64(text: string): string {
  return Buffer.from(text, "utf8").toString("base64");
}

/** Strictly, as Go decodes; undefined for what is none. */
export function fromBase64(text: string): string | undefined {
  const joined = text.replace(/[\r\n]/g, "");
  const valid = joined.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(joined);
  return valid ? Buffer.from(joined, "base64").toString("utf8") : undefined;
}
