/** What a regular expression is made of. */

export type Assertion = "lineStart" | "lineEnd" | "textStart" | "textEnd" | "wordBoundary" | "noWordBoundary";

export type RegexNode =
  /** One character of the set, which is a JavaScript class; `fold` takes upper and lower case as the same. */
  | { readonly kind: "character"; readonly set: string; readonly fold: boolean }
  | { readonly kind: "assertion"; readonly assertion: Assertion }
  | { readonly kind: "group"; readonly index: number; readonly body: RegexNode }
  | { readonly kind: "repeat"; readonly body: RegexNode; readonly count: RepeatCount }
  | { readonly kind: "sequence"; readonly items: readonly RegexNode[] }
  | { readonly kind: "choice"; readonly options: readonly RegexNode[] };

export interface RepeatCount {
  readonly least: number;
  /** May be infinite. */
  readonly most: number;
  readonly greedy: boolean;
}

/** Whether it can match without a character. */
export function canBeEmpty(node: RegexNode): boolean {
  switch (node.kind) {
    case "character":
      return false;
    case "assertion":
      return true;
    case "group":
      return canBeEmpty(node.body);
    case "sequence":
      return node.items.every(canBeEmpty);
    case "choice":
      return node.options.some(canBeEmpty);
    case "repeat":
      return node.count.least === 0 || canBeEmpty(node.body);
  }
}

/** Whether counted repetitions inside each other come to no more than `limit` in all. */
export function repeatsAtMost(node: RegexNode, limit: number): boolean {
  switch (node.kind) {
    case "group":
      return repeatsAtMost(node.body, limit);
    case "sequence":
      return node.items.every((item) => repeatsAtMost(item, limit));
    case "choice":
      return node.options.every((option) => repeatsAtMost(option, limit));
    case "repeat": {
      const { least, most } = node.count;
      const times = most === Number.POSITIVE_INFINITY ? least : most;
      return times === 0 || (times <= limit && repeatsAtMost(node.body, Math.floor(limit / times)));
    }
  }
  return true;
}
