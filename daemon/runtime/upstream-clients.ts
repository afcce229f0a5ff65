/**
 * Connections to upstreams: a last-in-first-out stack of them per origin, with a waiting queue of ours. undici's Pool
 * searches its clients one by one and cannot cancel what it has queued; here a pick is O(1), and what still waits can
 * leave.
 */
import type { ProviderData } from "../config/generation.ts";
import { createLookup } from "./host-names.ts";
import { type Call, headerBytesMax, idleSocketMs, type Origin, waitingPerConnection } from "./origin.ts";
import { ProxiedOrigin } from "./proxied-origin.ts";
import { type Address, addressOf, UpstreamConnection } from "./upstream-connection.ts";

/** Of a paused answer so much is read ahead, and one read of up to 64 KB more. */
const readAheadBytes = 16 * 1024;
/** Idle connections are looked at this often. */
const sweepMs = 10_000;

class ConnectionStack implements Origin {
  readonly #address: Address;
  readonly #max: number;
  readonly #idle: Idle[] = [];
  readonly #all = new Set<UpstreamConnection>();
  #waiting: Call[] = [];
  #closed = false;

  constructor(address: Address, max: number) {
    this.#address = address;
    this.#max = max;
  }

  dispatch(call: Call): boolean {
    const connection = this.#pick() ?? (this.#all.size < this.#max ? this.#open() : undefined);
    if (connection === undefined) {
      if (this.#waiting.length >= this.#max * waitingPerConnection) this.#dropCancelled();
      if (this.#waiting.length >= this.#max * waitingPerConnection) return false;
      this.#waiting.push(call);
      return true;
    }
    this.#send(connection, call);
    return true;
  }

  close(): void {
    this.#closed = true;
    for (const { connection } of this.#idle.splice(0)) this.#discard(connection);
  }

  /** Closes what has been idle for too long. */
  sweep(now: number): void {
    while (this.#idle.length > 0 && now - this.#idle[0]!.since > idleSocketMs) {
      this.#discard(this.#idle.shift()!.connection);
    }
  }

  #pick(): UpstreamConnection | undefined {
    for (;;) {
      const idle = this.#idle.pop();
      if (idle === undefined || idle.connection.isUsable(performance.now())) return idle?.connection;
      this.#discard(idle.connection);
    }
  }

  #open(): UpstreamConnection {
    const connection = new UpstreamConnection(this.#address);
    this.#all.add(connection);
    connection.onGone = () => {
      const at = this.#idle.findLastIndex((idle) => idle.connection === connection);
      if (at < 0) return; // busy: its release decides
      this.#idle.splice(at, 1);
      this.#all.delete(connection);
    };
    return connection;
  }

  #send(connection: UpstreamConnection, call: Call): void {
    let released = false;
    call.release = (reusable) => {
      if (released) return;
      released = true;
      this.#released(connection, reusable);
    };
    connection.dispatch(call.options, call);
  }

  #released(connection: UpstreamConnection, reusable: boolean): void {
    const now = performance.now();
    let usable = reusable && !this.#closed && connection.isUsable(now) ? connection : undefined;
    if (usable === undefined) this.#discard(connection);
    while (this.#waiting.length > 0) {
      const next = this.#waiting.shift();
      if (next === undefined || next.cancelled) continue;
      usable ??= this.#open();
      this.#send(usable, next);
      return;
    }
    if (usable !== undefined) this.#idle.push({ connection: usable, since: now });
  }

  #dropCancelled(): void {
    this.#waiting = this.#waiting.filter((call) => !call.cancelled);
  }

  #discard(connection: UpstreamConnection): void {
    this.#all.delete(connection);
    connection.destroy();
  }
}

type Idle = { readonly connection: UpstreamConnection; readonly since: number };

/** Origins outlive generations: a reload that does not change an address keeps its warm connections. */
export class Origins {
  readonly #byKey = new Map<string, Origin>();
  readonly #lookup = createLookup();
  #sweeper: NodeJS.Timeout | undefined;

  get(provider: ProviderData): Origin {
    const origin = new URL(provider.baseUrl).origin;
    const key = originKey(provider);
    const known = this.#byKey.get(key);
    if (known !== undefined) return known;
    const connect = {
      lookup: this.#lookup,
      rejectUnauthorized: provider.tls.rejectUnauthorized,
      ...(provider.tls.ca === undefined ? {} : { ca: provider.tls.ca }),
    };
    const made =
      provider.proxy === undefined
        ? this.#direct(origin, connect, provider)
        : new ProxiedOrigin(origin, provider.proxy, connect, provider.connectionsMax);
    this.#byKey.set(key, made);
    return made;
  }

  #direct(origin: string, connect: object, { connectionsMax }: ProviderData): Origin {
    // The attempt's own timer rules over the connecting, so the connector has none.
    const address = addressOf(
      origin,
      { ...connect, allowH2: false, timeout: 0, highWaterMark: readAheadBytes } as object,
      headerBytesMax,
    );
    const stack = new ConnectionStack(address, connectionsMax);
    this.#sweeper ??= setInterval(() => {
      const now = performance.now();
      for (const other of this.#byKey.values()) if (other instanceof ConnectionStack) other.sweep(now);
    }, sweepMs).unref();
    return stack;
  }

  /** Closes what no provider of the newest generation uses; calls under way end undisturbed. */
  retain(providers: readonly ProviderData[]): void {
    const wanted = new Set(providers.map(originKey));
    for (const [key, origin] of this.#byKey) {
      if (wanted.has(key)) continue;
      origin.close();
      this.#byKey.delete(key);
    }
  }
}

function originKey(provider: ProviderData): string {
  const { tls, proxy, connectionsMax } = provider;
  return JSON.stringify([new URL(provider.baseUrl).origin, tls.ca, tls.rejectUnauthorized, proxy, connectionsMax]);
}
