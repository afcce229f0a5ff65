/**
 * Connections to upstreams: a last-in-first-out stack of them per origin, with a waiting queue of ours. undici's Pool
 * searches its clients one by one and cannot cancel what it has queued; here a pick is O(1), and what still waits can
 * leave.
 */
import type { LookupFunction } from "node:net";
import type { Client as ClientType, Dispatcher } from "undici";
import connectThrough from "undici/lib/api/api-connect.js";
import Pool from "undici/lib/dispatcher/pool.js";
import ProxyAgent from "undici/lib/dispatcher/proxy-agent.js";
import type { ProviderData } from "../config/generation.ts";
import { createLookup } from "./host-names.ts";
import { type Address, addressOf, type CallHandler, UpstreamConnection } from "./upstream-connection.ts";

/** What an attempt hands over. `onAssigned` tells it when it has left the queue and the connection is being used. */
export type Call = CallHandler & {
  readonly options: Dispatcher.DispatchOptions;
  /** True once the caller has given up; a queued call is then skipped. */
  readonly cancelled: boolean;
  /** Set by the origin: must be called exactly once, when the call will touch its connection no more. */
  release: ((reusable: boolean) => void) | undefined;
};

export type Origin = {
  /** False when the waiting queue is full. */
  dispatch(call: Call): boolean;
  close(): void;
};

/** From here on a body is handed to undici so that it can be freed. */
const releasableBytesMin = 32 * 1024;
/** Of a paused answer so much is read ahead, and one read of up to 64 KB more. */
const readAheadBytes = 16 * 1024;
/** Idle upstream sockets live this long. */
const idleSocketMs = 60_000;
const headerBytesMax = 32 * 1024;
/** Calls that may wait for a connection, as a multiple of the connections allowed. */
const waitingPerConnection = 4;

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

/** Through a forward proxy undici's own agent keeps the tunnels; what is over the limit waits here, where it can leave. */
class ProxiedOrigin implements Origin {
  readonly #agent: InstanceType<typeof ProxyAgent>;
  readonly #origin: string;
  readonly #max: number;
  #inFlight = 0;
  #waiting: Call[] = [];

  constructor(origin: string, proxy: string, options: ClientType.Options, max: number) {
    this.#origin = origin;
    this.#max = max;
    const { connect, ...rest } = options;
    const { lookup } = connect as { lookup: LookupFunction };
    this.#agent = new ProxyAgent({
      ...rest,
      uri: proxy,
      // The package's index gives each dispatcher this method, and we do not load the index.
      clientFactory: (url, own) => Object.assign(new Pool(url, own as object), { connect: connectThrough }),
      requestTls: { ...(connect as object), allowH2: false } as object,
      proxyTls: { lookup, allowH2: false } as object,
    });
  }

  dispatch(call: Call): boolean {
    if (this.#inFlight < this.#max) {
      this.#send(call);
      return true;
    }
    const waitingMax = this.#max * waitingPerConnection;
    if (this.#waiting.length >= waitingMax) this.#waiting = this.#waiting.filter((other) => !other.cancelled);
    if (this.#waiting.length >= waitingMax) return false;
    this.#waiting.push(call);
    return true;
  }

  /** Requests of an older generation may still come; the tunnels end by themselves when they have been idle. */
  close(): void {}

  #send(call: Call): void {
    this.#inFlight += 1;
    let released = false;
    call.release = () => {
      if (released) return;
      released = true;
      this.#inFlight -= 1;
      this.#next();
    };
    // A plain-text upstream is reached by a client of the proxy's own making, which knows of no option but these.
    this.#agent.dispatch(
      { ...releasable(call.options), origin: this.#origin, headersTimeout: 0, bodyTimeout: 0 },
      call,
    );
  }

  #next(): void {
    for (;;) {
      const next = this.#waiting.shift();
      if (next === undefined) return;
      if (next.cancelled) continue;
      this.#send(next);
      return;
    }
  }
}

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
      provider.proxy === undefined ? this.#direct(origin, connect, provider) : proxied(origin, connect, provider);
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

function proxied(origin: string, connect: object, { proxy, connectionsMax }: ProviderData): Origin {
  const options: ClientType.Options = {
    pipelining: 1,
    headersTimeout: 0,
    bodyTimeout: 0,
    keepAliveTimeout: idleSocketMs,
    keepAliveMaxTimeout: idleSocketMs,
    maxHeaderSize: headerBytesMax,
    allowH2: false,
    connectTimeout: 0,
    connect,
  };
  return new ProxiedOrigin(origin, proxy!, options, connectionsMax);
}

/** undici keeps a body for as long as the answer streams, unless it comes from something that lets go of it. */
function releasable(options: Dispatcher.DispatchOptions): Dispatcher.DispatchOptions {
  const { body, headers } = options;
  if (!Buffer.isBuffer(body) || body.length < releasableBytesMin) return options;
  const told = [...((headers ?? []) as string[]), "content-length", String(body.length)];
  // undici takes iterables, its types do not say so.
  return { ...options, headers: told, body: letGo(body) as unknown as Buffer };
}

async function* letGo(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes;
}

function originKey(provider: ProviderData): string {
  const { tls, proxy, connectionsMax } = provider;
  return JSON.stringify([new URL(provider.baseUrl).origin, tls.ca, tls.rejectUnauthorized, proxy, connectionsMax]);
}
