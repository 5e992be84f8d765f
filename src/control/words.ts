/** What is said over the control socket, and where that is. */
import type { LesseeEvent } from "../events.ts";
import type { Status } from "../status.ts";

/** Under the state's folder. */
export const CONTROL_FOLDER = "control";

export function socketIn(folder: string): string {
  return `${folder}/${CONTROL_FOLDER}/lessee.sock`;
}

export interface RotationAnswer {
  /** The credentials that are replaced now, with the user that each has at this moment. */
  readonly rotating: readonly { readonly path: string; readonly user: string | null }[];
  /** Every path that could have been asked for. */
  readonly known: readonly string[];
}

export interface ControlEvents {
  readonly events: readonly { readonly at: number; readonly event: LesseeEvent }[];
  readonly status: Status;
}
