/** The server's HTTP API for set-up, tests and benchmarks: one request, one answer, nothing more. */

export interface VaultAnswer {
  readonly status: number;
  readonly headers: Headers;
  /** Empty when the answer has none. */
  readonly body: VaultBody;
}

/** The fields of the usual frame. Which of them are there depends on the answer; `send` does not look. */
export interface VaultBody {
  readonly lease_id: string;
  readonly renewable: boolean;
  readonly lease_duration: number;
  readonly data: Readonly<Record<string, unknown>>;
  readonly warnings: readonly string[] | null;
  readonly auth: {
    readonly client_token: string;
    readonly accessor: string;
    readonly policies: readonly string[];
    readonly lease_duration: number;
    readonly renewable: boolean;
    readonly orphan: boolean;
    readonly token_type: string;
    readonly num_uses: number;
  };
  readonly wrap_info: { readonly token: string; readonly ttl: number };
  readonly errors: readonly string[];
}

export interface VaultApi {
  readonly address: string;
  readonly token: string;
  /** Sends it and gives the answer, whatever it is. `path` is below `/v1/`. */
  send(method: string, path: string, body?: unknown, headers?: Readonly<Record<string, string>>): Promise<VaultAnswer>;
  /** As `send`, and rejects when the answer is an error. */
  expect(method: string, path: string, body?: unknown): Promise<VaultAnswer>;
  /** The same server with another token; an empty one sends none. */
  as(token: string): VaultApi;
}

export function vaultApi(address: string, token: string): VaultApi {
  const send: VaultApi["send"] = async (method, path, body, headers) => {
    const answer = await fetch(`${address}/v1/${path}`, {
      method,
      headers: { ...(token !== "" && { "x-vault-token": token }), ...headers },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    return { status: answer.status, headers: answer.headers, body: (text === "" ? {} : JSON.parse(text)) as VaultBody };
  };
  return {
    address,
    token,
    send,
    async expect(method, path, body) {
      const answer = await send(method, path, body);
      if (answer.status < 400) return answer;
      throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body.errors)}`);
    },
    as: (other) => vaultApi(address, other),
  };
}
