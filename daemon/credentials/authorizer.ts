/**
 * A worker's proofs to the clouds, a request at a time. Hides that credentials are fetched and renewed elsewhere: while
 * one is good nobody waits, and before the first has come requests wait a bounded time.
 */
import { GatewayError } from "../../providers/gateway-error.ts";
import type { Identity, ProviderData } from "../config/generation.ts";
import type { Signer } from "./sign.ts";
import type { Held, Lasting } from "./source.ts";
import type { FromCredentials, Wanted } from "./thread.ts";

/** What a signature covers. */
export type Signable = {
  readonly method: string;
  /** With its port where that is not the usual one, as the `host` header says it. */
  readonly host: string;
  /** Path and query as they are sent. */
  readonly path: string;
  /** Undefined where the request says none, for want of a body. */
  readonly contentType: string | undefined;
  readonly body: Uint8Array;
};

export type Authorizer = {
  /** Flat name, value pairs. A promise while there is no credential yet, or where it is a signature. */
  authorize(request: Signable): readonly string[] | Promise<readonly string[]>;
  /** What must not be told to anybody, as it is now. */
  secrets(): readonly string[];
};

/** A request waits this long for a first credential, or for one in place of what has ended. */
const waitMsMax = 20_000;
/** Requests that may wait for one credential; one more is refused. */
const waitingMax = 1_000;

/** They outlive generations, as connections do: a reload fetches no credential anew. */
export class Authorizers {
  readonly #byKey = new Map<string, HeldCredential>();

  get({ name, identity }: ProviderData): Authorizer | undefined {
    return identity === undefined ? undefined : this.#held(name, identity);
  }

  /** What the thread that fetches credentials has told. */
  take(told: FromCredentials): void {
    const { provider, identity } = unkeyed(told.key);
    const held = this.#held(provider, identity);
    if (told.type === "renewed") held.renew(told);
    else held.fail();
  }

  /** Lets go of what no provider of the newest generation uses. */
  retain(providers: readonly ProviderData[]): void {
    const keys = new Set(wantedBy(providers).map(({ key }) => key));
    for (const key of this.#byKey.keys()) if (!keys.has(key)) this.#byKey.delete(key);
  }

  #held(provider: string, identity: Identity): HeldCredential {
    const key = keyOf(provider, identity);
    let held = this.#byKey.get(key);
    if (held === undefined) {
      held = new HeldCredential(provider, identity);
      this.#byKey.set(key, held);
    }
    return held;
  }
}

/** The credentials that a generation needs. */
export function wantedBy(providers: readonly ProviderData[]): readonly Wanted[] {
  return providers.flatMap(({ name, identity }) =>
    identity === undefined ? [] : [{ key: keyOf(name, identity), provider: name, identity }],
  );
}

function keyOf(provider: string, identity: Identity): string {
  return JSON.stringify({ provider, identity });
}

function unkeyed(key: string): { readonly provider: string; readonly identity: Identity } {
  return JSON.parse(key) as { provider: string; identity: Identity };
}

type Waiting = { readonly resolve: (held: Held) => void; readonly reject: (error: GatewayError) => void };

/** One credential as a worker holds it. */
class HeldCredential implements Authorizer {
  readonly #provider: string;
  readonly #identity: Identity;
  #current: Lasting | undefined;
  #signer: Promise<Signer> | undefined;
  #waiting: Waiting[] = [];
  #timer: NodeJS.Timeout | undefined;
  /** The last try failed, and there is no credential that is good: who asks now hears of it at once. */
  #failed = false;

  constructor(provider: string, identity: Identity) {
    this.#provider = provider;
    this.#identity = identity;
  }

  authorize(request: Signable): readonly string[] | Promise<readonly string[]> {
    const { expiresAt, held } = this.#current ?? {};
    if (held !== undefined && (expiresAt === undefined || Date.now() < expiresAt)) return this.#prove(held, request);
    if (this.#failed || this.#waiting.length >= waitingMax) throw this.#unobtainable();
    return new Promise<Held>((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.#timer ??= setTimeout(() => this.fail(), waitMsMax).unref();
    }).then((found) => this.#prove(found, request));
  }

  secrets(): readonly string[] {
    const held = this.#current?.held;
    if (held === undefined) return [];
    if (held.kind === "headers") return held.headers.flatMap((text) => /^Bearer (.+)$/.exec(text)?.[1] ?? []);
    const { accessKeyId, secretAccessKey, sessionToken } = held.keys;
    return sessionToken === undefined ? [accessKeyId, secretAccessKey] : [accessKeyId, secretAccessKey, sessionToken];
  }

  renew(lasting: Lasting): void {
    this.#current = { held: lasting.held, expiresAt: lasting.expiresAt };
    this.#signer = undefined;
    this.#failed = false;
    for (const { resolve } of this.#release()) resolve(lasting.held);
  }

  fail(): void {
    this.#failed = true;
    for (const { reject } of this.#release()) reject(this.#unobtainable());
  }

  #release(): readonly Waiting[] {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const waiting = this.#waiting;
    this.#waiting = [];
    return waiting;
  }

  #prove(held: Held, request: Signable): readonly string[] | Promise<readonly string[]> {
    if (held.kind === "headers") return held.headers;
    const identity = this.#identity;
    if (identity.kind !== "aws") throw this.#unobtainable();
    const { region, service } = identity;
    this.#signer ??= import("./sign.ts").then(({ createSigner }) => createSigner(held.keys, region, service));
    return this.#signer.then((sign) => sign(request));
  }

  #unobtainable(): GatewayError {
    const provider = this.#provider;
    return new GatewayError("upstream_credential", `the gateway could not obtain its credential for ${provider}`, {
      source: "provider",
      provider,
    });
  }
}
