/**
 * What happens to a key: made, shown, changed, revoked, rotated. Hides the order in which disk and shared memory learn
 * of it: a key that was answered is durable and visible, and one that was revoked is dead before the answer.
 */
import { GatewayError } from "../../../providers/gateway-error.ts";
import type { KeyDefinition, KeyHash, ScopeDefinition } from "../../governance/definitions.ts";
import type { Command, CommandResult } from "../../store/commands/command.ts";
import type { Action, KeyServices } from "../admin-services.ts";
import type { CreateKeyRequest, KeyListAnswer, KeyView, UpdateKeyRequest } from "../contract/keys.ts";
import { type BudgetUsage, viewKey } from "./key-view.ts";
import { budgetInputs, mergeLimits } from "./limit-change.ts";

/** A key with everything that is its own. */
export type StoredKey = {
  readonly key: KeyDefinition;
  readonly hashes: readonly KeyHash[];
  readonly scopes: readonly ScopeDefinition[];
};

export type KeyCommand = Extract<Command, { kind: "create_key" | "update_key" | "revoke_key" | "rotate_key" }>;

/** The rows. */
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
  /** Resolves when change and audit record are durable, together. */
  execute(command: KeyCommand, actor: string): Promise<CommandResult>;
};

/** The shared tables. */
export type KeyMemory = {
  /** New or changed, with all its hashes and scopes; visible to every worker when it returns. */
  put(stored: StoredKey): void;
  /** What is spent and held now; empty where no ledger runs. */
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
    const [scope] = stored.scopes;
    return viewKey(stored, scope === undefined ? [] : memory.usage(scope), now());
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
  async function commit(command: KeyCommand, action: Action): Promise<KeyView> {
    const { key, hashes, scopes } = await store.execute(command, action.actor);
    action.recorded();
    if (key === undefined) throw new Error(`${command.kind} left no key`);
    const stored = { key, hashes, scopes };
    memory.put(stored);
    return view(stored);
  }

  async function create(request: CreateKeyRequest, action: Action) {
    const expiresAtMs = expiry(request, now()) ?? undefined;
    const budgets = budgetInputs(request.budgets ?? []);
    const limits = mergeLimits([], request.limits ?? []);
    await assertNameFree(request.name);
    const { secret, hash, prefix } = mint();
    const { name, models = ["*"], concurrency_max: concurrencyMax } = request;
    const key = await commit(
      {
        kind: "create_key",
        publicId: options.publicId(),
        ...{ name, prefix, hash, expiresAtMs, budgets, limits, concurrencyMax },
        policy: { models },
      },
      action,
    );
    return { key, secret };
  }

  async function update(name: string, request: UpdateKeyRequest, action: Action) {
    const { key, scopes } = await findLive(name);
    const { budgets, limits, models } = request;
    const change: KeyCommand = {
      kind: "update_key",
      keyId: key.id,
      name: request.name,
      policy: models === undefined ? undefined : { ...key.policy, models },
      disabled: request.disabled,
      expiresAtMs: expiry(request, now()),
      budgets: budgets === undefined ? undefined : budgetInputs(budgets),
      limits: limits === undefined ? undefined : mergeLimits(scopes[0]?.limits ?? [], limits),
      concurrencyMax: request.concurrency_max,
    };
    if (request.name !== undefined && request.name !== key.name) await assertNameFree(request.name);
    return { key: await commit(change, action) };
  }

  /** Memory first: a leaked key must die now, even on a disk that is full. */
  async function revoke(name: string, action: Action) {
    const stored = await find(name);
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
    const { key } = await findLive(name);
    const { secret, hash, prefix } = mint();
    const graceUntilMs = graceMs === 0 ? undefined : now() + graceMs;
    return { key: await commit({ kind: "rotate_key", keyId: key.id, prefix, hash, graceUntilMs }, action), secret };
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

/** undefined: not said; null: never. */
function expiry(
  { expires_in_ms, expires_at_ms }: Pick<UpdateKeyRequest, "expires_in_ms" | "expires_at_ms">,
  nowMs: number,
): number | null | undefined {
  if (expires_in_ms !== undefined) return nowMs + expires_in_ms;
  if (expires_at_ms === undefined || expires_at_ms === null || expires_at_ms > nowMs) return expires_at_ms;
  throw new GatewayError("invalid_request", '"expires_at_ms": lies in the past', { param: "expires_at_ms" });
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
