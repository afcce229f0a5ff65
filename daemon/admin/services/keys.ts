/**
 * What happens to a key: made, shown, changed, revoked, rotated. Hides the order in which disk and shared memory learn
 * of it: a key that was answered is durable and visible, and one that was revoked is dead before the answer.
 */
import { GatewayError } from "../../../providers/gateway-error.ts";
import type { KeyDefinition, KeyHash, ScopeDefinition } from "../../governance/definitions.ts";
import type { Action, AuditEntry, KeyServices } from "../admin-services.ts";
import type { CreateKeyRequest, KeyListAnswer, KeyView, UpdateKeyRequest } from "../contract.ts";
import { type BudgetUsage, describeKey, viewKey } from "./key-view.ts";
import { changeBudgets, changeLimits } from "./scope-change.ts";

/** A key with everything that is its own. */
export type StoredKey = {
  readonly key: KeyDefinition;
  readonly scope: ScopeDefinition;
  readonly hashes: readonly KeyHash[];
};

/** A key before the store has numbered it. */
export type KeyDraft = {
  readonly key: Omit<KeyDefinition, "id" | "scopes">;
  readonly scope: Omit<ScopeDefinition, "id">;
  readonly hashes: readonly Omit<KeyHash, "keyId">[];
};

/** The rows. Writes resolve when they are durable, the audit record in the same transaction. */
export type KeyStore = {
  /** In order of id, from the one after `afterId`; `all`: revoked ones too. */
  page(query: {
    readonly afterId: number;
    readonly limit: number;
    readonly all: boolean;
  }): Promise<readonly StoredKey[]>;
  findById(publicId: string): Promise<StoredKey | undefined>;
  /** Not revoked, with exactly this name. */
  findByName(name: string): Promise<StoredKey | undefined>;
  create(draft: KeyDraft, audit: AuditEntry): Promise<StoredKey>;
  /** Makes the rows what is given: key, budgets and limits of its scope, and its hashes. */
  save(stored: StoredKey, audit: AuditEntry): Promise<void>;
};

/** The shared tables. Visible to every worker when `put` returns. */
export type KeyMemory = {
  put(stored: StoredKey): void;
  /** What is spent and held now, by slot; absent where no ledger runs. */
  usage(scope: ScopeDefinition): readonly BudgetUsage[];
};

export type MintedSecret = { readonly secret: string; readonly hash: Uint8Array; readonly prefix: string };

export type KeyServiceOptions = {
  readonly store: KeyStore;
  readonly memory: KeyMemory;
  readonly now: () => number;
  readonly mint: () => MintedSecret;
  /** `key_…`, random. */
  readonly publicId: () => string;
};

/** Changes run one after another, so that a name is taken once; more waiting than this means that the disk stands still. */
export const keyChangesWaitingMax = 256;
const pageDefault = 100;

export function createKeyService(options: KeyServiceOptions): KeyServices {
  const { store, memory, now, mint } = options;
  const inTurn = createTurns();

  function view(stored: StoredKey): KeyView {
    return viewKey(stored, memory.usage(stored.scope), now());
  }

  async function find(key: string): Promise<StoredKey> {
    const stored = key.startsWith("key_") ? await store.findById(key) : await store.findByName(key);
    if (stored === undefined) throw new GatewayError("not_found", `there is no key "${key}"`, { param: "key" });
    return stored;
  }

  async function findLive(key: string): Promise<StoredKey> {
    const stored = await find(key);
    if (stored.key.revokedAtMs === undefined) return stored;
    throw new GatewayError("conflict", `key "${stored.key.name}" is revoked, and that is for good`, { param: "key" });
  }

  async function assertNameFree(name: string): Promise<void> {
    const taken = await store.findByName(name);
    if (taken === undefined) return;
    throw new GatewayError("conflict", `there is a key "${name}" already (${taken.key.publicId})`, { param: "name" });
  }

  /** Disk first: what a client is told it has, a restart must not take away. */
  async function save(before: StoredKey, after: StoredKey, action: Action): Promise<void> {
    await store.save(after, auditOf(action, before, after));
    action.recorded();
    memory.put(after);
  }

  async function create(request: CreateKeyRequest, action: Action) {
    await assertNameFree(request.name);
    const { secret, hash, prefix } = mint();
    const draft = draftOf(request, { publicId: options.publicId(), prefix, hash, nowMs: now() });
    const stored = await store.create(
      draft,
      action.entry({ target: draft.key.publicId, after: describeKey(draft.key, draft.scope) }),
    );
    action.recorded();
    memory.put(stored);
    return { key: view(stored), secret };
  }

  async function update(key: string, request: UpdateKeyRequest, action: Action) {
    const before = await findLive(key);
    if (request.name !== undefined && request.name !== before.key.name) await assertNameFree(request.name);
    const after = updated(before, request, now());
    await save(before, after, action);
    return { key: view(after) };
  }

  /** Memory first: a leaked key must die now, even on a disk that is full. */
  async function revoke(key: string, action: Action) {
    const before = await find(key);
    if (before.key.revokedAtMs !== undefined) return { key: view(before) };
    const after = { ...before, key: { ...before.key, revokedAtMs: now() } };
    memory.put(after);
    try {
      await store.save(after, auditOf(action, before, after));
    } catch (cause) {
      const message = `key "${before.key.name}" is refused from now on, but its revocation could not be stored: revoke it again before the next restart`;
      throw new GatewayError("database_unavailable", message, { cause });
    }
    action.recorded();
    return { key: view(after) };
  }

  async function rotate(key: string, graceMs: number, action: Action) {
    const before = await findLive(key);
    const nowMs = now();
    const { secret, hash, prefix } = mint();
    const old = graceMs === 0 ? [] : before.hashes.filter((each) => (each.expiresAtMs ?? Infinity) > nowMs);
    const after: StoredKey = {
      key: { ...before.key, prefix },
      scope: before.scope,
      hashes: [
        { keyId: before.key.id, hash },
        ...old.map((each) => ({ ...each, expiresAtMs: Math.min(each.expiresAtMs ?? Infinity, nowMs + graceMs) })),
      ],
    };
    await save(before, after, action);
    return { key: view(after), secret };
  }

  return {
    create: (request, action) => inTurn(() => create(request, action)),
    update: (key, request, action) => inTurn(() => update(key, request, action)),
    revoke: (key, action) => inTurn(() => revoke(key, action)),
    rotate: (key, request, action) => inTurn(() => rotate(key, request.grace_ms ?? 0, action)),
    show: async (key) => ({ key: view(await find(key)) }),
    list: async (query): Promise<KeyListAnswer> => {
      const limit = query.limit ?? pageDefault;
      // One more than asked tells whether a page follows.
      const found = await store.page({ afterId: readCursor(query.after), limit: limit + 1, all: query.all ?? false });
      const page = found.slice(0, limit);
      return { keys: page.map(view), next: found.length > limit ? `${page.at(-1)!.key.id}` : null };
    },
  };
}

function draftOf(
  request: CreateKeyRequest,
  { publicId, prefix, hash, nowMs }: { publicId: string; prefix: string; hash: Uint8Array; nowMs: number },
): KeyDraft {
  return {
    key: {
      publicId,
      name: request.name,
      prefix,
      createdAtMs: nowMs,
      expiresAtMs: expiry(request, nowMs),
      disabled: false,
      policy: { models: request.models ?? ["*"] },
    },
    scope: {
      kind: "key",
      name: request.name,
      budgets: changeBudgets([], request.budgets ?? [], nowMs),
      limits: changeLimits([], request.limits ?? []),
      concurrencyMax: request.concurrency_max,
    },
    hashes: [{ hash }],
  };
}

function updated({ key, scope, hashes }: StoredKey, request: UpdateKeyRequest, nowMs: number): StoredKey {
  const isExpirySaid = request.expires_in_ms !== undefined || request.expires_at_ms !== undefined;
  return {
    key: {
      ...key,
      name: request.name ?? key.name,
      expiresAtMs: isExpirySaid ? expiry(request, nowMs) : key.expiresAtMs,
      disabled: request.disabled ?? key.disabled,
      policy: request.models === undefined ? key.policy : { ...key.policy, models: request.models },
    },
    scope: {
      ...scope,
      name: request.name ?? scope.name,
      budgets: request.budgets === undefined ? scope.budgets : changeBudgets(scope.budgets, request.budgets, nowMs),
      limits: request.limits === undefined ? scope.limits : changeLimits(scope.limits, request.limits),
      concurrencyMax:
        request.concurrency_max === undefined ? scope.concurrencyMax : (request.concurrency_max ?? undefined),
    },
    hashes,
  };
}

function expiry(request: Pick<UpdateKeyRequest, "expires_in_ms" | "expires_at_ms">, nowMs: number): number | undefined {
  if (request.expires_in_ms !== undefined) return nowMs + request.expires_in_ms;
  if (request.expires_at_ms === undefined || request.expires_at_ms === null) return undefined;
  if (request.expires_at_ms > nowMs) return request.expires_at_ms;
  throw new GatewayError("invalid_request", '"expires_at_ms": lies in the past', { param: "expires_at_ms" });
}

function auditOf(action: Action, before: StoredKey, after: StoredKey): AuditEntry {
  return action.entry({
    target: before.key.publicId,
    before: describeKey(before.key, before.scope),
    after: describeKey(after.key, after.scope),
  });
}

function readCursor(text: string | undefined): number {
  if (text === undefined) return 0;
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new GatewayError("invalid_request", '"after": is not a cursor of an earlier page', { param: "after" });
}

function createTurns(): <T>(change: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve();
  let waiting = 0;
  return (change) => {
    if (waiting >= keyChangesWaitingMax)
      return Promise.reject(
        new GatewayError("overloaded", `more than ${keyChangesWaitingMax} key changes are waiting`),
      );
    waiting += 1;
    const turn = last.then(change).finally(() => {
      waiting -= 1;
    });
    last = turn.catch(() => {});
    return turn;
  };
}
