/** Golden configurations in which lessee deliberately does or says something else than the real agent. */

/**
 * Where the real agent refuses or loses something by an accident of its parser and lessee does what was meant: what
 * lessee makes of it, and why.
 */
export const DIVERGENCES: Readonly<Record<string, { readonly reason: string; readonly expected: object }>> = {
  "json-unicode-escape": {
    reason: "a surrogate pair, which is how JSON escapes a character beyond U+FFFF, makes the real agent panic",
    expected: { pid_file: "é🚀" },
  },
  "json-surrogate-pair-in-template": {
    reason: "as json-unicode-escape",
    expected: { template: [{ contents: "🚀", destination: "o" }] },
  },
  "env-json": {
    reason: "objects that hold only objects are flattened: the method vanishes",
    expected: {
      auto_auth: { method: { type: "kubernetes", mount_path: "auth/kubernetes", config: { role: "pg" } } },
      env_template: [
        { env: "A", contents: "1" },
        { env: "B", contents: "2" },
      ],
    },
  },
  "env-json-list": {
    reason: "as env-json",
    expected: {
      env_template: [
        { env: "A", contents: "1" },
        { env: "B", contents: "2" },
      ],
    },
  },
  "json-method-labelled": {
    reason: "flattening takes the label of a method that holds only objects",
    expected: {
      auto_auth: {
        method: { type: "kubernetes", mount_path: "auth/kubernetes", config: { role: "pg" } },
        sink: [{ type: "file", config: { path: "token" } }],
      },
    },
  },
  "json-method-labelled-list": {
    reason: "flattening takes the label of a sink that holds only objects",
    expected: {
      auto_auth: {
        method: { type: "kubernetes", mount_path: "auth/x", config: { role: "pg" } },
        sink: [{ type: "file", config: { path: "token" } }],
      },
    },
  },
  "json-vault-retry-only": {
    reason: "flattening loses the only block of `vault`",
    expected: { vault: { num_retries: 3, tls_skip_verify: false } },
  },
  "json-cache-persist-only": {
    reason: "flattening loses the only block of `cache`",
    expected: {
      cache: {
        use_auto_auth_token: false,
        force: false,
        persist: {
          type: "kubernetes",
          path: "p",
          keep_after_import: false,
          exit_on_err: false,
          service_account_token_file: "",
        },
      },
    },
  },
};

/** Refused by both, in other words: what lessee says instead. */
export const REWORDED: Readonly<Record<string, string>> = {
  "nul-byte": "unexpected null character (0x00)",
  "env-forbids-command": "env_template[A]: 'command' is not allowed",
  "env-forbids-perms": "env_template[A]: 'perms' is not allowed",
  "env-forbids-wait": "env_template[A]: 'wait' is not allowed",
  "start-int-role": "'role' value is empty",
  "start-int-token-path": "'token_path' is not a path",
  "start-no-config": "missing 'role' value",
};
