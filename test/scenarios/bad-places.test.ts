/** What may come in place of an answer, wherever something is asked beside secrets: said in words, survived, forgotten. */
import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { BAD, type Bad, MIB, text } from "../support/bad-answers.ts";
import { configuration } from "../support/configuration.ts";
import { startFront } from "../support/front.ts";
import { startServer } from "../support/http.ts";
import { type Pod, startWorld, type World } from "../support/world.ts";

let world: World;

beforeAll(async () => {
  world = await startWorld();
});

afterAll(() => world.stop());

const LOGIN = "auth/kubernetes/login";
const PREFLIGHT = "sys/internal/ui/mounts/";
/** Nothing can be read before them. */
const FIRST = [LOGIN, PREFLIGHT];
const RENEW = "sys/leases/renew";
const WRAP = "sys/wrapping/wrap";
/** The others answer badly until the end. */
const MENDED = [...FIRST, RENEW, WRAP];
/** It is followed by the token's probe, which tells of both. */
const QUIET = ["auth/token/lookup-self"];

/** What is asked in a running sidecar, and which bad answers it gets there in turn. The slow ones are the login's. */
const PLACES: Readonly<Record<string, readonly string[]>> = {
  [LOGIN]: [...Object.keys(BAD), "null", "a-text", "odd", "redirect"],
  "auth/token/lookup-self": ["html", "null", "redirect"],
  "auth/token/renew-self": ["odd", "redirect", "list"],
  "sys/capabilities-self": ["100-mb", "empty"],
  [PREFLIGHT]: ["cut", "headers"],
  // The probe of the first user, and its renewal.
  [RENEW]: ["many-values", "odd"],
  [WRAP]: ["deep-data", "redirect", "a-text"],
};

/** A place's sink for a token that is wrapped, beside what the scenarios have. */
function withWrappedSink(text: string, path: string): string {
  const sink = `sink "file" {\n wrap_ttl = "5m"\n config = { path = "${path}" }\n }`;
  return text.replace("auto_auth {", `auto_auth {\n${sink}\n`);
}

const mostMemory = async (pid: number) =>
  Number(/VmHWM:\s+(\d+) kB/.exec(await readFile(`/proc/${pid}/status`, "utf8"))?.[1]) * 1024;

async function startBadFront(pod: Pod, answers: Readonly<Record<string, Bad>>) {
  const given = new Map(Object.keys(PLACES).map((place): [string, string[]] => [place, []]));
  const bad = new Set(Object.keys(PLACES));
  const address = await startFront(pod.vault.address, (incoming, outgoing) => {
    const place = [...bad].find((one) => incoming.url?.startsWith(`/v1/${one}`));
    if (place === undefined) return incoming.headers;
    const [before, all] = [given.get(place)!, PLACES[place]!];
    const name = all[before.length % all.length]!;
    before.push(name);
    incoming.resume();
    answers[name]!.answer(outgoing);
    if (MENDED.includes(place) && before.length === all.length) bad.delete(place);
    return true;
  });
  return { address, bad, given };
}

it.skipIf(process.platform !== "linux")(
  "whatever comes wherever something is asked is said with the request, costs neither memory nor a user, and is forgotten",
  { timeout: 60_000 },
  async () => {
    const pod = await world.pod({ ttl: { default: "4s", max: "8s" } });
    const thief = await startServer(() => 200);
    const answers: Readonly<Record<string, Bad>> = {
      ...BAD,
      null: { answer: text("null"), said: /something that is not a JSON object/ },
      "a-text": { answer: text('"s.a-token-in-a-page"'), said: /something that is not a JSON object/ },
      odd: {
        answer: text('{"auth":"s.a-token-in-a-page","data":[],"lease_id":{},"wrap_info":[]}'),
        said: /the answer (has no token|is without a)/,
      },
      redirect: { answer: text("", 307, { location: `${thief.url}v1/gotcha` }), said: /307 .*none to another one/ },
    };
    const { address, bad, given } = await startBadFront(pod, answers);
    const plain = configuration(pod, { address, autoAuth: 'min_backoff = "10ms"\n max_backoff = "50ms"' });
    const agent = await pod.agent(withWrappedSink(plain, pod.path("sink")), { env: { VAULT_CLIENT_TIMEOUT: "1s" } });
    /** The log has such a line with the request's path. */
    const said = (place: string, name: string) =>
      agent.entries.some(({ error, message }) => {
        const line = String(error ?? message);
        return line.includes(place) && answers[name]!.said.test(line);
      });

    await agent.event("published");
    for (const place of FIRST)
      for (const name of PLACES[place]!) expect([place, name, said(place, name)]).toEqual([place, name, true]);
    for (const place of Object.keys(PLACES)) {
      if (QUIET.includes(place)) continue;
      await expect.poll(() => given.get(place), { timeout: 20_000 }).not.toEqual([]);
      await expect.poll(() => said(place, given.get(place)![0]!), { timeout: 5_000, message: place }).toBe(true);
    }
    expect((await pod.get("/livez")).status).toBe(200);
    expect(await mostMemory(agent.pid)).toBeLessThan(128 * MIB);
    expect(agent.output()).not.toContain("s.a-token-in-a-page");

    bad.clear();
    await expect
      .poll(() => readFile(pod.path("sink"), "utf8").catch(() => ""), { timeout: 10_000 })
      .toMatch(/^\{"token"/);
    expect(await agent.stop()).toEqual({ code: 0, signal: null });
    expect(await pod.left()).toEqual([]);
    expect(thief.requests).toEqual([]);
  },
);
