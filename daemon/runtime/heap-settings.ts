/**
 * How glibc keeps memory, for the environment of a daemon's process: it reads this once, when a process starts
 * (docs/decisions/0007). Two heaps for all threads; what is free at a heap's end goes back from 128 KB on, where glibc
 * otherwise raises the bound with what was freed before.
 */
export const heapSettings = { MALLOC_ARENA_MAX: "2", MALLOC_TRIM_THRESHOLD_: "131072" } as const;
