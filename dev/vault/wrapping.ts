/** Answers put aside under a token that may be used once. */
import type { ServerClock } from "./clock.ts";
import type { Token, TokenStore } from "./tokens.ts";

export interface Wrapping {
  wrap(answer: Readonly<Record<string, unknown>>, ttl: number, path: string): { readonly token: Token };
  /** The answer, once. */
  unwrap(tokenId: string): Readonly<Record<string, unknown>> | undefined;
  find(tokenId: string): { readonly token: Token; readonly path: string } | undefined;
  isWrapping(tokenId: string | undefined): boolean;
}

export function createWrapping(tokens: TokenStore, clock: ServerClock): Wrapping {
  const answers = new Map<string, { answer: Readonly<Record<string, unknown>>; path: string; forget: () => void }>();
  const find = (id: string | undefined) => {
    const token = tokens.find(id);
    const stored = token && answers.get(token.id);
    return stored && { token, ...stored };
  };
  return {
    wrap(answer, ttl, path) {
      const token = tokens.create({
        type: "service",
        path,
        displayName: "",
        policies: ["response-wrapping"],
        meta: null,
        renewable: false,
        // Unwrapping revokes it, so that a second try finds nothing.
        numUses: 0,
        terms: { ttl, maxTtl: ttl, explicitMaxTtl: ttl },
        ttl,
      });
      answers.set(token.id, { answer, path, forget: clock.at(token.expireTime!, () => answers.delete(token.id)) });
      return { token };
    },
    unwrap(id) {
      const found = find(id);
      if (!found) return undefined;
      found.forget();
      answers.delete(id);
      tokens.revoke(found.token);
      return found.answer;
    },
    find,
    isWrapping: (id) => find(id) !== undefined,
  };
}
