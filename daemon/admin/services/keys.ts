/**
 * What happens to a key: made, shown, changed, revoked, rotated. Hides the order in which disk and shared memory learn
 * of it: a key that was answered is durable and visible, and one that was revoked is dead before the answer.
 */
import { GatewayError } from "../../../providers/gateway-error.ts";
import type { Balance, KeyDefinition, KeyHash, KeyPolicy, ScopeDefinition } from "../../governance/definitions.ts";
import type { Command, CommandResult, NewKey, ProviderChange } from "../../store/commands/command.ts";
import type { Action, KeyServices } from "../admin-services.ts";
import type {
  AdoptKeyRequest,
  AdoptKeysAnswer,
  CreateKeyRequest,
  KeyListAnswer,
  KeyListQuery,
  KeySecretAnswer,
  KeyView,
  ProviderConfigRequest,
  RotateKeysRequest,
  UpdateKeyRequest,
} from "../contract/keys.ts";
import { assertMatch, assertOurs, etagOf, type Governance } from "./governance.ts";
import { changeOf, viewKey } from "./key-view.ts";
import { budgetInputs, mergeLimits } from "./limit-change.ts";
import { sliceOf } from "./list-order.ts";
import { checkNames } from "./name-check.ts";
import { changedAttributes, newAttributes, parentOf, referenceTo } from "./owner-change.ts";
import { noSuch } from "./owner-rows.ts";
import { parentWithin } from "./reach.ts";

/** A key with everything that is its own. */
export type StoredKey = {
  readonly key: KeyDefinition;
  readonly hashes: readonly KeyHash[];
  readonly scopes: readonly ScopeDefinition[];
  /** What a new one has spent. */
  readonly balances?: readonly Balance[] | undefined;
};

export type KeyCommand = Extract<
  Command,
  { kind: "create_key" | "create_keys" | "update_key" | "revoke_key" | "rotate_key" }
>;

/** The rows. */
export type KeyStore = {
  /** In order of id, from the one after `afterId`; `all`: revoked ones too. */
  page(query: {
    readonly afterId: number;
    readonly limit: number;
    /** Column names. Absent: `id`. */
    readonly orderBy?: string | undefined;
    readonly offset?: number | undefined;
    readonly all: boolean;
    readonly search?: string | undefined;
    readonly parentId?: number | undefined;
  }): Promise<readonly StoredKey[]>;
  count(query: {
    readonly all: boolean;
    readonly search?: string | undefined;
    readonly parentId?: number | undefined;
  }): Promise<number>;
  findById(publicId: string): Promise<StoredKey | undefined>;
  findByHash(hash: Uint8Array): Promise<StoredKey | undefined>;
  /** Not revoked, with exactly this name. */
  findByName(name: string): Promise<StoredKey | undefined>;
  /** Names are given once, whether or not who asks may see to whom. */
  isTaken(name: string): Promise<boolean>;
  /** Resolves when change and audit record are durable, together. */
  execute(command: KeyCommand, actor: string): Promise<CommandResult>;
};

export type MintedSecret = { readonly secret: string; readonly hash: Uint8Array; readonly prefix: string };

export type KeyServiceOptions = {
  readonly store: KeyStore;
  readonly governance: Governance;
  readonly mint: () => MintedSecret;
  /** `key_…`, random. */
  readonly publicId: () => string;
};

const keyParents = ["customer", "team", "user"];

export function createKeyService(options: KeyServiceOptions): KeyServices {
  const { store, mint } = options;
  const { rows, memory, inTurn, now, reach } = options.governance;

  function view(stored: StoredKey): KeyView {
    const [scope] = stored.scopes;
    return viewKey(stored, memory.usage, referenceTo(rows, scope?.parentId), now());
  }

  async function find(key: string): Promise<StoredKey> {
    const stored = key.startsWith("key_") ? await store.findById(key) : await store.findByName(key);
    if (stored === undefined) throw noSuch(rows, "key", key, "key");
    return stored;
  }

  /** What may be changed here: alive, not the file's, and not another version than the client's. */
  async function findLive(key: string, action: Action): Promise<StoredKey> {
    const stored = await find(key);
    assertOurs(stored.key.source, `key "${stored.key.name}"`);
    assertMatch(action, etagOf(changeOf(stored)));
    if (stored.key.revokedAtMs === undefined) return stored;
    throw new GatewayError("conflict", `key "${stored.key.name}" is revoked, and that is for good`, { param: "key" });
  }

  async function assertNameFree(name: string): Promise<void> {
    if (!(await store.isTaken(name))) return;
    const taken = await store.findByName(name);
    const which = taken === undefined ? "" : ` (${taken.key.publicId})`;
    throw new GatewayError("conflict", `there is a key "${name}" already${which}`, { param: "name" });
  }

  /** Disk first: what a client is told it has, a restart must not take away. */
  async function commit(command: KeyCommand, action: Action): Promise<KeyView> {
    const result = await store.execute(command, action.actor);
    action.recorded();
    return take(result, command.kind);
  }

  function take({ key, hashes, scopes, deletedScopes, balances }: CommandResult, kind: string): KeyView {
    if (key === undefined) throw new Error(`${kind} left no key`);
    const stored = { key, hashes, scopes };
    memory.put(balances === undefined ? stored : { ...stored, balances });
    if (deletedScopes !== undefined && deletedScopes.length > 0) memory.apply({ deletedScopes });
    return view(stored);
  }

  async function create(request: CreateKeyRequest, action: Action) {
    await assertNameFree(request.name);
    const warned = checkNames(request, await options.governance.known?.());
    const { secret, ...minted } = mint();
    return { key: await commit({ kind: "create_key", ...newKey(request, minted) }, action), secret, ...warned };
  }

  /** A key whose secret was made elsewhere, and is known by its hash alone. */
  async function adopt(request: AdoptKeyRequest, action: Action) {
    await assertNameFree(request.name);
    return { key: await commit({ kind: "create_key", ...adoptedKey(request) }, action) };
  }

  /** One transaction, and one wait for the disk. What is there already stays as it is. */
  async function adoptAll(requests: readonly AdoptKeyRequest[], action: Action): Promise<AdoptKeysAnswer> {
    const seen = new Set<string>();
    const wanted: AdoptKeyRequest[] = [];
    const present: string[] = [];
    for (const request of requests) {
      const { name, secret_sha256: secret } = request;
      const isKnown = (await store.isTaken(name)) || (await store.findByHash(Buffer.from(secret, "hex"))) !== undefined;
      if (isKnown || seen.has(name) || seen.has(secret)) present.push(name);
      else wanted.push(request);
      seen.add(name).add(secret);
    }
    if (wanted.length === 0) return { keys: [], present };
    const result = await store.execute({ kind: "create_keys", keys: wanted.map(adoptedKey) }, action.actor);
    action.recorded();
    const made = (result.made ?? []).map((each) => take(each, "create_keys"));
    return { keys: made.map(({ id, name }) => ({ id, name })), present };
  }

  function adoptedKey({ secret_sha256, spent_nano: spentNano, disabled, ...request }: AdoptKeyRequest): NewKey {
    const minted = { hash: Buffer.from(secret_sha256, "hex"), prefix: request.prefix ?? "…" };
    return { ...newKey(request, minted), spentNano, disabled, adopted: true };
  }

  function newKey(request: CreateKeyRequest, { hash, prefix }: Omit<MintedSecret, "secret">): NewKey {
    const expiresAtMs = expiry(request, now()) ?? undefined;
    const budgets = budgetInputs(request.budgets ?? []);
    const limits = mergeLimits([], request.limits ?? []);
    const { name, models = ["*"], concurrency_max: concurrencyMax } = request;
    return {
      publicId: options.publicId(),
      ...{ name, prefix, hash, expiresAtMs, budgets, limits, concurrencyMax },
      parentId: parentWithin(reach, parentOf(rows, request), keyParents)?.id,
      policy: {
        models,
        ...(request.blocked?.length ? { blocked: request.blocked } : {}),
        ...(request.content === undefined ? {} : { content: request.content }),
        ...(request.unsupported == null ? {} : { unsupported: request.unsupported }),
        ...(request.raw === true ? { raw: true } : {}),
        ...changedBounds({}, request),
      },
      providers: request.providers?.map(providerChange),
      attributes: newAttributes("key", { description: request.description, metadata: request.metadata }),
      deleteExpired: request.delete_expired,
    };
  }

  async function update(name: string, request: UpdateKeyRequest, action: Action) {
    const { key, scopes } = await findLive(name, action);
    const { budgets, limits, blocked, description, metadata } = request;
    const models = request.models === undefined ? key.policy.models : (request.models ?? ["*"]);
    const parent = parentOf(rows, request);
    if (parent === null) parentWithin(reach, parent, keyParents);
    const kept = key.policy.providers?.map(({ provider }) => provider);
    const warned = checkNames(request, await options.governance.known?.(), kept);
    const change: KeyCommand = {
      kind: "update_key",
      keyId: key.id,
      name: request.name,
      policy: {
        ...{ ...key.policy, models },
        blocked: blocked === undefined ? key.policy.blocked : (blocked ?? undefined),
        content: request.content === undefined ? key.policy.content : (request.content ?? undefined),
        unsupported: request.unsupported === undefined ? key.policy.unsupported : (request.unsupported ?? undefined),
        raw: (request.raw === undefined ? key.policy.raw : request.raw) || undefined,
        ...changedBounds(key.policy, request),
      },
      parentId: parent === undefined ? undefined : (parent?.id ?? null),
      providers: request.providers === null ? null : request.providers?.map(providerChange),
      attributes: changedAttributes(scopes[0]?.attributes, { description, metadata }),
      // null is what a new key has.
      deleteExpired: request.delete_expired === null ? false : request.delete_expired,
      disabled: request.disabled === null ? false : request.disabled,
      expiresAtMs: expiry(request, now()),
      budgets: budgets === undefined ? undefined : budgetInputs(budgets ?? []),
      limits: limits === null ? [] : limits && mergeLimits(scopes[0]?.limits ?? [], limits),
      concurrencyMax: request.concurrency_max,
      resetsBudgets: request.reset_budget_usage,
    };
    if (request.name !== undefined && request.name !== key.name) await assertNameFree(request.name);
    return { key: await commit(change, action), ...warned };
  }

  /** Memory first: a leaked key must die now, even on a disk that is full. */
  async function revoke(name: string, action: Action) {
    const stored = await find(name);
    assertOurs(stored.key.source, `key "${stored.key.name}"`);
    assertMatch(action, etagOf(changeOf(stored)));
    if (stored.key.revokedAtMs !== undefined) return { key: view(stored) };
    memory.put({ ...stored, key: { ...stored.key, revokedAtMs: now() } });
    try {
      return { key: await commit({ kind: "revoke_key", keyId: stored.key.id }, action) };
    } catch (cause) {
      const message = `key "${stored.key.name}" is refused from now on, but that could not be stored: revoke it again before the next restart`;
      throw new GatewayError("database_unavailable", message, { cause });
    }
  }

  async function rotate(name: string, graceMs: number, action: Action) {
    const { key } = await findLive(name, action);
    const { secret, hash, prefix } = mint();
    const graceUntilMs = graceMs === 0 ? undefined : now() + graceMs;
    return { key: await commit({ kind: "rotate_key", keyId: key.id, prefix, hash, graceUntilMs }, action), secret };
  }

  /** One that cannot be rotated must not cost the others their new secrets, which are told this once. */
  async function rotateAll({ ids, grace_ms: graceMs = 0 }: RotateKeysRequest, action: Action) {
    const rotated: KeySecretAnswer[] = [];
    const failed: { id: string; code: string; message: string }[] = [];
    for (const id of ids) {
      try {
        rotated.push(await inTurn(() => rotate(id, graceMs, action)));
      } catch (error) {
        const isFault = !(error instanceof GatewayError);
        if (ids.length === 1 || (isFault && rotated.length === 0)) throw error;
        failed.push(
          isFault
            ? { id, code: "internal_error", message: "internal error" }
            : { id, code: error.code, message: error.message },
        );
      }
    }
    return { rotated, failed };
  }

  function filterOf(query: KeyListQuery) {
    const { all = false, search, customer = query.customer_id, team = query.team_id, user } = query;
    return { all, search, parentId: parentOf(rows, { customer, team, user })?.id };
  }

  return {
    create: (request, action) => inTurn(() => create(request, action)),
    adopt: (request, action) => inTurn(() => adopt(request, action)),
    adoptAll: ({ keys }, action) => inTurn(() => adoptAll(keys, action)),
    update: (key, request, action) => inTurn(() => update(key, request, action)),
    revoke: (key, action) => inTurn(() => revoke(key, action)),
    rotate: (key, request, action) => inTurn(() => rotate(key, request.grace_ms ?? 0, action)),
    rotateAll,
    async identify(hash) {
      const stored = await store.findByHash(hash);
      if (stored === undefined)
        throw new GatewayError("not_found", "there is no key with this secret", { param: "key" });
      return stored.key.publicId;
    },
    async holder(hash) {
      const stored = await store.findByHash(hash);
      if (stored === undefined) throw new GatewayError("invalid_api_key", "this API key is not known here");
      const end = stored.hashes.find((each) => Buffer.compare(each.hash, hash) === 0)?.expiresAtMs;
      const key = view(stored);
      if (key.state === "expired" || (end !== undefined && end <= now()))
        throw new GatewayError("expired_api_key", "this API key has expired");
      if (key.state !== "active") throw new GatewayError("blocked_api_key", `this API key is ${key.state}`);
      return { key };
    },
    show: async (key) => ({ key: view(await find(key)) }),
    list: async (query): Promise<KeyListAnswer> => {
      const { afterId, orderBy, limit, offset, hasCursor } = sliceOf(query);
      // One more than asked tells whether a page follows.
      const filter = filterOf(query);
      const found = await store.page({ ...filter, afterId, orderBy, offset, limit: limit + 1 });
      const page = found.slice(0, limit);
      return {
        keys: page.map(view),
        count: page.length,
        total_count: await store.count(filter),
        ...{ limit, offset },
        next: hasCursor && found.length > limit ? `${page.at(-1)!.key.id}` : null,
      };
    },
  };
}

/** Each as a whole: what is said replaces it, and null takes it away. */
function changedBounds(
  { operations, aliases, required }: Partial<KeyPolicy>,
  request: Pick<UpdateKeyRequest, "operations" | "aliases" | "required">,
): Pick<KeyPolicy, "operations" | "aliases" | "required"> {
  const wanted = {
    operations: request.operations === undefined ? operations : (request.operations as KeyPolicy["operations"] | null),
    aliases: request.aliases === undefined ? aliases : request.aliases,
    required: request.required === undefined ? required : request.required,
  };
  // Equal policies are one text in memory, so what says nothing is left out. No operations at all is something.
  const isSaid = ([name, value]: [string, object | null | undefined]) =>
    value != null && (name === "operations" || Object.keys(value).length > 0);
  return Object.fromEntries(Object.entries(wanted).map((entry) => (isSaid(entry) ? entry : [entry[0], undefined])));
}

/** undefined: not said; null: never. */
export function expiry(
  { expires_in_ms, expires_at_ms }: Pick<UpdateKeyRequest, "expires_in_ms" | "expires_at_ms">,
  nowMs: number,
): number | null | undefined {
  if (expires_in_ms !== undefined) return nowMs + expires_in_ms;
  if (expires_at_ms === undefined || expires_at_ms === null || expires_at_ms > nowMs) return expires_at_ms;
  throw new GatewayError("invalid_request", '"expires_at_ms": lies in the past', { param: "expires_at_ms" });
}

function providerChange(request: ProviderConfigRequest): ProviderChange {
  const { provider, weight, models, blocked, credentials } = request;
  return {
    provider,
    ...(weight === undefined ? {} : { weight }),
    ...(models === undefined ? {} : { models }),
    ...(blocked === undefined ? {} : { blocked }),
    ...(credentials === undefined ? {} : { credentials }),
    budgets: budgetInputs(request.budgets ?? []),
    limits: mergeLimits([], request.limits ?? []),
    concurrencyMax: request.concurrency_max,
  };
}
