/** What the daemon's `heap-settings.ts` says and why, for the processes that are started from here. */
export const heapSettings = { MALLOC_ARENA_MAX: "2", MALLOC_TRIM_THRESHOLD_: "131072" } as const;
