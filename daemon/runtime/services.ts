/** The admin services over a running daemon. Hides which thread answers what. */
import { GatewayError } from "../../providers/gateway-error.ts";
import type { Action, AdminServices, OwnConfigServices, Reach, ReachableServices } from "../admin/admin-services.ts";
import type { DroppedAnswer } from "../admin/contract/log-statistics.ts";
import { localCaller } from "../admin/handler.ts";
import { createFeedService } from "../admin/services/feed.ts";
import type { Governance } from "../admin/services/governance.ts";
import { createKeyService } from "../admin/services/keys.ts";
import { createLogService } from "../admin/services/logs.ts";
import { createOwnerRows } from "../admin/services/owner-rows.ts";
import { createOwnerService } from "../admin/services/owners.ts";
import { checkPatterns } from "../admin/services/pattern-check.ts";
import { type HealthReport, reportHealth } from "../admin/services/provider-health.ts";
import { type ScopeUsage, unused } from "../admin/services/scope-view.ts";
import { createKeyStore, type StoreAccess } from "../admin/services/store-access.ts";
import { createTemplateServices } from "../admin/services/templates.ts";
import { createTokenService } from "../admin/services/tokens.ts";
import { type Correct, createAuditService, createLedgerService } from "../admin/services/trail.ts";
import { namesOf } from "../config/known-names.ts";
import { mintKey } from "../governance/keys-format.ts";
import { openRouting } from "../routing/routing.ts";
import { readStatus } from "../store/writer-status.ts";
import type { MetricSnapshot } from "../telemetry/metric-store.ts";
import { createAdjuster } from "./adjuster.ts";
import { createBudgetGauges } from "./budget-gauges.ts";
import type { ConfigControl } from "./config-control.ts";
import type { Governing } from "./governing.ts";
import { createMetrics } from "./metrics.ts";
import type { Probes } from "./probes.ts";
import { newPublicId } from "./public-id.ts";
import { createShadowCounts } from "./shadow-counts.ts";
import type { SharedMemory } from "./shared-memory.ts";
import type { StoreThreads } from "./store-threads.ts";
import type { Telemetry } from "./telemetry.ts";
import { version } from "./version.ts";
import type { Workers } from "./workers.ts";

export type ServicesOptions = {
  readonly home: string;
  readonly environment: NodeJS.ProcessEnv;
  readonly url: string;
  readonly status: Int32Array;
  readonly startedAtMs: number;
  readonly config: ConfigControl;
  readonly memory: SharedMemory;
  readonly governing: Governing;
  readonly store: StoreThreads;
  readonly workers: Workers;
  readonly telemetry: Telemetry;
  readonly probes: Pick<Probes, "view">;
  readonly stop: (drainMs?: number) => void;
  readonly restart: (drainMs?: number, takeBack?: boolean) => Promise<void>;
  readonly isStopping: () => boolean;
};

export type DaemonServices = AdminServices & {
  /** For what the daemon does by itself, such as its first key. */
  action(name: string): Action;
  /** Charges a batch what it came to. */
  readonly correct: Correct;
};

export function createServices(options: ServicesOptions): DaemonServices {
  const { config, memory, store } = options;
  const access: StoreAccess = {
    async execute(command, actor) {
      if (await checkPatterns(command)) await options.workers.knowPatterns();
      return store.commands.execute(command, actor);
    },
    query: (query, tell) => store.queries.query(query, tell),
    database: store.database,
  };
  const governance: Governance = {
    rows: createOwnerRows(access.database),
    memory: { put: memory.put, apply: memory.apply, usage: (scope) => usageOf(memory, scope.id) },
    inTurn: options.governing.inTurn,
    now: Date.now,
    known: async () => namesOf(config.current),
    publicId: newPublicId,
    execute: access.execute,
  };
  const dropped = (): DroppedAnswer => ({
    rows: readStatus(options.status, "traffic").dropped,
    ...options.telemetry.dropped(),
    content: options.workers.counts().reduce((sum, { contentDropped }) => sum + contentDropped, 0),
  });
  const { feed, names } = options.telemetry;
  const logs = {
    access,
    remove: async (ids: readonly string[]) => (await store.traffic.execute({ kind: "remove", ids })) as number,
    dropped: async () => dropped(),
    holds: memory.holds,
    object: options.telemetry.object,
  };
  const minting = { mint: mintKey, publicId: () => newPublicId("key_") };
  function within(reach: Reach): ReachableServices {
    const reached = { ...governance, reach, rows: createOwnerRows(access.database, reach) };
    return {
      keys: createKeyService({ store: createKeyStore(access, reach), governance: reached, ...minting }),
      owners: createOwnerService(reached),
      tokens: createTokenService(access, reached),
      logs: createLogService({ ...logs, reach }),
      feed: createFeedService(feed, names, reach),
    };
  }
  let own: Promise<OwnConfigServices> | undefined;
  const ownConfig = (): Promise<OwnConfigServices> => {
    own ??= import("../admin/services/own-config.ts").then(({ createOwnConfigService }) =>
      createOwnConfigService({
        ...{ access, publicId: newPublicId, ofFile: async () => config.ofFile, use: config.use },
        counts: () => new Map(health(options).rules.map((rule) => [rule.name, rule])),
      }),
    );
    return own;
  };
  return {
    action,
    keys: createKeyService({ store: createKeyStore(access), governance, ...minting }),
    owners: createOwnerService(governance),
    tokens: createTokenService(access, governance),
    ...createTemplateServices(access, governance.inTurn),
    within,
    daemon: createDaemonService(options, access),
    feed: createFeedService(feed, names),
    alerts: options.telemetry.alerts,
    metrics: createMetrics({
      ...{ dropped, status: options.status, startedAtMs: options.startedAtMs },
      settings: () => config.current.metrics,
      snapshot: async () => (await store.traffic.ask((id) => ({ type: "metrics", id }))) as MetricSnapshot,
      names: {
        key: (id) => {
          const key = names.key(Number(id));
          return { id: key?.publicId ?? id, name: key?.name ?? id };
        },
        owner: (id) => names.owner(id) ?? id,
      },
      counts: options.workers.counts,
      openHolds: memory.openHolds,
      generation: () => config.current.number,
      listeners: () => feed.listeners,
      routing: () => health(options),
      shadow: createShadowCounts(access.database, memory.peek, Date.now),
      budgets: createBudgetGauges(access.database, memory.peek, Date.now),
      alerts: options.telemetry.alerts.firing,
    }),
    logs: createLogService(logs),
    audit: createAuditService(access),
    ...createLedgerService({
      access,
      generation: () => config.current,
      apply: createAdjuster(memory),
      sums: (batch) => store.traffic.execute({ kind: "adjust", batch }),
      resumes: true,
    }),
    // Catalog and schema are megabytes that a daemon whose admin API is not asked for them need not hold.
    config: lazily(async () =>
      (await import("../admin/services/config.ts")).createConfigService(config, options.environment),
    ),
    egress: { list: async () => (await import("../admin/services/egress.ts")).listEgress(config.current) },
    models: lazily(async () => (await import("../admin/services/catalog.ts")).createModelService(() => config.current)),
    ownConfig: {
      rules: lazily(async () => (await ownConfig()).rules),
      prices: lazily(async () => (await ownConfig()).prices),
    },
    routing: lazily(async () =>
      (await import("../admin/services/routing.ts")).createRoutingService({
        current: () => config.current,
        shared: memory.routing,
        tables: memory.shared,
        now: Date.now,
        async findKey(nameOrId) {
          const keys = createKeyStore(access);
          return ((await keys.findById(nameOrId)) ?? (await keys.findByName(nameOrId)))?.key;
        },
      }),
    ),
  };
}

/** A service whose module is loaded with its first call. */
function lazily<Service extends object>(load: () => Promise<Service>): Service {
  let loading: Promise<Service> | undefined;
  return new Proxy({} as Service, {
    get:
      (_, name) =>
      async (...values: unknown[]) => {
        loading ??= load();
        const service = (await loading) as Record<PropertyKey, (...given: unknown[]) => unknown>;
        return service[name]!(...values);
      },
  });
}

export function action(name: string): Action {
  const atMs = Date.now();
  const { actor, permissions } = localCaller();
  return {
    actor,
    name,
    atMs,
    entry: ({ target, before = null, after = null }) => ({
      actor,
      action: name,
      target,
      at_ms: atMs,
      outcome: "ok",
      before,
      after,
    }),
    recorded: () => undefined,
    caller: { permissions },
  };
}

function usageOf(memory: SharedMemory, scopeId: number): ScopeUsage {
  return memory.peek(scopeId, Date.now()) ?? unused;
}

function createDaemonService(options: ServicesOptions, access: StoreAccess): AdminServices["daemon"] {
  const { config, workers, status } = options;
  const inFlight = (): number => workers.counts().reduce((sum, count) => sum + count.inFlight, 0);
  return {
    async status() {
      const state = readStatus(status, "state");
      return {
        version,
        pid: process.pid,
        state: options.isStopping() ? "draining" : "serving",
        url: options.url,
        home: options.home,
        started_at_ms: options.startedAtMs,
        config: {
          path: config.path ?? null,
          generation: config.current.number,
          hash: config.current.hash,
          loaded_at_ms: config.loadedAtMs,
          error: config.error ?? null,
        },
        workers: workers
          .counts()
          .map(({ id, inFlight: running, total }) => ({ id, requests_in_flight: running, requests_total: total })),
        providers: config.current.providers.map(({ name }) => name),
        keys: access
          .database()
          .prepare("SELECT count(*) FROM keys WHERE deleted_at IS NULL AND revoked_at IS NULL")
          .pluck()
          .get() as number,
        memory_rss_bytes: residentBytes(),
        ledger: { commit_lag_ms: state.lagMs, holds_open: options.memory.openHolds() },
        warnings: [...storeWarnings(status), ...config.warnings],
      };
    },
    async providers() {
      const { listProviders } = await import("../admin/services/catalog.ts");
      return listProviders(config.current, health(options), options.probes.view);
    },
    hosts: async () => (await import("../admin/services/catalog.ts")).listHosts(config.current),
    async reload() {
      const { changed } = await config.reload();
      return { generation: config.current.number, hash: config.current.hash, changed, warnings: config.warnings };
    },
    async restart({ drain_ms: drainMs = config.current.server.drainMs, take_back: takeBack = false }) {
      const running = inFlight();
      await options.restart(drainMs, takeBack).catch((error: unknown) => {
        throw new GatewayError("invalid_request", error instanceof Error ? error.message : String(error));
      });
      return { pid: process.pid, requests_in_flight: running, deadline_at_ms: Date.now() + drainMs };
    },
    async stop({ drain_ms: drainMs = config.current.server.drainMs }) {
      const running = inFlight();
      // The answer leaves before the socket does.
      setImmediate(() => options.stop(drainMs));
      return { pid: process.pid, requests_in_flight: running, deadline_at_ms: Date.now() + drainMs };
    },
  };
}

function health({ memory, config }: ServicesOptions): HealthReport {
  const routing = openRouting({ shared: memory.routing, worker: 0, settings: config.current.routing });
  return reportHealth(routing, Date.now());
}

function storeWarnings(status: Int32Array): string[] {
  const warnings: string[] = [];
  if (readStatus(status, "state").health === "unhealthy")
    warnings.push("state.db cannot be written: requests are refused until it can; the log says why");
  if (readStatus(status, "traffic").health === "unhealthy")
    warnings.push("traffic.db cannot be written: the request log waits, and will miss rows; the log says why");
  return warnings;
}

/** Undefined in a sandbox without /proc. */
function residentBytes(): number | null {
  try {
    return process.memoryUsage.rss();
  } catch {
    return null;
  }
}
