/** Where something stands in the configuration; absent where it was made up (defaults, tests). */
export interface Place {
  readonly file: string;
  readonly line: number;
}
