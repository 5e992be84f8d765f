/** The sidecar's whole conversation with a server, as a contract that the emulated and every real one keeps. */
import { afterAll, beforeAll, describe } from "vitest";
import { leaseContract } from "./leases.ts";
import { loginContract } from "./login.ts";
import { serverContract } from "./server-states.ts";
import { serverKinds } from "./servers.ts";
import { tokenContract } from "./tokens.ts";
import { createWorld, type World } from "./world.ts";

describe.each(serverKinds(process.env))("the contract, on $name", (kind) => {
  let world: World;
  beforeAll(async () => {
    world = await createWorld(kind);
  });
  afterAll(() => world?.stop());

  loginContract(() => world);
  leaseContract(() => world);
  tokenContract(() => world);
  serverContract(() => world, !kind.foreign);
});
