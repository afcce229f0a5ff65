/**
 * A data-plane worker: one event loop with its own listener and upstream connections. Hides how it is told of
 * generations, writers and the end.
 */
import type { MessagePort } from "node:worker_threads";
import { openCatalog } from "../../providers/catalog/catalog.ts";
import type { GatewayError } from "../../providers/gateway-error.ts";
import { hostFor } from "../../providers/hosts.ts";
import type { GenerationData, ProviderData } from "../config/generation.ts";
import { followPrices } from "../config/price-table.ts";
import { Authorizers } from "../credentials/authorizer.ts";
import { limitEgress, onRefused } from "../egress/guard.ts";
import { tellOfRefusal } from "../egress/refusals.ts";
import { createCallerFacts } from "../governance/caller-facts.ts";
import { openEstimator } from "../governance/estimate.ts";
import { createKeyReader } from "../governance/key-table.ts";
import { createLedger } from "../governance/ledger.ts";
import { loadPatterns } from "../governance/model-patterns.ts";
import { createNames } from "../governance/names.ts";
import { createPeek } from "../governance/peek.ts";
import { createPlans } from "../governance/plans.ts";
import { createQuota } from "../governance/quota.ts";
import { openTables } from "../governance/tables.ts";
import { watchLeaving } from "../http/leaving.ts";
import { createListener } from "../http/listener.ts";
import { createRequestIds } from "../http/request-id.ts";
import type {
  CorrectAnswer,
  ManageAnswer,
  ManageRequest,
  OwnRequestAnswer,
  OwnRequestQuestion,
  Plane,
} from "../pipeline/plane.ts";
import { type Compile, loadCompiler } from "../routing/compiler.ts";
import { buildGeneration, type Generation } from "../routing/generation.ts";
import { createPlaces } from "../routing/places.ts";
import { openRouting } from "../routing/routing.ts";
import type { Correction } from "../store/commands/correct.ts";
import { contentWidth, requestWidth, settlementWidth } from "../store/rows.ts";
import { createSender, type Sender } from "../store/sender.ts";
import { createStages } from "../telemetry/stages.ts";
import { createTap } from "../telemetry/tap.ts";
import { createAsker } from "./ask-main.ts";
import { createNameAsker } from "./ask-name.ts";
import { echoOrigin } from "./echo.ts";
import { openHealth } from "./health.ts";
import { collectWhenIdle } from "./idle-collection.ts";
import { listen } from "./listening.ts";
import { createResponseKeeper } from "./response-keeper.ts";
import { startThread } from "./threads.ts";
import { createTranslator } from "./translator.ts";
import { Origins } from "./upstream-clients.ts";
import { Wheel } from "./wheel.ts";
import { type FromWorker, type ToWorker, type WorkerData, workerWord } from "./worker-protocol.ts";

/** A traffic row waits at most this long for company. */
const trafficGatherMs = 200;
/** The same for money in `grouped` durability: a commit costs 0.12 ms however few rows it holds. */
const stateGatherMs = 50;
/** While draining the worker looks this often whether it is done. */
const drainLookMs = 10;
/** A client that was active a moment ago has this long to send the next request on its connection, and to be told that it was the last. */
const lingerMsMax = 2_000;
/** At the end, how long to wait for a disk that does not take rows. */
const durableMsMax = 5_000;

/** @param compile for the rules of the first generation, if it has any */
export function runWorker(parent: MessagePort, data: WorkerData, compile: Compile | undefined): void {
  limitEgress(data.generation.egress);
  onRefused(tellOfRefusal({ warn: (message, fields) => log("warn", message, fields ?? {}) }));
  const origins = new Origins();
  const authorizers = new Authorizers();
  for (const told of data.credentials) authorizers.take(told);
  const built = new Map<number, Generation>();
  let contentPort = data.contentPort;
  let contents: Sender | undefined;

  const tables = openTables(data.tables, data.worker);
  const keys = createKeyReader(tables);
  const plans = createPlans(tables, keys);
  const asker = createNameAsker(tell);
  const management = createAsker<ManageRequest, ManageAnswer>("admin requests", (id, request) =>
    tell({ type: "manage", id, ...request }),
  );
  const ownRequests = createAsker<OwnRequestQuestion, OwnRequestAnswer>("questions for own requests", (id, question) =>
    tell({ type: "own_request", id, ...question }),
  );
  const corrections = createAsker<Correction, CorrectAnswer>("corrections of charges", (id, entry) =>
    tell({ type: "correct", id, entry }),
  );
  const plane: Plane = {
    keys,
    ledger: createLedger(tables),
    plans,
    names: createNames(asker.ask, plans.version),
    quota: createQuota(tables),
    peek: createPeek(tables),
    callers: createCallerFacts(tables),
    routing: openRouting({ shared: data.routing, worker: data.worker, settings: data.generation.routing }),
    places: createPlaces(
      () => plane.routing,
      () => performance.now(),
      (provider) => plane.generation.providers.get(provider)?.data.concurrencyMax,
    ),
    estimator: openEstimator(),
    state: createSender(data.statePort, data.sender, {
      width: settlementWidth,
      whenFull: "keep",
      gatherMs: data.generation.ledger.durability === "strict" ? 0 : stateGatherMs,
    }),
    traffic: createSender(data.trafficPort, data.sender, {
      width: requestWidth,
      whenFull: "drop",
      gatherMs: trafficGatherMs,
    }),
    health: openHealth(data.status),
    wheel: new Wheel(),
    translator: createTranslator({ start: () => startThread("translator") }),
    responses: createResponseKeeper(() => startThread("responses", { file: data.responsesFile })),
    manage: management.ask,
    findOwnRequest: ownRequests.ask,
    correct: corrections.ask,
    nextId: createRequestIds(data.worker),
    generation: build(data.generation, compile),
    bodyBytes: 0,
    words: data.words,
    stages: createStages(data.stages),
    contents: openContents,
    contentBytes: 0,
    tap: createTap(tell),
    draining: false,
    leaving: undefined,
  };

  const server = createListener(plane, (error, id) => log("error", "internal error", { id, error: describe(error) }));
  server.on("error", (error: NodeJS.ErrnoException) => {
    tell({ type: "listen_failed", code: error.code ?? "", message: error.message });
  });
  const listening = listen(server, data, (port, fds) => tell({ type: "listening", port, fds }));

  collectWhenIdle(() => data.words[workerWord.total]!, true);

  parent.on("message", (message: ToWorker) => {
    switch (message.type) {
      case "generation":
        void prepare(message.data);
        return;
      case "switch":
        switchTo(message.number);
        return;
      case "named":
        asker.answered(message);
        return;
      case "managed":
        management.answered(message.id, message.answer);
        return;
      case "own_request":
        ownRequests.answered(message.id, message.answer);
        return;
      case "corrected":
        corrections.answered(message.id, message.answer);
        return;
      case "know_patterns":
        void loadPatterns().then(() => tell({ type: "patterns_known" }));
        return;
      case "credential":
        authorizers.take(message.told);
        return;
      case "prepare_leaving":
        plane.leaving = watchLeaving(server);
        return;
      case "stay":
        plane.leaving?.end();
        plane.leaving = undefined;
        return;
      case "drain":
        drain(message.deadlineMs, message.leaving);
        return;
      case "tap":
        plane.tap.use(message.settings);
        return;
      case "tap_taken":
        plane.tap.taken();
        return;
      case "writer":
        if (message.writer === "content") resendContents(message.port);
        else (message.writer === "state" ? plane.state : plane.traffic).resend(message.port);
        return;
    }
  });

  function openContents(): Sender {
    contents ??= createSender(contentPort, -data.sender, {
      ...{ width: contentWidth, kind: "content", whenFull: "drop", gatherMs: trafficGatherMs },
    });
    return contents;
  }

  function resendContents(port: MessagePort): void {
    contentPort = port;
    contents?.resend(port);
  }

  /** Whatever a validated config may still do to us, the worker goes on with what it has. */
  async function prepare(data: GenerationData): Promise<void> {
    const { number } = data;
    try {
      built.set(number, build(data, await loadCompiler(data)));
    } catch (error) {
      tell({ type: "build_failed", number, message: error instanceof Error ? error.message : String(error) });
      return;
    }
    tell({ type: "built", number });
  }

  function build(generation: GenerationData, compile: Compile | undefined): Generation {
    const hosts = Object.fromEntries(
      generation.providers.map(({ name, host, dialect }) => [name, hostFor(host, dialect).catalog ?? host]),
    );
    const authorizer = (provider: ProviderData) => authorizers.get(provider);
    followPrices(generation.importedPrices);
    const catalog = openCatalog(generation.prices, hosts, generation.facts);
    return buildGeneration(generation, catalog, originOf, authorizer, compile);
  }

  function originOf(provider: ProviderData) {
    return provider.baseUrl.startsWith("echo:") ? echoOrigin : origins.get(provider);
  }

  function switchTo(number: number): void {
    const next = built.get(number);
    if (next !== undefined) {
      plane.generation = next;
      limitEgress(next.data.egress);
      plane.routing.settings = next.data.routing;
      built.clear();
      authorizers.retain(next.data.providers);
      origins.retain(next.data.providers.filter(({ baseUrl }) => !baseUrl.startsWith("echo:")));
    }
    tell({ type: "switched", number });
  }

  /**
   * New requests are refused, the listener stays so that health checks hear of it; streams run on to the deadline. When
   * leaving, nothing new is accepted and what comes on open connections is served.
   */
  function drain(deadlineMs: number, leaving: boolean): void {
    if (leaving) {
      plane.leaving?.begin();
      listening.stopAccepting();
    } else plane.draining = true;
    server.second.close();
    server.sockets.close();
    const startedAt = performance.now();
    const timer = setInterval(() => {
      const [left, passed] = [data.words[workerWord.inFlight]!, performance.now() - startedAt];
      const expected = plane.leaving?.expected() ?? 0;
      if (left > 0 ? passed < deadlineMs : expected > 0 && passed < lingerMsMax) return;
      clearInterval(timer);
      void finish(left);
    }, drainLookMs);
  }

  async function finish(cut: number): Promise<void> {
    server.close();
    server.closeAllConnections();
    server.second.closeAllConnections();
    // What was cut settles and records itself on the way out of its own event.
    await new Promise((resolve) => setTimeout(resolve, cut > 0 ? 2 * drainLookMs : 0));
    plane.tap.flush();
    plane.traffic.flush();
    contents?.flush();
    const durable = Promise.all([plane.state.durable(), plane.traffic.durable(), contents?.durable()]);
    await Promise.race([durable, new Promise((resolve) => setTimeout(resolve, durableMsMax))]);
    tell({ type: "drained", cut });
  }

  function log(level: "error" | "warn" | "info", message: string, fields: Readonly<Record<string, unknown>>): void {
    tell({ type: "log", level, message, fields });
  }

  function tell(message: FromWorker): void {
    parent.postMessage(message);
  }
}

function describe(error: GatewayError): string {
  const { cause } = error;
  return cause instanceof Error ? (cause.stack ?? cause.message) : String(cause ?? error.message);
}
