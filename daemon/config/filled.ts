/** A section of the file with the defaults in place of what it does not say. */
export type Filled<D, G> = { readonly [K in keyof D]: K extends keyof G ? Exclude<G[K], undefined> : never };

export function filled<D extends object, G extends object>(usual: D, given: G | null | undefined): Filled<D, G> {
  return { ...usual, ...given } as unknown as Filled<D, G>;
}
