/**
 * Addresses of upstream hosts, asked once for many connections. Hides the cache: fresh for some seconds, and a while
 * longer when the name server fails. The system's own resolver answers, so /etc/hosts and `localhost` hold.
 */
import { type LookupAddress, type LookupAllOptions, lookup as systemLookup } from "node:dns";
import type { LookupFunction } from "node:net";

/** Addresses are used this long without asking again. */
const freshMs = 10_000;
/** And this long after the last good answer, when asking fails. */
const staleMs = 60_000;
/** Names kept; the one asked first goes first. */
const namesMax = 1_000;

export type HostNamesOptions = {
  readonly resolve?: (
    name: string,
    options: LookupAllOptions,
    done: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
  ) => void;
  /** Milliseconds on any scale that only goes forward. */
  readonly now?: () => number;
};

type Done = (error: NodeJS.ErrnoException | null, addresses: readonly LookupAddress[]) => void;
type Known = { addresses: readonly LookupAddress[]; at: number; waiting: Done[] | undefined };

/** A `lookup` for `net.connect`. */
export function createLookup(options: HostNamesOptions = {}): LookupFunction {
  const { resolve = systemLookup, now = () => performance.now() } = options;
  const names = new Map<string, Known>();

  function find(name: string, wanted: LookupAllOptions, done: Done): void {
    const { family = 0, hints = 0 } = wanted;
    const key = `${name} ${family} ${hints}`;
    const known = names.get(key) ?? remember(key);
    if (known.addresses.length > 0 && now() - known.at < freshMs) {
      // As the system's, never before this returns.
      process.nextTick(done, null, known.addresses);
      return;
    }
    if (known.waiting !== undefined) {
      known.waiting.push(done);
      return;
    }
    known.waiting = [done];
    resolve(name, { ...wanted, all: true }, (error, addresses) => {
      const waiting = known.waiting ?? [];
      known.waiting = undefined;
      if (error === null) {
        known.addresses = addresses;
        known.at = now();
      } else if (now() - known.at >= staleMs) {
        known.addresses = [];
        if (names.get(key) === known) names.delete(key);
      }
      const failure = known.addresses.length > 0 ? null : error;
      for (const tell of waiting) tell(failure, known.addresses);
    });
  }

  function remember(key: string): Known {
    const known: Known = { addresses: [], at: Number.NEGATIVE_INFINITY, waiting: undefined };
    names.set(key, known);
    for (const oldest of names.keys()) {
      if (names.size <= namesMax) break;
      names.delete(oldest);
    }
    return known;
  }

  return (name, wanted, callback) => {
    find(name, wanted as LookupAllOptions, (error, addresses) => {
      if (wanted.all === true) callback(error, [...addresses]);
      else callback(error, addresses[0]?.address ?? "", addresses[0]?.family ?? 0);
    });
  };
}
