/**
 * An upstream behind a forward proxy. undici's own agent keeps the tunnels; what is over the limit waits here, where
 * it can leave. Hides that undici's clients, a third of a worker's code, are loaded with the first call.
 */
import type { Dispatcher } from "undici";
import { type Call, type Origin, waitingPerConnection } from "./origin.ts";
import type { Agent, Connect } from "./proxy-agent.ts";

/** From here on a body is handed to undici so that it can be freed. */
const releasableBytesMin = 32 * 1024;

export class ProxiedOrigin implements Origin {
  readonly #origin: string;
  readonly #proxy: string;
  readonly #connect: Connect;
  readonly #max: number;
  #agent: Agent | undefined;
  #loading: Promise<void> | undefined;
  #inFlight = 0;
  #waiting: Call[] = [];

  constructor(origin: string, proxy: string, connect: Connect, max: number) {
    this.#origin = origin;
    this.#proxy = proxy;
    this.#connect = connect;
    this.#max = max;
  }

  dispatch(call: Call): boolean {
    if (this.#agent !== undefined && this.#inFlight < this.#max) {
      this.#send(call, this.#agent);
      return true;
    }
    // Until it is loaded those wait as well that will be sent at once.
    const waitingMax = this.#max * (waitingPerConnection + (this.#agent === undefined ? 1 : 0));
    if (this.#waiting.length >= waitingMax) this.#waiting = this.#waiting.filter((other) => !other.cancelled);
    if (this.#waiting.length >= waitingMax) return false;
    this.#waiting.push(call);
    this.#loading ??= this.#load();
    return true;
  }

  /** Requests of an older generation may still come; the tunnels end by themselves when they have been idle. */
  close(): void {}

  /** What cannot be loaded fails who waits for it, and is tried again for the next. */
  async #load(): Promise<void> {
    try {
      const { openProxyAgent } = await import("./proxy-agent.ts");
      this.#agent = openProxyAgent(this.#proxy, this.#connect);
    } catch (error) {
      this.#loading = undefined;
      for (const call of this.#waiting.splice(0)) call.onResponseError(undefined as never, error as Error);
      return;
    }
    while (this.#inFlight < this.#max && this.#waiting.length > 0) this.#next(this.#agent);
  }

  #send(call: Call, agent: Agent): void {
    this.#inFlight += 1;
    let released = false;
    call.release = () => {
      if (released) return;
      released = true;
      this.#inFlight -= 1;
      this.#next(agent);
    };
    // A plain-text upstream is reached by a client of the proxy's own making, which knows of no option but these.
    agent.dispatch({ ...releasable(call.options), origin: this.#origin, headersTimeout: 0, bodyTimeout: 0 }, call);
  }

  #next(agent: Agent): void {
    for (;;) {
      const next = this.#waiting.shift();
      if (next === undefined) return;
      if (next.cancelled) continue;
      this.#send(next, agent);
      return;
    }
  }
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
