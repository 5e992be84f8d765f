/** For those who play several processes within one: each gets what it asks for. */
import type { Claim } from "../../src/ports.ts";

export const anyClaim: Claim = async () => async () => undefined;
