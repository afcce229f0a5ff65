/** A film that was begun, kept by its id: how long, how large and by what it was charged, which its id alone does not tell. */
export type FilmNote = {
  /** `provider/model` */
  readonly target: string;
  readonly ms?: number | undefined;
  readonly size?: string | undefined;
  /** What it was settled by, and the request that began it. */
  readonly holdId: string;
  readonly request: string;
};
