/** LESSEE_LAWS=20 walks the laws twenty times as far; the usual walk has to fit into every test run. */
export const FURTHER = Number(process.env.LESSEE_LAWS ?? 1);

export function runs(usual: number): number {
  return Math.ceil(usual * FURTHER);
}
