/**
 * What the daemon puts behind the admin API, as an interface of values. Hides from the routes where keys, logs and
 * config live; the composition root implements it, over running threads or over the files alone.
 */

import type { AlertsAnswer, AlertTestAnswer } from "./contract/alerts.ts";
import type {
  AuditExportQuery,
  AuditListAnswer,
  AuditListQuery,
  AuditVerifyAnswer,
  LedgerCheckAnswer,
  StoreCheckAnswer,
} from "./contract/audit.ts";
import type {
  ConfigDiffAnswer,
  ConfigDiffQuery,
  ConfigHistoryAnswer,
  ConfigRollbackRequest,
  ConfigValidateAnswer,
  ConfigValidateRequest,
} from "./contract/config.ts";
import type {
  ProvidersAnswer,
  ReloadAnswer,
  RestartRequest,
  StatusAnswer,
  StopAnswer,
  StopRequest,
} from "./contract/daemon.ts";
import type { EgressAnswer } from "./contract/egress.ts";
import type { FeedQuery } from "./contract/feed.ts";
import type { HostsAnswer } from "./contract/hosts.ts";
import type {
  AdoptKeyRequest,
  AdoptKeysAnswer,
  AdoptKeysRequest,
  CreateKeyRequest,
  KeyAnswer,
  KeyListAnswer,
  KeyListQuery,
  KeySecretAnswer,
  KeySecretsAnswer,
  RotateKeyRequest,
  RotateKeysRequest,
  UpdateKeyRequest,
} from "./contract/keys.ts";
import type { ModelsAnswer, ModelsQuery } from "./contract/models.ts";
import type {
  BudgetAnswer,
  BudgetListAnswer,
  BudgetListQuery,
  CreateOwnerRequest,
  LimitListAnswer,
  OverrideRequest,
  OwnerAnswer,
  OwnerKind,
  OwnerListAnswer,
  OwnerListQuery,
  TopUpRequest,
  UpdateOwnerRequest,
  WalletAnswer,
} from "./contract/owners.ts";
import type { RepriceAnswer, RepriceRequest } from "./contract/reprice.ts";
import type {
  CreatePriceRequest,
  CreateRuleRequest,
  OwnListQuery,
  PriceRuleAnswer,
  PriceRulesAnswer,
  RouteTestAnswer,
  RouteTestRequest,
  RuleAnswer,
  RulesAnswer,
  UpdatePriceRequest,
  UpdateRuleRequest,
} from "./contract/routing.ts";
import type {
  CreateTokenRequest,
  TokenAnswer,
  TokenListAnswer,
  TokenListQuery,
  TokenSecretAnswer,
  UpdateTokenRequest,
} from "./contract/tokens.ts";
import type { LogServices } from "./log-services.ts";
import type { Permission } from "./permissions.ts";
import type { Tell } from "./route.ts";

/**
 * One mutating call under way. Exactly one audit record comes of it: a service that writes it in the same transaction
 * as its change says `recorded()`; for the others the router records when they return or throw. `entry` makes that
 * record for a service that must write it itself, as one that ends the process must.
 */
export type Action = {
  readonly actor: string;
  readonly name: string;
  readonly atMs: number;
  /** The version that the client means to change, as it was told: `"17"`. */
  readonly ifMatch?: string | undefined;
  /** What the caller may do, where and until when: nobody gives away more. */
  readonly caller: {
    readonly permissions: "all" | ReadonlySet<Permission>;
    readonly expiresAtMs?: number | undefined;
    readonly reach?: Reach | undefined;
  };
  entry(change: { readonly target: string | null; readonly before?: unknown; readonly after?: unknown }): AuditEntry;
  recorded(): void;
};

/** The owner that a token is bound to. */
export type Reach = {
  readonly kind: "customer" | "team" | "user";
  readonly scopeId: number;
  readonly publicId: string;
  readonly name: string;
};

export type KeyServices = {
  create(request: CreateKeyRequest, action: Action): Promise<KeySecretAnswer>;
  /** Fails with `conflict` where the name or the secret is there already. */
  adopt(request: AdoptKeyRequest, action: Action): Promise<KeyAnswer>;
  /** What is there already stays as it is; of the rest all or none. */
  adoptAll(request: AdoptKeysRequest, action: Action): Promise<AdoptKeysAnswer>;
  list(query: KeyListQuery): Promise<KeyListAnswer>;
  /** The id of the key with a secret of this SHA-256; fails with `not_found`. */
  identify(hash: Uint8Array): Promise<string>;
  /** The key that opens with a secret of this SHA-256 now; else fails as the door does. */
  holder(hash: Uint8Array): Promise<KeyAnswer>;
  /** `key` is a public id or the name of a key that is not revoked. */
  show(key: string): Promise<KeyAnswer>;
  update(key: string, request: UpdateKeyRequest, action: Action): Promise<KeyAnswer>;
  revoke(key: string, action: Action): Promise<KeyAnswer>;
  rotate(key: string, request: RotateKeyRequest, action: Action): Promise<KeySecretAnswer>;
  rotateAll(request: RotateKeysRequest, action: Action): Promise<KeySecretsAnswer>;
};

export type OwnerServices = {
  /** `id` is a public id or a name, here and below. */
  create(kind: OwnerKind, request: CreateOwnerRequest, action: Action): Promise<OwnerAnswer>;
  list(kind: OwnerKind, query: OwnerListQuery): Promise<OwnerListAnswer>;
  show(kind: OwnerKind, id: string): Promise<OwnerAnswer>;
  update(kind: OwnerKind, id: string, request: UpdateOwnerRequest, action: Action): Promise<OwnerAnswer>;
  remove(kind: OwnerKind, id: string, action: Action): Promise<OwnerAnswer>;
  /** Null: the override ends. */
  override(
    kind: OwnerKind | "key",
    id: string,
    slot: number,
    request: OverrideRequest | null,
    action: Action,
  ): Promise<BudgetAnswer>;
  reset(kind: OwnerKind | "key", id: string, slot: number, action: Action): Promise<BudgetAnswer>;
  wallet(kind: OwnerKind | "key", id: string): Promise<WalletAnswer>;
  topUp(kind: OwnerKind | "key", id: string, request: TopUpRequest, action: Action): Promise<WalletAnswer>;
  budgets(query: BudgetListQuery): Promise<BudgetListAnswer>;
  limits(query: BudgetListQuery): Promise<LimitListAnswer>;
};

/** A budget that keys and owners are given by name. It binds nobody by itself: whoever is given it has its numbers. */
export type BudgetTemplate = {
  readonly id: string;
  readonly fields: Readonly<Record<string, unknown>>;
  readonly created_at_ms: number;
  readonly updated_at_ms: number;
  readonly created_by: string;
  readonly updated_by: string;
};
export type TemplateServices = {
  create(id: string, fields: BudgetTemplate["fields"], action: Action): Promise<BudgetTemplate>;
  /** All fields. Whoever was given it keeps their numbers until they are told. */
  update(id: string, fields: BudgetTemplate["fields"], action: Action): Promise<BudgetTemplate>;
  show(id: string): Promise<BudgetTemplate>;
  list(): Promise<readonly BudgetTemplate[]>;
  /** Public ids. */
  given(id: string): Promise<readonly { readonly kind: OwnerKind | "key"; readonly id: string }[]>;
  /** Refused while somebody has it. */
  remove(id: string, action: Action): Promise<BudgetTemplate>;
};

/** Routing rules and prices: the config file's are shown, the database's changed as well. By id or name. */
export type OwnConfigServices = {
  readonly rules: {
    list(query: OwnListQuery): Promise<RulesAnswer>;
    show(rule: string): Promise<RuleAnswer>;
    create(request: CreateRuleRequest, action: Action): Promise<RuleAnswer>;
    update(rule: string, request: UpdateRuleRequest, action: Action): Promise<RuleAnswer>;
    remove(rule: string, action: Action): Promise<RuleAnswer>;
  };
  readonly prices: {
    list(query: OwnListQuery): Promise<PriceRulesAnswer>;
    show(override: string): Promise<PriceRuleAnswer>;
    create(request: CreatePriceRequest, action: Action): Promise<PriceRuleAnswer>;
    update(override: string, request: UpdatePriceRequest, action: Action): Promise<PriceRuleAnswer>;
    remove(override: string, action: Action): Promise<PriceRuleAnswer>;
  };
};

/** What can be asked about one owner and what is below it alone. */
export type ReachableServices = Pick<AdminServices, "keys" | "owners" | "tokens" | "logs" | "feed">;

/** Implemented by the composition root. Methods fail with a `GatewayError`; anything else is answered as a fault of ours. */
export type AdminServices = {
  readonly keys: KeyServices;
  readonly owners: OwnerServices;
  readonly tokens: {
    create(request: CreateTokenRequest, action: Action): Promise<TokenSecretAnswer>;
    list(query: TokenListQuery): Promise<TokenListAnswer>;
    show(id: string): Promise<TokenAnswer>;
    update(id: string, request: UpdateTokenRequest, action: Action): Promise<TokenAnswer>;
    revoke(id: string, action: Action): Promise<TokenAnswer>;
  };
  readonly templates: TemplateServices;
  /** Models that keys and owners are given together, by a name. */
  readonly groups: TemplateServices;
  readonly daemon: {
    status(): Promise<StatusAnswer>;
    providers(): Promise<ProvidersAnswer>;
    hosts(): Promise<HostsAnswer>;
    reload(action: Action): Promise<ReloadAnswer>;
    /** Begins the drain and answers at once; the process ends later. */
    stop(request: StopRequest, action: Action): Promise<StopAnswer>;
    /** Answers when a successor is ready to take over; then drains and ends. */
    restart(request: RestartRequest, action: Action): Promise<StopAnswer>;
  };
  readonly logs: LogServices;
  /** JSON texts, each a `FeedMessage`. */
  readonly feed: { listen(query: FeedQuery): AsyncIterable<string> };
  readonly alerts: { list(): Promise<AlertsAnswer>; test(channel: string): Promise<AlertTestAnswer> };
  readonly metrics: { render(openMetrics: boolean): AsyncIterable<string> };
  readonly audit: {
    /** Resolves when the record is durable. */
    record(entry: AuditEntry): Promise<void>;
    verify(tell?: Tell): Promise<AuditVerifyAnswer>;
    files(tell?: Tell): Promise<StoreCheckAnswer>;
    list(query: AuditListQuery): Promise<AuditListAnswer>;
    /** One JSON text a record, without the newline. */
    export(query: AuditExportQuery): AsyncIterable<string>;
  };
  readonly ledger: {
    check(tell?: Tell): Promise<LedgerCheckAnswer>;
    reprice(request: RepriceRequest, action: Action, tell?: Tell): Promise<RepriceAnswer>;
    /** What was charged for came to nothing; does nothing the second time. */
  };
  readonly config: {
    validate(request: ConfigValidateRequest): Promise<ConfigValidateAnswer>;
    /** JSON Schema of the config file. */
    schema(): Promise<Readonly<Record<string, unknown>>>;
    diff(query: ConfigDiffQuery): Promise<ConfigDiffAnswer>;
    history(): Promise<ConfigHistoryAnswer>;
    rollback(request: ConfigRollbackRequest, action: Action): Promise<ReloadAnswer>;
  };
  readonly egress: { list(): Promise<EgressAnswer> };
  readonly models: { list(query: ModelsQuery): Promise<ModelsAnswer> };
  readonly routing: {
    test(request: RouteTestRequest): Promise<RouteTestAnswer>;
  };
  readonly ownConfig: OwnConfigServices;
  /** The same, seeing and changing no more than what an owner has below it. */
  within(reach: Reach): ReachableServices;
};

export type { Permission } from "./permissions.ts";

/** One management action, to be chained into the audit trail. Secrets never stand in `before` or `after`. */
export type AuditEntry = {
  /** `local:<uid>` on the Unix socket. */
  readonly actor: string;
  /** `key.create`; `<resource>.<verb>`. */
  readonly action: string;
  /** Public id of what was acted on; null for the daemon itself. */
  readonly target: string | null;
  readonly at_ms: number;
  /** `ok`, or the code of the error that the caller was told. */
  readonly outcome: string;
  readonly before: unknown;
  readonly after: unknown;
};
