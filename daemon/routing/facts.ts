/**
 * What rules may look at. Hides where each fact comes from, and that none is worked out before a rule asks for it.
 * Whole numbers are BigInt, since that is what CEL's `int` is in the library.
 */

/** Whatever a request is known by, as its surroundings can tell it. */
export type FactSource = {
  readonly model: string;
  readonly requestType: string;
  readonly stream: boolean;
  readonly inputTokens: number;
  readonly maxTokens: number | undefined;
  readonly hasTools: boolean;
  readonly nowMs: number;
  headers(): Readonly<Record<string, string>>;
  params(): Readonly<Record<string, unknown>>;
  caller(): CallerNames;
  usage(): UsageShares;
};

export type CallerNames = {
  readonly key: string;
  readonly keyId: string;
  readonly user: string;
  readonly team: string;
  readonly customer: string;
};

/** Percent of the caller's limits that are used: the fullest of each kind. */
export type UsageShares = { readonly budget: number; readonly tokens: number; readonly requests: number };

export class Facts {
  /** As asked, or as the rule before this one has chosen. */
  model: string;
  #provider: string | undefined;
  readonly #providerOf: () => string;
  readonly #source: FactSource;
  #headers: Readonly<Record<string, string>> | undefined;
  #params: Readonly<Record<string, unknown>> | undefined;
  #caller: CallerNames | undefined;
  #usage: UsageShares | undefined;
  #tokens: bigint | undefined;
  #now: Date | undefined;

  constructor(source: FactSource, providerOf: () => string) {
    this.#source = source;
    this.model = source.model;
    this.#providerOf = providerOf;
  }

  /** A rule has chosen. */
  moveTo(model: string, provider: string): void {
    this.model = model;
    this.#provider = provider;
  }

  get provider(): string {
    this.#provider ??= this.#providerOf();
    return this.#provider;
  }

  get request_type(): string {
    return this.#source.requestType;
  }
  get stream(): boolean {
    return this.#source.stream;
  }
  get headers(): Readonly<Record<string, string>> {
    this.#headers ??= this.#source.headers();
    return this.#headers;
  }
  get params(): Readonly<Record<string, unknown>> {
    this.#params ??= this.#source.params();
    return this.#params;
  }
  get key(): string {
    return this.#names.key;
  }
  get key_id(): string {
    return this.#names.keyId;
  }
  get user(): string {
    return this.#names.user;
  }
  get team(): string {
    return this.#names.team;
  }
  get customer(): string {
    return this.#names.customer;
  }
  get virtual_key_name(): string {
    return this.#names.key;
  }
  get virtual_key_id(): string {
    return this.#names.keyId;
  }
  get team_name(): string {
    return this.#names.team;
  }
  get customer_name(): string {
    return this.#names.customer;
  }
  get budget_used(): number {
    return this.#shares.budget;
  }
  get tokens_used(): number {
    return this.#shares.tokens;
  }
  get request(): number {
    return this.#shares.requests;
  }
  get tokens(): bigint {
    this.#tokens ??= BigInt(Math.ceil(this.#source.inputTokens));
    return this.#tokens;
  }
  get max_tokens(): bigint {
    return BigInt(this.#source.maxTokens ?? 0);
  }
  get has_tools(): boolean {
    return this.#source.hasTools;
  }
  get hour(): bigint {
    return BigInt(this.now.getUTCHours());
  }
  /** Sunday is 0. */
  get weekday(): bigint {
    return BigInt(this.now.getUTCDay());
  }
  get now(): Date {
    this.#now ??= new Date(this.#source.nowMs);
    return this.#now;
  }

  /** Whether a rule of this scope is about the caller. */
  isOf(kind: "key" | "user" | "team" | "customer", name: string): boolean {
    return this.#names[kind] === name || (kind === "key" && this.#names.keyId === name);
  }

  get #names(): CallerNames {
    this.#caller ??= this.#source.caller();
    return this.#caller;
  }
  get #shares(): UsageShares {
    this.#usage ??= this.#source.usage();
    return this.#usage;
  }
}
