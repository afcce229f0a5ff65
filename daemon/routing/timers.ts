/** Which timers rule a call: its model's, in place of its provider's, and what its request asks for within bounds. */
import type { GenerationData, Timers } from "../config/generation.ts";
import { matchPattern } from "../config/routing-data.ts";
import type { TimerWishes } from "./preferences.ts";

/** A caller may not ask for less. */
const wishMsMin = 10;

export function timersFor({ routing }: Pick<GenerationData, "routing">, provider: Timers, target: string): Timers {
  const own = routing.modelTimers.find(({ pattern }) => matchPattern(pattern, target) !== undefined);
  if (own === undefined) return provider;
  const { pattern: _pattern, ...timers } = own;
  return { ...provider, ...timers };
}

/** Headers make a timer shorter as they like; longer only up to the total that the config allows. */
export function wishedTimers(timers: Timers, wishes: TimerWishes | undefined): Timers {
  if (wishes === undefined) return timers;
  const within = (wish: number | undefined, usual: number): number =>
    wish === undefined ? usual : Math.min(Math.max(wish, wishMsMin), timers.totalMs);
  return {
    connectMs: within(wishes.connectMs, timers.connectMs),
    firstByteMs: within(wishes.firstByteMs, timers.firstByteMs),
    firstByteStreamMs: within(wishes.firstByteMs, timers.firstByteStreamMs),
    idleMs: within(wishes.idleMs, timers.idleMs),
    clientStallMs: timers.clientStallMs,
    totalMs: within(wishes.totalMs, timers.totalMs),
  };
}
