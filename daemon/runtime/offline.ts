/**
 * The admin API without a daemon: the same handler and services over the files, in the calling process, under the
 * home's lock. Hides what only a running daemon can answer.
 */
import { randomBytes } from "node:crypto";
import { GatewayError } from "../../providers/gateway-error.ts";
import type { AdminServices } from "../admin/admin-services.ts";
import type { OfflineAdmin } from "../admin/contract/calling.ts";
import { createAdminHandler, localCaller } from "../admin/handler.ts";
import { createModelService, listHosts, listProviders } from "../admin/services/catalog.ts";
import { createConfigService } from "../admin/services/config.ts";
import type { Governance } from "../admin/services/governance.ts";
import { createKeyService } from "../admin/services/keys.ts";
import { createLogService } from "../admin/services/logs.ts";
import { createOwnConfigService } from "../admin/services/own-config.ts";
import { createOwnerRows } from "../admin/services/owner-rows.ts";
import { createOwnerService } from "../admin/services/owners.ts";
import { checkPatterns } from "../admin/services/pattern-check.ts";
import { createKeyStore, type StoreAccess } from "../admin/services/store-access.ts";
import { createTemplateServices } from "../admin/services/templates.ts";
import { createTokenService } from "../admin/services/tokens.ts";
import { createAuditService, createLedgerService } from "../admin/services/trail.ts";
import { createTurns } from "../admin/services/turns.ts";
import { bootConfig } from "../config/boot.ts";
import { findConfig } from "../config/find.ts";
import type { GenerationData } from "../config/generation.ts";
import { openHistory } from "../config/history.ts";
import { namesOf } from "../config/known-names.ts";
import { importedPrices } from "../config/price-table.ts";
import { renderProblem } from "../config/problems.ts";
import { mintKey } from "../governance/keys-format.ts";
import { openStateWriter, prepareTraffic, trafficFile } from "../store/boot.ts";
import { openDatabase } from "../store/database.ts";
import { lockHome } from "../store/lock.ts";
import { createReader } from "../store/reader.ts";
import { TrafficWriter } from "../store/traffic-writer.ts";
import { AlreadyRunning } from "./already-running.ts";
import { newPublicId } from "./public-id.ts";

const noDaemon = "no daemon runs for this home; start one with: bifrost serve";

export async function openFiles(
  home: string,
  environment: NodeJS.ProcessEnv,
  directory: string,
): Promise<OfflineAdmin> {
  const taken = lockHome(home);
  if (!("lock" in taken)) throw new AlreadyRunning(taken.holder?.pid);
  const writer = openStateWriter(home);
  writer.transaction(() => undefined);
  writer.recover();
  prepareTraffic(home);
  const reader = createReader(home);
  const access: StoreAccess = {
    async execute(command, actor) {
      await checkPatterns(command);
      return writer.execute(command, actor);
    },
    query: (query, tell) => reader.answer(query, tell) as never,
    database: () => writer.database,
  };
  const history = await openHistory(home);
  const path = findConfig({ directory, home });
  const source = {
    path,
    history,
    async rollback(number: number): Promise<void> {
      const done = path === undefined ? undefined : await history.rollback(number, path);
      if (done?.ok !== true)
        throw new GatewayError("invalid_request", done?.message ?? "there is no config file to roll back");
    },
  };
  const generation = once(async () => {
    const boot = await bootConfig({ path, environment, history });
    if (!boot.ok) throw new GatewayError("invalid_request", boot.problems.map(renderProblem).join("\n"));
    const imported = importedPrices(home);
    return imported === undefined ? boot.result.data : { ...boot.result.data, importedPrices: imported };
  });
  const governance: Governance = {
    rows: createOwnerRows(access.database),
    memory: {
      put: () => undefined,
      apply: () => undefined,
      usage: (scope) => ({ budgets: writer.cells.balances(scope.id) }),
    },
    inTurn: createTurns(),
    now: Date.now,
    // A config that is broken does not keep anybody from revoking a key.
    known: () => generation().then(namesOf, () => undefined),
    publicId: newPublicId,
    execute: access.execute,
  };
  const services: AdminServices = {
    keys: createKeyService({
      store: createKeyStore(access),
      governance,
      mint: mintKey,
      publicId: () => newPublicId("key_"),
    }),
    owners: createOwnerService(governance),
    tokens: createTokenService(access, governance),
    ...createTemplateServices(access, governance.inTurn),
    daemon: {
      status: notRunning,
      reload: notRunning,
      stop: notRunning,
      restart: notRunning,
      providers: async () => listProviders(await generation()),
      hosts: async () => listHosts(await generation()),
    },
    logs: createLogService({
      access,
      remove: async (ids) => withTraffic(home, (traffic) => traffic.remove(ids)),
      dropped: async () => ({ rows: 0, content: 0, traces: 0, feed: 0, alerts: 0 }),
      holds: () => ({ total: 0, costNano: 0, oldest: [] }),
    }),
    feed: { listen: noneRuns },
    metrics: { render: noneRuns },
    alerts: { list: notRunning, test: notRunning },
    audit: createAuditService(access),
    ...createLedgerService({
      access,
      generation,
      apply: () => undefined, // there are no balances in memory
      sums: async (batch) => withTraffic(home, (traffic) => traffic.adjust(batch)),
    }),
    config: createConfigService(source, environment),
    egress: { list: async () => (await import("../admin/services/egress.ts")).listEgress(await generation()) },
    models: { list: async (query) => createModelServiceOf(await generation()).list(query) },
    routing: { test: notRunning },
    ownConfig: createOwnConfigService({
      ...{ access, publicId: newPublicId, ofFile: generation },
      use: async () => undefined, // a daemon finds them when it starts
      counts: () => new Map(),
    }),
    within: noneRuns, // only who owns the files comes this way, without a token
  };
  const handle = createAdminHandler({ services, now: Date.now, faultId, onFault: () => undefined });
  return {
    handle: (request) => handle(request, localCaller()),
    async close() {
      reader.close();
      writer.checkpoint();
      writer.close();
      taken.lock.release();
    },
  };
}

function createModelServiceOf(generation: GenerationData): AdminServices["models"] {
  return createModelService(() => generation);
}

function withTraffic(home: string, work: (writer: TrafficWriter) => number): number {
  const writer = new TrafficWriter(openDatabase(trafficFile(home), { synchronous: "NORMAL" }), { retentionMs: 0 });
  try {
    return work(writer);
  } finally {
    writer.close();
  }
}

function noneRuns(): never {
  throw new GatewayError("not_found", noDaemon);
}

async function notRunning(): Promise<never> {
  throw new GatewayError("not_found", noDaemon);
}

function once<Value>(make: () => Promise<Value>): () => Promise<Value> {
  let made: Promise<Value> | undefined;
  return () => {
    made ??= make();
    return made;
  };
}

function faultId(): string {
  return `flt_${randomBytes(8).toString("hex")}`;
}
