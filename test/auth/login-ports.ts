/** What a method is handed at a login: the real files, and a server that a test may put in. */
import * as files from "node:fs/promises";
import type { LoginPorts } from "../../src/auth/method.ts";

export interface TestPorts extends LoginPorts {
  readonly warnings: readonly string[];
}

export function loginPorts(changes: Partial<LoginPorts> = {}): TestPorts {
  const warnings: string[] = [];
  return {
    files,
    unwrap: () => Promise.reject(new Error("nothing is wrapped here")),
    warn: (message) => warnings.push(message),
    warnings,
    ...changes,
  };
}
