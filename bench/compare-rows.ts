/** What `npm run compare` prints of what it has counted, which is what the README shows. Pure. */
import { median } from "./table.ts";
import type { UserEnd } from "./user-lives.ts";

export interface Figures {
  readonly queries: number;
  readonly failed: number;
  /** How often, by SQLSTATE. */
  readonly failures: Readonly<Record<string, number>>;
  readonly usersOfAPod: number;
  readonly refusedRequests: number;
  /** How replaced users have ended. */
  readonly ends: readonly UserEnd[];
}

/** How long renewals are refused. */
export const REFUSING = 20_000;

/** A row for each figure: its name, then what each of the agents has come to. */
export function rowsOf(agents: readonly Figures[]): readonly (readonly string[])[] {
  const rows: Readonly<Record<string, (one: Figures) => string>> = {
    queries: ({ queries }) => count(queries),
    "of them failed": ({ failed, failures }) => (failed === 0 ? "0" : `${count(failed)} (${byCode(failures)})`),
    "new users in a pod's life: init container, sidecar, restarted sidecar": ({ usersOfAPod }) => count(usersOfAPod),
    [`requests in ${REFUSING / 1_000} s in which renewals are refused`]: ({ refusedRequests }) =>
      count(refusedRequests),
    "replaced users that ended while connections of theirs were open": ({ ends }) =>
      `${ends.filter(({ sessions }) => sessions > 0).length} of ${ends.length}`,
    "seconds that the others lived on after their last connection, median (most)": ({ ends }) => {
      const seconds = ends.filter(({ sessions }) => sessions === 0).map(({ idleSeconds }) => idleSeconds);
      return seconds.length === 0 ? "–" : `${median(seconds).toFixed(1)} (${Math.max(...seconds).toFixed(1)})`;
    },
  };
  return Object.entries(rows).map(([name, figure]) => [name, ...agents.map(figure)]);
}

function byCode(failures: Figures["failures"]): string {
  return Object.entries(failures)
    .map(([code, times]) => `${code} × ${times}`)
    .join(", ");
}

function count(n: number): string {
  return n.toLocaleString("en");
}
