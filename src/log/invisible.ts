/**
 * Writes out what a terminal or a reader of lines would act on rather than show: all control characters, the line and
 * paragraph separators, the marks that reorder text. `\n` becomes `\u000a`, which JSON reads as what it was.
 */
export function escapeInvisible(text: string): string {
  return text.replace(
    /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
