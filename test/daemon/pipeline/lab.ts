/**
 * One data plane in this process, whole: listener, pipeline, ledger and senders are the real ones, its upstreams are
 * `node:http` servers on free ports, and the far ends of the two row ports keep what they are sent.
 */
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { join } from "node:path";
import { MessageChannel } from "node:worker_threads";
import { loadConfig } from "../../../daemon/config/load.ts";
import { createCallerFacts } from "../../../daemon/governance/caller-facts.ts";
import type { Budget, OnUnsupported, RateLimit } from "../../../daemon/governance/definitions.ts";
import { openEstimator } from "../../../daemon/governance/estimate.ts";
import { createKeyReader } from "../../../daemon/governance/key-table.ts";
import { createKeyWriter } from "../../../daemon/governance/key-writer.ts";
import { mintKey } from "../../../daemon/governance/keys-format.ts";
import { createLedger, type Ledger } from "../../../daemon/governance/ledger.ts";
import { createNames } from "../../../daemon/governance/names.ts";
import { createPeek } from "../../../daemon/governance/peek.ts";
import { createPlans } from "../../../daemon/governance/plans.ts";
import { createQuota } from "../../../daemon/governance/quota.ts";
import { createScopes } from "../../../daemon/governance/scopes.ts";
import { createTables, openTables, type Tables } from "../../../daemon/governance/tables.ts";
import { createListener } from "../../../daemon/http/listener.ts";
import { createRequestIds } from "../../../daemon/http/request-id.ts";
import type { Plane } from "../../../daemon/pipeline/plane.ts";
import { loadCompiler } from "../../../daemon/routing/compiler.ts";
import { buildGeneration } from "../../../daemon/routing/generation.ts";
import { createPlaces } from "../../../daemon/routing/places.ts";
import { createSharedRouting, openRouting } from "../../../daemon/routing/routing.ts";
import { echoOrigin } from "../../../daemon/runtime/echo.ts";
import { openHealth } from "../../../daemon/runtime/health.ts";
import { createResponseKeeper } from "../../../daemon/runtime/response-keeper.ts";
import { startThread } from "../../../daemon/runtime/threads.ts";
import { createTranslator } from "../../../daemon/runtime/translator.ts";
import { Origins } from "../../../daemon/runtime/upstream-clients.ts";
import { Wheel } from "../../../daemon/runtime/wheel.ts";
import { wordsPerWorker, workerWord } from "../../../daemon/runtime/worker-protocol.ts";
import { flatRows } from "../../../daemon/store/columns.ts";
import type { Batch } from "../../../daemon/store/rows.ts";
import { contentWidth, requestColumns, requestWidth, settlementWidth } from "../../../daemon/store/rows.ts";
import { createSender } from "../../../daemon/store/sender.ts";
import { createStatus, reportStatus } from "../../../daemon/store/writer-status.ts";
import { createStageCells, createStages } from "../../../daemon/telemetry/stages.ts";
import { createTap } from "../../../daemon/telemetry/tap.ts";
import { openCatalog } from "../../../providers/catalog/catalog.ts";
import type { GatewayError } from "../../../providers/gateway-error.ts";
import { temporaryHome } from "../../support/daemon.ts";
import { until } from "../../support/until.ts";

export type Upstream = {
  readonly origin: string;
  /** Every request seen, in order, its body read whole. */
  readonly seen: Seen[];
  /** Connections open now. */
  readonly sockets: ReadonlySet<Socket>;
  answer: (request: IncomingMessage, response: ServerResponse, seen: Seen) => void;
  stop(): Promise<void>;
};

export type Seen = {
  readonly path: string;
  readonly headers: IncomingMessage["headers"];
  readonly rawHeaders: readonly string[];
  readonly body: string;
};

export async function startUpstream(answer: Upstream["answer"] = answers()): Promise<Upstream> {
  const seen: Seen[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((incoming, response) => {
    const chunks: Buffer[] = [];
    incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
    incoming.on("end", () => {
      const one = {
        path: incoming.url ?? "",
        headers: incoming.headers,
        rawHeaders: incoming.rawHeaders,
        body: Buffer.concat(chunks).toString("utf8"),
      };
      seen.push(one);
      upstream.answer(incoming, response, one);
    });
  });
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => {});
  });
  const origin = await listen(server);
  const upstream: Upstream = { origin, seen, sockets, answer, stop: () => close(server) };
  return upstream;
}

/** What a chat model says when all is well. */
export const completion = {
  id: "chatcmpl-1",
  object: "chat.completion",
  created: 1,
  model: "m",
  choices: [{ index: 0, message: { role: "assistant", content: "Hello." }, finish_reason: "stop" }],
  usage: { prompt_tokens: 100, completion_tokens: 10, total_tokens: 110 },
};

export function answers(
  body: unknown = completion,
  status = 200,
  headers: Readonly<Record<string, string>> = {},
): Upstream["answer"] {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return (_request, response) => {
    response.writeHead(status, { "content-type": "application/json", ...headers });
    response.end(text);
  };
}

export function chunk(delta: object, finish: string | null = null): string {
  return `data: ${JSON.stringify({ id: "c1", object: "chat.completion.chunk", created: 1, model: "m", choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`;
}

export const role = chunk({ role: "assistant", content: "" });
export const stop = chunk({}, "stop");
export const usageChunk = `data: ${JSON.stringify({ id: "c1", object: "chat.completion.chunk", created: 1, model: "m", choices: [], usage: completion.usage })}\n\n`;
export const done = "data: [DONE]\n\n";

/** Streams the frames, each a write of its own. */
export function streams(...frames: readonly string[]): Upstream["answer"] {
  return (_request, response) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    for (const frame of frames) response.write(frame);
    response.end();
  };
}

export type Row = { readonly [column in (typeof requestColumns)[number]]: string | number | null };
export type Settled = {
  readonly holdId: string;
  readonly scopes: string;
  readonly costNano: number;
  readonly tokens: number;
  readonly flags: number;
  readonly record: { readonly [field: string]: unknown } | undefined;
};

export type Lab = {
  readonly url: string;
  readonly plane: Plane;
  readonly server: Server;
  readonly ledger: Ledger;
  readonly tables: Tables;
  /** Log rows and settlement-and-audit rows that have left the worker, after everything under way has ended. */
  rows(): Promise<Row[]>;
  /** Those that have left by now. */
  rowsNow(): Row[];
  settled(): Promise<Settled[]>;
  /** Errors that were bugs, as they go to the daemon's log. */
  readonly logged: GatewayError[];
  createKey(options?: KeyOptions): string;
  call(options: CallOptions): Promise<Answer>;
  stateFails(): void;
  stop(): Promise<void>;
};

export type KeyOptions = {
  readonly models?: readonly string[];
  readonly blocked?: readonly string[];
  readonly budgetNano?: number;
  readonly limits?: readonly RateLimit[];
  readonly concurrencyMax?: number;
  readonly unsupported?: OnUnsupported;
  readonly raw?: boolean;
};

export type CallOptions = {
  readonly path?: string;
  readonly method?: string;
  readonly key?: string;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  readonly body?: unknown;
};

export type Answer = {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  readonly text: string;
};

/** What a caller reads of a failure, in OpenAI's envelope. */
export function errorOf({
  text,
}: Answer): { readonly code: string; readonly message: string } & Record<string, unknown> {
  return (JSON.parse(text) as { error: { code: string; message: string } }).error;
}

const settledColumns = ["holdId", "at", "keyId", "scopes", "costNano", "tokens", "flags", "record"] as const;

export async function startLab(config: object): Promise<Lab> {
  const loaded = await loadConfig({
    // One target fails in test after test: it is asked all the same, unless the test is about that.
    text: JSON.stringify({ routing: { breaker: { enabled: false } }, ...config }),
    path: "/lab.yaml",
    environment: { SECRET: "upstream-secret", REVOKED: "revoked-secret" },
    number: 1,
  });
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
  const tables = openTables(createTables({ keysMax: 1_000, scopesMax: 1_000, holdsMax: 1_024, workersMax: 2 }), 0);
  const status = createStatus();
  reportStatus(status, "state").ready();
  const state = collect();
  const traffic = collect();
  const origins = new Origins();
  const logged: GatewayError[] = [];
  const keyReader = createKeyReader(tables);
  const plane: Plane = {
    keys: keyReader,
    ledger: createLedger(tables),
    plans: createPlans(tables, keyReader),
    names: createNames(
      async () => 0,
      () => 0,
    ),
    quota: createQuota(tables),
    peek: createPeek(tables),
    correct: async () => ({}),
    findOwnRequest: async () => ({}),
    callers: createCallerFacts(tables),
    routing: openRouting({ shared: createSharedRouting(1), worker: 1, settings: loaded.data.routing }),
    places: createPlaces(
      () => plane.routing,
      () => performance.now(),
      (provider) => plane.generation.providers.get(provider)?.data.concurrencyMax,
    ),
    estimator: openEstimator(),
    state: createSender(state.port, 1, { width: settlementWidth, whenFull: "keep" }),
    traffic: createSender(traffic.port, 1, { width: requestWidth, whenFull: "drop" }),
    health: openHealth(status),
    wheel: new Wheel(),
    translator: createTranslator({ start: () => startThread("translator") }),
    responses: createResponseKeeper(() => startThread("responses", { file: join(temporaryHome(), "responses.db") })),
    nextId: createRequestIds(1),
    generation: buildGeneration(
      loaded.data,
      openCatalog(loaded.data.prices),
      (provider) => (provider.baseUrl.startsWith("echo:") ? echoOrigin : origins.get(provider)),
      () => undefined,
      await loadCompiler(loaded.data),
    ),
    bodyBytes: 0,
    words: new Int32Array(new SharedArrayBuffer(4 * wordsPerWorker)),
    stages: createStages(createStageCells()),
    tap: createTap(() => undefined),
    contents: () => createSender(traffic.port, -1, { width: contentWidth, kind: "content", whenFull: "drop" }),
    contentBytes: 0,
    draining: false,
    leaving: undefined,
  };
  const server = createListener(plane, (error) => logged.push(error));
  const url = await listen(server);
  const scopes = createScopes(tables);
  const keys = createKeyWriter(tables);
  let keyCount = 0;

  async function rested(): Promise<void> {
    await until("the end of what is under way", () => plane.words[workerWord.inFlight] === 0);
    await Promise.all([plane.state.durable(), plane.traffic.durable()]);
  }

  return {
    url,
    plane,
    server,
    ledger: plane.ledger,
    tables,
    logged,
    rowsNow: () => objects(traffic.values, requestColumns) as Row[],
    async rows() {
      await rested();
      return objects(traffic.values, requestColumns) as Row[];
    },
    async settled() {
      await rested();
      return objects(state.values, settledColumns).map(({ holdId, scopes, costNano, tokens, flags, record }) => ({
        holdId,
        scopes,
        costNano,
        tokens,
        flags,
        record: record === "" ? undefined : JSON.parse(record as string),
      })) as Settled[];
    },
    createKey({ models = ["*"], blocked, budgetNano, limits = [], concurrencyMax, unsupported, raw } = {}) {
      const id = ++keyCount;
      const now = Date.now();
      const minted = mintKey();
      const window = { kind: "rolling", lengthMs: 86_400_000 } as const;
      const budgets: Budget[] =
        budgetNano === undefined ? [] : [{ slot: 0, limitNano: budgetNano, window, anchorMs: now }];
      const limited = budgets.length + limits.length > 0 || concurrencyMax !== undefined;
      if (limited) scopes.defineScope({ id, kind: "key", name: `key ${id}`, budgets, limits, concurrencyMax }, [], now);
      keys.put(
        {
          id,
          publicId: `key_${id}`,
          name: `key ${id}`,
          prefix: "",
          createdAtMs: now,
          disabled: false,
          policy: { models, blocked, unsupported, raw },
          scopes: limited ? [id] : [],
        },
        [{ keyId: id, hash: minted.hash }],
      );
      return minted.secret;
    },
    call: (options) => call(url, options),
    stateFails: () => reportStatus(status, "state").failed(0),
    async stop() {
      await close(server);
      origins.retain([]);
      state.close();
      traffic.close();
    },
  };
}

/** One call, read whole. A broken answer is an error. */
export function call(url: string, { path, method = "POST", key, headers = {}, body }: CallOptions): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const outgoing = request(
      `${url}${path ?? "/v1/chat/completions"}`,
      {
        method,
        agent: false,
        headers: {
          ...(body === undefined ? {} : { "content-type": "application/json" }),
          ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
          ...headers,
        },
      },
      (response) => {
        let text = "";
        response.setEncoding("utf8");
        response.on("data", (part: string) => {
          text += part;
        });
        response.on("error", reject);
        response.on("end", () => resolve({ status: response.statusCode ?? 0, headers: response.headers, text }));
      },
    );
    outgoing.on("error", reject);
    outgoing.end(body === undefined || typeof body === "string" ? body : JSON.stringify(body));
  });
}

/** The body of a chunked answer as it stood on the wire, head included. */
export function dechunked(answer: string): string {
  let body = "";
  let at = answer.indexOf("\r\n\r\n") + 4;
  for (;;) {
    const lineEnd = answer.indexOf("\r\n", at);
    const length = Number.parseInt(answer.slice(at, lineEnd), 16);
    if (!(length > 0)) return body;
    body += answer.slice(lineEnd + 2, lineEnd + 2 + length);
    at = lineEnd + 4 + length;
  }
}

/** A port whose far end keeps the rows and acknowledges them, as a writer does. */
function collect() {
  const { port1, port2 } = new MessageChannel();
  const values: (string | number | null)[] = [];
  port2.on("message", (message: Batch) => {
    if (message.type !== "batch") return;
    values.push(...flatRows(message.rows));
    port2.postMessage({ type: "ack", number: message.number });
  });
  return { port: port1, values, close: () => port1.close() };
}

function objects<Column extends string>(
  values: readonly (string | number | null)[],
  columns: readonly Column[],
): { readonly [column in Column]: string | number | null }[] {
  const count = values.length / columns.length;
  return Array.from({ length: count }, (_, row) =>
    Object.fromEntries(columns.map((column, index) => [column, values[row * columns.length + index]!])),
  ) as { readonly [column in Column]: string | number | null }[];
}

async function listen(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function close(server: Server): Promise<void> {
  const closed = new Promise((resolve) => server.close(resolve));
  server.closeAllConnections();
  await closed;
}
