/** Whether this process is the single binary. Hides how `binary/loader.ts` lets it be known. */

/** Then no script stands between the executable and the words of the command. */
export function isSingleBinary(): boolean {
  return (globalThis as Record<symbol, unknown>)[Symbol.for("bifrost.binary")] !== undefined;
}
