/**
 * The data-plane workers, supervised. Hides starting, switching generations all at once, and replacing what dies.
 */
import { setTimeout as delay } from "node:timers/promises";
import type { Worker } from "node:worker_threads";
import type { GenerationData } from "../config/generation.ts";
import type { NameKind } from "../governance/names.ts";
import type { SharedTables } from "../governance/tables.ts";
import type { Log } from "../log.ts";
import type { CorrectAnswer, Manage, ManageAnswer } from "../pipeline/plane.ts";
import type { SharedRouting } from "../routing/routing.ts";
import type { Correction } from "../store/commands/correct.ts";
import { createStageCells } from "../telemetry/stages.ts";
import type { Tapped, TapSettings } from "../telemetry/tap.ts";
import { createBurial } from "./burial.ts";
import type { Credentials } from "./credentials.ts";
import { findOwnRequest } from "./own-request.ts";
import { guardPort, type PortGuard } from "./port-guard.ts";
import type { StoreThreads, WriterName } from "./store-threads.ts";
import { startThread } from "./threads.ts";
import {
  type FromWorker,
  sendersPerBoot,
  type ToWorker,
  type WorkerData,
  wordsPerWorker,
  workerWord,
} from "./worker-protocol.ts";

export type WorkersOptions = {
  readonly tables: SharedTables;
  readonly routing: SharedRouting;
  readonly status: Int32Array;
  readonly bootCount: number;
  readonly store: StoreThreads;
  readonly responsesFile: string;
  readonly generation: GenerationData;
  /** Some list of models holds an expression. */
  readonly patterns: boolean;
  readonly log: Log;
  /** Rows that `tap` asked for. */
  readonly onTapped?: (message: Tapped) => void;
  readonly credentials: Credentials;
  /** The scope of an end user or a tag; 0: nothing is counted for it. */
  readonly findName: (kind: NameKind, name: string) => Promise<number>;
  /** What holders of admin tokens ask on the port of the models; see `compat.litellm`. */
  readonly manage?: Manage;
  readonly correct: (entry: Correction) => Promise<CorrectAnswer>;
  /** A `data-plane` thread that was started ahead and waits for its data. */
  readonly early?: Worker | undefined;
  /** Listening descriptors of a predecessor. */
  readonly fds?: readonly number[];
};

export type WorkerCounts = {
  readonly id: number;
  readonly inFlight: number;
  readonly total: number;
  /** Texts that were not kept, because too much waited to be written. */
  readonly contentDropped: number;
  readonly stages: Float64Array;
};

export type Workers = {
  /** Resolves with the real port when all listen; rejects with the listener's error. */
  readonly listening: Promise<number>;
  /** Builds it everywhere, then switches everywhere; resolves when the last has switched. Where one cannot build it, none switches. */
  use(generation: GenerationData): Promise<void>;
  /** Resolves when every worker can read lists of models with expressions. */
  knowPatterns(): Promise<void>;
  replaceWriter(writer: WriterName): void;
  counts(): readonly WorkerCounts[];
  /** From now on workers tell of these rows as requests end; undefined: of none. */
  tap(settings: TapSettings | undefined): void;
  /** Listening descriptors that are open now. From here on the workers note which connections are in use. */
  prepareLeaving(): readonly number[];
  /** The successor could not take over. */
  stay(): void;
  /** Resolves with the number of requests that the deadline cut. `leaving`: a successor has the descriptors. */
  drain(deadlineMs: number, leaving?: boolean): Promise<number>;
};

/** A dead worker is replaced after this long, twice as long each time that the last one did not live for `steadyMs`. */
const restartMsMin = 100;
const restartMsMax = 5_000;
const steadyMs = 10_000;

type Slot = {
  readonly number: number;
  worker: Worker;
  readonly words: Int32Array;
  readonly stages: Float64Array;
  alive: boolean;
  restartMs: number;
  fds: readonly number[];
};

export function startWorkers(options: WorkersOptions): Workers {
  const { store, log } = options;
  let { generation, patterns, early } = options;
  let tapped: TapSettings | undefined;
  let starts = 1; // sender 0 is the main thread's
  let ending = false;
  let listen = { host: generation.server.host, port: generation.server.port };
  const count = workerCount();
  // Each is used once: a worker that is started again opens its own.
  const inherited = new Map<number, readonly number[]>();
  for (let number = 1; number <= count; number++)
    inherited.set(
      number,
      (options.fds ?? []).filter((_, index) => index % count === number - 1),
    );
  const slots: Slot[] = [];
  let known = Promise.resolve();
  const waiting = new Set<(message: FromWorker, slot: Slot) => void>();
  const burial = createBurial(options);
  let guard: PortGuard | undefined;
  options.credentials.onTold((told) => {
    for (const slot of alive()) slot.worker.postMessage({ type: "credential", told } satisfies ToWorker);
  });

  async function startAll(): Promise<number> {
    if (listen.port !== 0) await takePort(listen.port);
    const ports: Promise<number>[] = [];
    for (let number = 1; number <= count; number++) {
      const slot = startSlot(number);
      slots.push(slot);
      ports.push(heard(slot));
      // With port 0 the others must join the port that the first was given.
      if (listen.port === 0) {
        listen = { ...listen, port: await ports[0]! };
        await takePort(listen.port);
      }
    }
    await Promise.all(ports);
    return listen.port;
  }

  /** One descriptor that was opened for a single worker cannot be shared with more. */
  function workerCount(): number {
    const wanted = generation.server.workers;
    if (options.fds?.length !== 1 || wanted === 1) return wanted;
    log.warn("server.workers takes effect when the daemon is stopped and started", { workers: 1, wanted });
    return 1;
  }

  async function takePort(port: number): Promise<void> {
    if (count > 1) guard = await guardPort(port);
  }

  function startSlot(number: number): Slot {
    const shared = {
      words: new Int32Array(new SharedArrayBuffer(wordsPerWorker * 4)),
      stages: createStageCells(),
    };
    const worker = spawn(number, shared);
    const slot: Slot = { number, ...shared, alive: true, restartMs: restartMsMin / 2, worker, fds: [] };
    attach(slot);
    return slot;
  }

  function spawn(number: number, { words, stages }: Pick<Slot, "words" | "stages">): Worker {
    const given = inherited.get(number) ?? [];
    inherited.delete(number);
    const [statePort, trafficPort, contentPort] = [store.port("state"), store.port("traffic"), store.port("traffic")];
    const data: WorkerData = {
      worker: number,
      sender: options.bootCount * sendersPerBoot + starts++,
      tables: options.tables,
      routing: options.routing,
      status: options.status,
      words,
      stages,
      generation,
      patterns,
      credentials: options.credentials.current(),
      statePort,
      trafficPort,
      contentPort,
      reusePort: count > 1,
      responsesFile: options.responsesFile,
      listen,
      fds: given,
    };
    const worker = early ?? startThread("data-plane");
    early = undefined;
    worker.postMessage(data, [statePort, trafficPort, contentPort]);
    if (tapped !== undefined) worker.postMessage({ type: "tap", settings: tapped } satisfies ToWorker);
    return worker;
  }

  function attach(slot: Slot): void {
    const { worker } = slot;
    const startedAt = performance.now();
    worker.on("message", (message: FromWorker) => {
      if (message.type === "tapped") {
        options.onTapped?.(message);
        worker.postMessage({ type: "tap_taken" } satisfies ToWorker);
      } else if (message.type === "name") {
        void answerName(message, worker);
      } else if (message.type === "manage") {
        void options
          .manage?.(message)
          .catch((error: unknown) => notManaged(error, log))
          .then((answer) => worker.postMessage({ type: "managed", id: message.id, answer } satisfies ToWorker));
      } else if (message.type === "correct") {
        void options.correct(message.entry).then((answer) => {
          const { request } = message.entry;
          if (answer.failed !== undefined) log.warn("a charge is not corrected yet", { request, error: answer.failed });
          worker.postMessage({ type: "corrected", id: message.id, answer } satisfies ToWorker);
        });
      } else if (message.type === "own_request") {
        void findOwnRequest(options.store.queries, message).then((answer) => {
          worker.postMessage({ type: "own_request", id: message.id, answer } satisfies ToWorker);
        });
      } else if (message.type === "log")
        log[message.level](message.message, { worker: slot.number, ...message.fields });
      else for (const listener of [...waiting]) listener(message, slot);
    });
    worker.on("error", (error) =>
      log.error("a worker ended", { worker: slot.number, error: String(error.stack ?? error) }),
    );
    worker.on("exit", () => {
      if (!slot.alive || slot.worker !== worker) return;
      slot.alive = false;
      if (!ending) void replace(slot, performance.now() - startedAt);
    });
  }

  async function answerName({ id, kind, name }: FromWorker & { type: "name" }, worker: Worker): Promise<void> {
    const answer = await options.findName(kind, name).then(
      (scope) => ({ scope }),
      (error: unknown) => ({ failed: String(error) }),
    );
    worker.postMessage({ type: "named", id, ...answer } satisfies ToWorker);
  }

  /** The number is given to another only when nothing of the dead one is left: a hold must not be taken for its heir's. */
  async function replace(slot: Slot, livedMs: number): Promise<void> {
    await burial.bury(slot.number);
    slot.words[workerWord.inFlight] = 0;
    slot.restartMs = livedMs > steadyMs ? restartMsMin : Math.min(slot.restartMs * 2, restartMsMax);
    await delay(slot.restartMs);
    if (ending) return;
    log.warn("a worker is started again", { worker: slot.number });
    slot.worker = spawn(slot.number, slot);
    slot.alive = true;
    attach(slot);
    const { worker } = slot;
    // One that does not listen serves nobody: it makes room for the next try.
    heard(slot).catch((error: NodeJS.ErrnoException) => {
      log.error("a worker cannot listen", { worker: slot.number, error: error.code ?? error.message });
      void worker.terminate();
    });
  }

  function heard(slot: Slot): Promise<number> {
    return expect(slot, (message) => {
      if (message.type === "listening") {
        slot.fds = message.fds;
        return { value: message.port };
      }
      if (message.type === "listen_failed") throw Object.assign(new Error(message.message), { code: message.code });
      return undefined;
    });
  }

  /** Waits for a message of one worker. A worker that dies while asked fails the wait. */
  function expect<Value>(
    slot: Slot,
    pick: (message: FromWorker) => { readonly value: Value } | undefined,
  ): Promise<Value> {
    const { worker } = slot;
    return new Promise((resolve, reject) => {
      const died = (): void => end(() => reject(new Error(`worker ${slot.number} ended`)));
      const listener = (message: FromWorker, from: Slot): void => {
        if (from !== slot) return;
        try {
          const found = pick(message);
          if (found !== undefined) end(() => resolve(found.value));
        } catch (error) {
          end(() => reject(error));
        }
      };
      const end = (answer: () => void): void => {
        waiting.delete(listener);
        worker.off("exit", died);
        answer();
      };
      waiting.add(listener);
      worker.once("exit", died);
    });
  }

  async function use(next: GenerationData): Promise<void> {
    const number = next.number;
    const before = generation;
    // One that dies meanwhile need not answer: its heir begins with the new generation.
    const answered =
      (...types: readonly FromWorker["type"][]) =>
      (slot: Slot) =>
        expect(slot, (message) =>
          "number" in message && message.number === number && types.includes(message.type)
            ? { value: message }
            : undefined,
        ).catch(() => undefined);
    const tell = (message: ToWorker): void => {
      for (const slot of alive()) slot.worker.postMessage(message);
    };
    generation = next; // a worker that is started from here on has it from the start
    const built = alive().map(answered("built", "build_failed"));
    tell({ type: "generation", data: next });
    for (const answer of await Promise.all(built)) {
      if (answer?.type !== "build_failed") continue;
      generation = before;
      throw new Error(answer.message);
    }
    const switched = alive().map(answered("switched"));
    tell({ type: "switch", number });
    await Promise.all(switched);
  }

  async function knowPatterns(): Promise<void> {
    if (patterns) return known;
    patterns = true; // a worker that is started from here on knows them from the start
    const answered = alive().map((slot) =>
      expect(slot, ({ type }) => (type === "patterns_known" ? { value: undefined } : undefined)).catch(() => undefined),
    );
    for (const slot of alive()) slot.worker.postMessage({ type: "know_patterns" } satisfies ToWorker);
    known = Promise.all(answered).then(() => undefined);
    return known;
  }

  function alive(): Slot[] {
    return slots.filter((slot) => slot.alive);
  }

  function replaceWriter(writer: WriterName): void {
    for (const slot of alive()) {
      const port = store.port(writer);
      slot.worker.postMessage({ type: "writer", writer, port } satisfies ToWorker, [port]);
      if (writer === "state") continue;
      const apart = store.port(writer);
      slot.worker.postMessage({ type: "writer", writer: "content", port: apart } satisfies ToWorker, [apart]);
    }
  }

  function counts(): readonly WorkerCounts[] {
    return slots.map(({ number, words, stages }) => ({
      id: number,
      inFlight: words[workerWord.inFlight]!,
      contentDropped: words[workerWord.contentDropped]!,
      total: words[workerWord.total]!,
      stages,
    }));
  }

  function tap(settings: TapSettings | undefined): void {
    tapped = settings;
    for (const slot of slots) {
      if (settings !== undefined && slot.alive) slot.worker.postMessage({ type: "tap", settings } satisfies ToWorker);
      Atomics.store(slot.words, workerWord.tap, settings === undefined ? 0 : 1);
    }
  }

  async function drain(deadlineMs: number, leaving = false): Promise<number> {
    ending = true;
    const drained = alive().map((slot) =>
      expect(slot, (message) => (message.type === "drained" ? { value: message.cut } : undefined)).catch(() => 0),
    );
    for (const slot of alive()) slot.worker.postMessage({ type: "drain", deadlineMs, leaving } satisfies ToWorker);
    const cut = (await Promise.all(drained)).reduce((sum, value) => sum + value, 0);
    await Promise.all(slots.map(({ worker }) => worker.terminate()));
    guard?.release();
    return cut;
  }

  function prepareLeaving(): readonly number[] {
    for (const slot of alive()) slot.worker.postMessage({ type: "prepare_leaving" } satisfies ToWorker);
    return alive().flatMap((slot) => slot.fds);
  }

  function stay(): void {
    for (const slot of alive()) slot.worker.postMessage({ type: "stay" } satisfies ToWorker);
  }

  return { listening: startAll(), use, knowPatterns, replaceWriter, counts, tap, prepareLeaving, stay, drain };
}

/** Its code could not be loaded, or failed: whoever asks must not wait in vain. */
function notManaged(error: unknown, log: Log): ManageAnswer {
  log.error("an admin request on the models' port failed", { error: String((error as Error).stack ?? error) });
  const told = { message: "the request failed; the log says why", type: "internal_error", param: null, code: "500" };
  return { status: 500, text: JSON.stringify({ error: told }) };
}
