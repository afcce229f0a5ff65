/**
 * Connections to upstreams: a last-in-first-out stack of undici clients per origin, with a waiting queue of ours.
 * undici's Pool searches its clients one by one and cannot cancel what it has queued; here a pick is O(1), and
 * what still waits can leave.
 */
import type { LookupFunction } from "node:net";
import type { Client as ClientType, Dispatcher } from "undici";
import connectThrough from "undici/lib/api/api-connect.js";
import Client from "undici/lib/dispatcher/client.js";
import Pool from "undici/lib/dispatcher/pool.js";
import ProxyAgent from "undici/lib/dispatcher/proxy-agent.js";
import type { ProviderData } from "../config/generation.ts";
import { createLookup } from "./host-names.ts";

/** What an attempt hands over. `onAssigned` tells it when it has left the queue and the connection is being used. */
export type Call = Dispatcher.DispatchHandler & {
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

/** Idle upstream sockets live this long. */
const idleSocketMs = 60_000;
const headerBytesMax = 32 * 1024;
/** Calls that may wait for a connection, as a multiple of the connections allowed. */
const waitingPerConnection = 4;

class ClientStack implements Origin {
  readonly #origin: string;
  readonly #options: ClientType.Options;
  readonly #max: number;
  readonly #idle: ClientType[] = [];
  readonly #all = new Set<ClientType>();
  #waiting: Call[] = [];
  #closed = false;

  constructor(origin: string, options: ClientType.Options, max: number) {
    this.#origin = origin;
    this.#options = options;
    this.#max = max;
  }

  dispatch(call: Call): boolean {
    const client = this.#idle.pop() ?? (this.#all.size < this.#max ? this.#open() : undefined);
    if (client === undefined) {
      if (this.#waiting.length >= this.#max * waitingPerConnection) this.#dropCancelled();
      if (this.#waiting.length >= this.#max * waitingPerConnection) return false;
      this.#waiting.push(call);
      return true;
    }
    this.#send(client, call);
    return true;
  }

  close(): void {
    this.#closed = true;
    for (const client of this.#idle) this.#discard(client);
    this.#idle.length = 0;
  }

  #open(): ClientType {
    const client = new Client(this.#origin, this.#options);
    this.#all.add(client);
    client.on("disconnect", () => {
      const at = this.#idle.lastIndexOf(client);
      if (at < 0) return; // busy: its release decides
      this.#idle.splice(at, 1);
      this.#discard(client);
    });
    return client;
  }

  #send(client: ClientType, call: Call): void {
    let released = false;
    call.release = (reusable) => {
      if (released) return;
      released = true;
      this.#released(client, reusable);
    };
    client.dispatch(call.options, call);
  }

  #released(client: ClientType, reusable: boolean): void {
    let usable: ClientType | undefined = reusable && !this.#closed ? client : undefined;
    if (!reusable || this.#closed) this.#discard(client);
    while (this.#waiting.length > 0) {
      const next = this.#waiting.shift();
      if (next === undefined || next.cancelled) continue;
      usable ??= this.#open();
      this.#send(usable, next);
      return;
    }
    if (usable !== undefined) this.#idle.push(usable);
  }

  #dropCancelled(): void {
    this.#waiting = this.#waiting.filter((call) => !call.cancelled);
  }

  #discard(client: ClientType): void {
    this.#all.delete(client);
    client.destroy().catch(() => undefined);
  }
}

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
    this.#agent.dispatch({ ...call.options, origin: this.#origin, headersTimeout: 0, bodyTimeout: 0 }, call);
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

  get(provider: ProviderData): Origin {
    const origin = new URL(provider.baseUrl).origin;
    const key = originKey(provider);
    const known = this.#byKey.get(key);
    if (known !== undefined) return known;
    const options: ClientType.Options = {
      pipelining: 1,
      headersTimeout: 0,
      bodyTimeout: 0,
      keepAliveTimeout: idleSocketMs,
      keepAliveMaxTimeout: idleSocketMs,
      maxHeaderSize: headerBytesMax,
      allowH2: false,
      connectTimeout: 0, // the attempt's own timer rules
      connect: {
        lookup: this.#lookup,
        rejectUnauthorized: provider.tls.rejectUnauthorized,
        ...(provider.tls.ca === undefined ? {} : { ca: provider.tls.ca }),
      },
    };
    const made =
      provider.proxy === undefined
        ? new ClientStack(origin, options, provider.connectionsMax)
        : new ProxiedOrigin(origin, provider.proxy, options, provider.connectionsMax);
    this.#byKey.set(key, made);
    return made;
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
