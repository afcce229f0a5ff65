/**
 * A running daemon: lock, files, threads, admin API, config, and their end in the right order. Hides start and
 * shutdown; `main.ts` gives it the environment and signals.
 */
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import type { Worker } from "node:worker_threads";
import type { Served, ServeOptions } from "../admin/contract/calling.ts";
import { createAdminHandler } from "../admin/handler.ts";
import { createAuthenticate } from "../admin/services/tokens.ts";
import type { Correct } from "../admin/services/trail.ts";
import type { GenerationData } from "../config/generation.ts";
import { onRefused, tellEgress } from "../egress/guard.ts";
import { tellOfRefusal } from "../egress/refusals.ts";
import { mentionsPattern } from "../governance/model-patterns.ts";
import { type Log, openLog } from "../log.ts";
import type { Manage } from "../pipeline/plane.ts";
import { prepareTraffic } from "../store/boot.ts";
import type { Database } from "../store/database.ts";
import { type HomeLock, lockHome } from "../store/lock.ts";
import { makeFolder } from "../store/make-folder.ts";
import { knownMigrations } from "../store/migrations/list.ts";
import { takeBackNewer } from "../store/take-back.ts";
import { createStatus, readStatus } from "../store/writer-status.ts";
import { openAdminListeners } from "./admin-listeners.ts";
import { AlreadyRunning } from "./already-running.ts";
import { type ConfigControl, openConfig } from "./config-control.ts";
import { type Credentials, openCredentials } from "./credentials.ts";
import { declareAtStart } from "./declared.ts";
import { type Governing, openGoverning } from "./governing.ts";
import { type HandOver, prepareHandOver } from "./hand-over.ts";
import { collectWhenIdle } from "./idle-collection.ts";
import { type Inherited, usableFds } from "./inherit.ts";
import { residentBytes } from "./metrics.ts";
import { openProbes, type Probes } from "./probes.ts";
import { createPushSwitch } from "./push-switch.ts";
import { createServices } from "./services.ts";
import { fillSharedMemory, type SharedMemory } from "./shared-memory.ts";
import { overridden, trafficSettings, withoutDeclared } from "./start-settings.ts";
import { openStoreThreads, type StoreThreads } from "./store-threads.ts";
import { openTelemetry, type Telemetry } from "./telemetry.ts";
import { startThread } from "./threads.ts";
import { version } from "./version.ts";
import { sendersPerBoot } from "./worker-protocol.ts";
import { startWorkers, type Workers } from "./workers.ts";

export type DaemonOptions = ServeOptions & {
  readonly home: string;
  readonly directory: string;
  readonly environment: NodeJS.ProcessEnv;
  /** From a predecessor that has closed its files. */
  readonly inherited?: Inherited | undefined;
};

export type Daemon = Served & {
  reload(): Promise<void>;
  /** Drains and closes; `ended` resolves. A second call does nothing. */
  stop(drainMs?: number): void;
  /** Drains, and lets the program start anew over the same port. Fails, with everything as it was, when that cannot be. */
  restart(drainMs?: number, takeBack?: boolean): Promise<void>;
};

/** The snapshot that makes the next start quick is also written this often. */
const snapshotMs = 5 * 60_000;
/** A disk that takes nothing just now is told again when a budget began to count. */
const begunRetryMs = 1_000;
/** The pace of commits when durability is `grouped`: groups cost less than single rows, and this much may be lost to a power cut. */
const groupedPaceMs = 4;

export async function startDaemon(options: DaemonOptions): Promise<Daemon> {
  const { home } = options;
  makeFolder(home);
  const lock = takeLock(home);
  const early = startThread("data-plane");
  try {
    return await start(options, lock, early);
  } catch (error) {
    await early.terminate();
    lock.release();
    throw error;
  }
}

/** Who answers workers' requests to the admin API: nobody until it is open. */
type Managing = { current: Manage; correct: Correct };

/** Everything that has to be closed again, in the order it was opened. */
type Parts = {
  readonly config: ConfigControl;
  readonly credentials: Credentials;
  readonly log: Log;
  readonly memory: SharedMemory;
  readonly database: () => Database;
  readonly governing: Governing;
  readonly managing: Managing;
  readonly store: StoreThreads;
  readonly workers: Workers;
  readonly telemetry: Telemetry;
  readonly probes: Probes;
};

async function start(options: DaemonOptions, lock: HomeLock, early: Worker): Promise<Daemon> {
  const { home, environment } = options;
  const opening = openConfig({
    home,
    explicit: options.config,
    directory: options.directory,
    environment,
    override: (data) => overridden(data, options, home),
  });
  if (options.inherited?.takeBack === true) takeBackNewer(home, knownMigrations());
  const damaged = prepareTraffic(home);
  const config = await opening;
  const log = openLog(config.current.log);
  tellEgress(config.current.egress);
  onRefused(tellOfRefusal(log));
  if (damaged !== undefined) log.warn("traffic.db was damaged; a new request log was begun", { aside: damaged });
  const { server, governance } = config.current;
  const memory = fillSharedMemory(home, server.workers, Date.now(), declareAtStart(governance));
  if (memory.boot.own.length > 0) await config.use(memory.boot.own);
  const { current } = config;
  if (memory.boot.recovered > 0)
    log.warn("holds of a crash were settled as estimated", { holds: memory.boot.recovered });
  const status = createStatus();
  const { bootCount } = memory.boot;
  let workers: Workers | undefined;
  const store = openStoreThreads({
    home,
    status,
    sender: bootCount * sendersPerBoot,
    traffic: trafficSettings(current),
    statePaceMs: current.ledger.durability === "strict" ? 0 : groupedPaceMs,
    log,
    onReplaced: (writer) => workers?.replaceWriter(writer),
  });
  const { database } = store;
  memory.onBegun = function tell(begun): void {
    store.commands.execute({ kind: "begin_budgets", ...begun }, "daemon").catch((error: unknown) => {
      log.warn("a budget's beginning is written later", { error: String(error) });
      setTimeout(tell, begunRetryMs, begun).unref();
    });
  };
  const governing = openGoverning({ database, store, memory, log }, current.governance);
  const telemetry = openTelemetry({
    home,
    database,
    tap: (settings) => workers?.tap(settings),
    inFlight: () => inFlight(workers),
    log,
    store: () => store,
    facts: {
      peek: memory.peek,
      daemon: () => {
        const [state, traffic] = [readStatus(status, "state"), readStatus(status, "traffic")];
        return {
          ...{ store_up: state.health !== "unhealthy", log_up: traffic.health !== "unhealthy" },
          ...{ commit_lag_ms: state.lagMs, dropped: traffic.dropped, in_flight: inFlight(workers) },
          ...{ holds_open: memory.openHolds(), memory_mb: (residentBytes() ?? 0) / 1e6 },
        };
      },
    },
  });
  telemetry.use(current);
  const probes = openProbes(memory.routing, log);
  const credentials = openCredentials(environment, log);
  credentials.use(current.providers);
  const managing: Managing = {
    current: async () => ({ status: 503, text: '{"error":{"message":"starting"}}' }),
    correct: async () => ({ failed: "starting" }),
  };
  workers = startWorkers({
    credentials,
    findName: governing.names.find,
    ...{ tables: memory.shared, routing: memory.routing, status, bootCount, store, log, early },
    generation: withoutDeclared(current),
    patterns: memory.mentionsPatterns(),
    responsesFile: join(options.home, "responses.db"),
    fds: usableFds(options.inherited, current.server.host, current.server.port),
    onTapped: telemetry.tapped,
    manage: (request) => managing.current(request),
    correct: (entry) => managing.correct(entry),
  });
  const port = await workers.listening.catch(async (error: NodeJS.ErrnoException) => {
    await Promise.all([workers?.drain(0), store.close(), credentials.close()]);
    throw error.code === "EADDRINUSE" ? addressInUse(current, error) : error;
  });
  const parts: Parts = {
    ...{ config, credentials, database, governing, managing, log, memory },
    ...{ store, workers, telemetry, probes },
  };
  try {
    return await assemble(options, lock, parts, status, port);
  } catch (error) {
    await closeTraffic(parts, 0, false);
    await store.close();
    throw error;
  }
}

/** All but the store, into which what has been settled is still written. */
async function closeTraffic(parts: Parts, drainMs: number, isLeaving: boolean): Promise<void> {
  parts.governing.close();
  parts.probes.close();
  const cut = await parts.workers.drain(drainMs, isLeaving);
  if (cut > 0) parts.log.warn("requests were cut at the drain deadline", { cut });
  await parts.credentials.close();
  await parts.config.close();
  await parts.telemetry.close();
}

async function assemble(
  options: DaemonOptions,
  lock: HomeLock,
  parts: Parts,
  status: Int32Array,
  port: number,
): Promise<Daemon> {
  const { home, environment } = options;
  const { config, governing, log, store, workers, telemetry } = parts;
  const host = config.current.server.host;
  const url = `http://${host.includes(":") ? `[${host}]` : host}:${port}`;
  const ended = Promise.withResolvers<number>();
  let stopping = false;
  const stop = (drainMs = config.current.server.drainMs, successor?: HandOver): void => {
    if (stopping) {
      successor?.abandon();
      return;
    }
    stopping = true;
    shutdown(drainMs, successor).then(
      () => ended.resolve(0),
      (error: unknown) => {
        log.error("the shutdown failed", { error: String(error) });
        ended.resolve(1);
      },
    );
  };
  let preparing: Promise<HandOver> | undefined;
  async function restart(drainMs?: number, takeBack = false): Promise<void> {
    if (stopping || preparing !== undefined) throw new Error("the daemon is ending already");
    const address = { host, port, reusePort: config.current.server.workers > 1 };
    preparing = prepareHandOver({ fds: workers.prepareLeaving(), ...address }, environment, log, takeBack);
    try {
      stop(drainMs, await preparing);
    } catch (error) {
      workers.stay();
      log.error("nothing was restarted", { error: String(error) });
      throw error;
    } finally {
      preparing = undefined;
    }
  }
  const services = createServices({
    ...parts,
    restart,
    home,
    environment,
    url,
    status,
    startedAtMs: Date.now(),
    stop,
    isStopping: () => stopping,
  });
  const push = createPushSwitch(() => services.metrics.render(false), log);
  const onFault = (error: unknown, id: string): void => log.error("admin API fault", { id, error: describe(error) });
  const handle = createAdminHandler({ services, now: Date.now, faultId, onFault });
  const authenticate = createAuthenticate(parts.database, Date.now);
  const litellm = { services, now: Date.now, faultId, onFault, authenticate, current: () => config.current };
  parts.managing.correct = services.correct;
  parts.managing.current = async (request) =>
    (await import("../admin/litellm/handler.ts")).answerLitellm(litellm, request);
  const admin = await openAdminListeners(
    { home, version, environment, handle, faultId, onFault },
    config.current.admin?.listen,
    authenticate,
    log,
  );
  push.use(config.current.metrics.push);
  const snapshots = setInterval(() => void snapshot(parts), snapshotMs).unref();
  void config.watch(async (next) => {
    tellEgress(next.egress);
    if (mentionsPattern(next.governance)) await workers.knowPatterns();
    await governing.use(next.governance);
    await workers.use(withoutDeclared(next));
    parts.credentials.use(next.providers);
    log.use(next.log);
    store.use(trafficSettings(next));
    telemetry.use(next);
    push.use(next.metrics.push);
    parts.probes.use(next);
  }, log);

  async function shutdown(drainMs: number, successor?: HandOver): Promise<void> {
    log.info("draining", { requests: inFlight(workers) });
    clearInterval(snapshots);
    push.close();
    await closeTraffic(parts, drainMs, successor !== undefined);
    await admin.close();
    await snapshot(parts);
    await store.close();
    lock.release();
    if (successor !== undefined) log.info((await successor.go()) ? "handed over" : "handed back");
    log.info("stopped");
    log.close();
  }

  parts.probes.use(config.current);
  collectWhenIdle(() => workers.counts().reduce((sum, { total }) => sum + total, 0));
  const firstKey = await makeFirstKey(parts, services);
  log.info("listening", { url, version, generation: config.current.number });
  return {
    url,
    home,
    pid: process.pid,
    configPath: config.path,
    providers: config.current.providers.map(({ name }) => name),
    warnings: [
      ...config.warnings,
      ...(config.error === undefined ? [] : [`the last good config is in use: ${config.error}`]),
    ],
    firstKey,
    ended: ended.promise,
    reload: async () => void (await config.reload()),
    stop: (drainMs) => stop(drainMs),
    restart,
  };
}

async function makeFirstKey(
  { config, store }: Parts,
  services: ReturnType<typeof createServices>,
): Promise<Served["firstKey"]> {
  if (config.current.auth.inference === "open") return undefined;
  const known = await services.keys.list({ limit: 1, all: true });
  if (known.keys.length > 0) return undefined;
  const action = services.action("key.create");
  const first = config.current.auth.firstKeyBudget;
  const budgets =
    first === undefined
      ? []
      : [{ limit_nano: first.limitNano, window: { kind: "rolling" as const, length_ms: first.windowMs } }];
  const { secret, key } = await services.keys.create({ name: "default", budgets }, action);
  store.sender.flush();
  return { secret, name: key.name };
}

async function snapshot({ memory, store, log }: Parts): Promise<void> {
  try {
    const { change } = await store.commands.execute({ kind: "probe" }, "daemon");
    if (change === memory.snapshotChange) return;
    memory.snapshotChange = change;
    await store.commands.execute({ kind: "snapshot", change, tables: memory.dump() }, "daemon");
  } catch (error) {
    log.warn("the boot snapshot was not written; the next start reads every row", { error: String(error) });
  }
}

function inFlight(workers: Workers | undefined): number {
  return workers?.counts().reduce((sum, count) => sum + count.inFlight, 0) ?? 0;
}

function takeLock(home: string): HomeLock {
  const taken = lockHome(home);
  if ("lock" in taken) return taken.lock;
  throw new AlreadyRunning(taken.holder?.pid);
}

function addressInUse({ server }: GenerationData, cause: Error): Error {
  return Object.assign(new Error(`${server.host}:${server.port} is in use by another program`, { cause }), {
    code: "address_in_use",
    port: server.port,
  });
}

function faultId(): string {
  return `flt_${randomBytes(8).toString("hex")}`;
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
