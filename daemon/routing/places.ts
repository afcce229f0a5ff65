/**
 * Places and queues: how many calls may be under way at one provider, over all workers, and who waits for a place. Also
 * for a scope whose concurrency limit is reached, where the config lets requests wait for that. Hides that each worker
 * counts its own places in shared memory, so that a dead one's are given back, and that waiting is bounded in number
 * and time, by the settings in force at each moment; the most urgent goes first, then who came first: of a provider's
 * places over all workers, of a scope's within each.
 *
 * Places are counted where there is no limit too, so that one which a reload brings finds all that is under way.
 */
import { GatewayError } from "../../providers/gateway-error.ts";
import type { Target } from "./generation.ts";
import type { Lines } from "./lines.ts";
import type { Routing } from "./routing.ts";

export type Places = {
  /**
   * Takes a place at the target's provider. Undefined: it has one, or needs none. A promise: it waits; it rejects with
   * `overloaded` when nobody left in time. Throws `overloaded` when too many wait already.
   */
  take(target: Target, client: Waiting): Promise<void> | undefined;
  /** The same for whoever would rather do without than wait: false, where there is none now. */
  tryTake(target: Target): boolean;
  give(target: Target): void;
  /** Waits until something of this scope ends, or a while has passed; rejects as above. */
  waitFor(scope: string, client: Waiting): Promise<void>;
  /** Something that held a place of these has ended. */
  freed(): void;
  readonly waiting: number;
};

/** Who waits. */
export type Waiting = {
  readonly priority: number;
  /** Since when, however often it waits; 0: it has not waited yet. */
  waitingSince: number;
  /** One listener at a time. */
  onGone(listener: (() => void) | undefined): void;
};

type Entry = {
  readonly priority: number;
  readonly since: number;
  /** See `Lines.draw`. */
  readonly drawn: number;
  /** Returns whether it has what it waits for. */
  readonly tryNow: (drawn: number) => boolean;
  readonly end: (error: GatewayError | undefined) => void;
};

/** What another worker did and nobody was called for is noticed this late at most. */
const lookMs = 25;

/** @param limitOf how many calls a provider may have under way by the config in force; undefined: any number */
export function createPlaces(
  routing: () => Routing,
  now: () => number,
  limitOf: (provider: string) => number | undefined,
): Places {
  const queues = new Map<string, Entry[]>();
  let count = 0;
  let timer: NodeJS.Timeout | undefined;
  let listening = false;

  function take(target: Target, client: Waiting): Promise<void> | undefined {
    if (tryTake(target)) return undefined;
    const row = placeRow(target);
    const { name } = target.provider;
    // The limit may change while it waits.
    const mayEnter = (drawn: number) => routing().table.lines.isFirst(row, drawn) && enter(row, limitOf(name));
    const waiting = wait(name, name, client, mayEnter, row);
    // Where another worker's first is slower than its place, the more urgent takes it at once.
    serve(name, row);
    return waiting;
  }

  function tryTake(target: Target): boolean {
    const max = target.provider.data.concurrencyMax;
    const row = placeRow(target);
    // Who waits already has the better right, in whichever worker.
    const isFree = max === undefined || (!queues.has(target.provider.name) && routing().table.lines.waiting(row) === 0);
    return isFree && enter(row, max);
  }

  function give(target: Target): void {
    const row = placeRow(target);
    routing().table.leave(row);
    serve(target.provider.name, row);
  }

  /** Never over the limit: whoever finds that it has gone over steps back. */
  function enter(row: number, max: number | undefined): boolean {
    const { table } = routing();
    table.enter(row);
    if (row === 0 || max === undefined || table.inFlight(row) <= max) return true;
    table.leave(row);
    return false;
  }

  function placeRow({ provider }: Target): number {
    if (provider.placesRow < 0) provider.placesRow = routing().table.find(concurrencyRow(provider.name));
    return provider.placesRow;
  }

  function waitFor(scope: string, client: Waiting): Promise<void> {
    let looked = false;
    // The limit is the ledger's: whoever is let go asks it again, and may come back here.
    return wait(
      `scope ${scope}`,
      scope,
      client,
      () => {
        const was = looked;
        looked = true;
        return was;
      },
      0,
    );
  }

  function wait(name: string, shown: string, client: Waiting, tryNow: Entry["tryNow"], row: number): Promise<void> {
    const { settings, table } = routing();
    const { lines } = table;
    const { max, waitMs } = settings.queue;
    const queue = queues.get(name) ?? [];
    if (queue.length >= max) throw full(shown, waitMs);
    if (client.waitingSince === 0) client.waitingSince = now();
    else if (client.waitingSince + waitMs <= now()) throw tooLong(shown);
    queues.set(name, queue);
    return new Promise((resolve, reject) => {
      const end = (error: GatewayError | undefined): void => {
        const at = queue.indexOf(entry);
        if (at < 0) return;
        queue.splice(at, 1);
        if (queue.length === 0) queues.delete(name);
        count--;
        if (row !== 0) {
          lines.tell(row, queue[0]?.drawn ?? 0, queue.length);
          lines.call(row);
        }
        client.onGone(undefined);
        if (error === undefined) resolve();
        else reject(error);
      };
      const entry: Entry = {
        priority: client.priority,
        since: client.waitingSince,
        drawn: lines.draw(client.priority),
        tryNow,
        end,
      };
      const at = queue.findIndex(({ priority }) => priority < entry.priority);
      queue.splice(at < 0 ? queue.length : at, 0, entry);
      count++;
      if (row !== 0) lines.tell(row, queue[0]!.drawn, queue.length);
      client.onGone(() => end(gone()));
      timer ??= setInterval(look, lookMs);
      void listen(lines);
    });
  }

  /** @param row of the provider's places; 0: of something else */
  function serve(name: string, row: number): void {
    const queue = queues.get(name);
    while (queue !== undefined && queue.length > 0) {
      const first = queue[0]!;
      if (!first.tryNow(first.drawn)) break;
      first.end(undefined);
    }
    if (row !== 0) routing().table.lines.call(row);
  }

  /** For another worker that has given a place back, or has left one that is ours to take. */
  async function listen(lines: Lines): Promise<void> {
    if (listening) return;
    listening = true;
    while (count > 0) {
      await lines.called();
      for (const name of [...queues.keys()]) serve(name, 0);
    }
    listening = false;
  }

  function look(): void {
    if (count === 0) {
      clearInterval(timer);
      timer = undefined;
      return;
    }
    const patientSince = now() - routing().settings.queue.waitMs;
    for (const [name, queue] of [...queues]) {
      for (const entry of [...queue]) if (entry.since <= patientSince) entry.end(tooLong(name));
      serve(name, 0);
    }
  }

  return {
    take,
    tryTake,
    give,
    waitFor,
    freed() {
      if (count > 0) for (const name of [...queues.keys()]) if (name.startsWith("scope ")) serve(name, 0);
    },
    get waiting() {
      return count;
    },
  };
}

/** Places are counted by provider, apart from what is in flight at each of its targets. */
export function concurrencyRow(provider: string): string {
  return `places:${provider}`;
}

function full(name: string, waitMs: number): GatewayError {
  return new GatewayError("overloaded", `too many requests wait for ${name}`, {
    source: "gateway",
    retryAfterMs: Math.min(waitMs, 1_000),
  });
}

function tooLong(name: string): GatewayError {
  return new GatewayError("overloaded", `no place became free in time for ${name.replace(/^scope /, "")}`, {
    source: "gateway",
    retryAfterMs: 1_000,
  });
}

function gone(): GatewayError {
  return new GatewayError("client_closed_request", "the client closed the connection", { source: "client" });
}
