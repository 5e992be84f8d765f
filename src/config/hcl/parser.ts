/** HCL1 tokens → tree, by recursive descent. */
import { type Item, type Key, type ListValue, MAX_DEPTH, type ObjectValue, SyntaxFault, type Value } from "./ast.ts";
import { lexer, type Token, type TokenKind } from "./lexer.ts";

const STARTS_A_VALUE: ReadonlySet<TokenKind> = new Set(["BOOL", "INTEGER", "FLOAT", "STRING", "LBRACE", "LBRACK"]);

/** Parses a whole text; throws SyntaxFault. */
export function parseHcl(source: string): ObjectValue {
  const next = lexer(source);
  let token = next();

  function take(): Token {
    const taken = token;
    token = next();
    return taken;
  }

  function isAt(kind: TokenKind): boolean {
    return token.kind === kind;
  }

  function acceptComma(): boolean {
    const comma = isAt("COMMA");
    if (comma) take();
    return comma;
  }

  function fail(message: string, hint?: string): never {
    throw new SyntaxFault(token.position, message, hint);
  }

  function items(depth: number, closing: "RBRACE" | "EOF", openedIn: number): Item[] {
    if (depth > MAX_DEPTH) fail("nested too deeply");
    const found: Item[] = [];
    while (token.kind !== closing) {
      if (token.kind === "EOF")
        fail("object expected closing RBRACE got: EOF", `the block was opened in line ${openedIn}`);
      found.push(item(depth));
      acceptComma();
    }
    return found;
  }

  /** `key = value`, `key { … }` or `key "label" … { … }`. */
  function item(depth: number): Item {
    const keys: Key[] = [];
    let written = "";
    for (;;) {
      switch (token.kind) {
        case "IDENT":
        case "STRING": {
          const { kind, text, position } = take();
          keys.push({ text, position });
          written += `${written && " "}${kind === "STRING" ? JSON.stringify(text) : text}`;
          break;
        }
        case "ASSIGN": {
          if (keys.length === 0) fail("no object keys found!");
          if (keys.length > 1) fail("nested object expected: LBRACE got: ASSIGN");
          take();
          return { keys, value: value(depth) };
        }
        case "LBRACE": {
          if (keys.length === 0) fail("expected: IDENT | STRING got: LBRACE");
          return { keys, value: object(depth) };
        }
        default: {
          const last = keys.at(-1);
          if (last && (isAt("EOF") || isAt("RBRACE"))) {
            const message = `key '${written}' expected start of object ('{') or assignment ('=')`;
            throw new SyntaxFault(last.position, message);
          }
          fail(`expected: IDENT | STRING | ASSIGN | LBRACE got: ${token.kind}`);
        }
      }
    }
  }

  function object(depth: number): ObjectValue {
    const { position } = take();
    const found = items(depth + 1, "RBRACE", position.line);
    take();
    return { kind: "object", items: found, position };
  }

  function list(depth: number): ListValue {
    if (depth > MAX_DEPTH) fail("nested too deeply");
    const { position } = take();
    const elements: Value[] = [];
    while (token.kind !== "RBRACK") {
      if (!STARTS_A_VALUE.has(token.kind)) fail(`unexpected token while parsing list: ${token.kind}`);
      elements.push(value(depth + 1));
      if (!acceptComma() && !isAt("RBRACK")) {
        fail(`error parsing list, expected comma or list end, got: ${token.kind}`);
      }
    }
    take();
    return { kind: "list", elements, position };
  }

  function value(depth: number): Value {
    const { kind, text, position } = token;
    switch (kind) {
      case "LBRACE":
        return object(depth);
      case "LBRACK":
        return list(depth);
      case "STRING":
        take();
        return { kind: "string", text, position };
      case "INTEGER":
        take();
        return { kind: "integer", text, position };
      case "FLOAT":
        take();
        return { kind: "float", text, position };
      case "BOOL":
        take();
        return { kind: "bool", value: text === "true", position };
      default:
        return fail(`Unknown token: ${position.line}:${position.column} ${kind}${text ? ` ${text}` : ""}`);
    }
  }

  return { kind: "object", items: items(0, "EOF", 1), position: { line: 1, column: 1 } };
}
