/**
 * A plain HTTP client for the inference API that shows everything: raw bytes, how the answer ended, when each part came.
 * Hides node:http; the SDKs have their own tests.
 */
import http from "node:http";
import { performance } from "node:perf_hooks";

export type ClientDialect = "chat" | "messages";

/** Everybody who may call: the model of Gemini and of Converse stands in the path. */
export type Caller = ClientDialect | "responses" | "gemini" | "converse" | "cohere";

export type Answer = {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly bytes: Buffer;
  readonly text: string;
  /** `cut`: the connection ended in the middle of the body. */
  readonly ended: "complete" | "cut";
  readonly headMs: number;
  readonly totalMs: number;
};

/** A request whose answer is still coming. */
export type Open = {
  readonly response: http.IncomingMessage;
  /** Bytes so far. */
  readonly received: () => Buffer;
  /** Resolves when `needle` has arrived in the body. */
  readonly until: (needle: string) => Promise<void>;
  /** Leaves at once; returns the time. */
  readonly abort: () => number;
  readonly answer: () => Promise<Answer>;
};

/** A request of which nothing may have come back yet. `head` fails when it is aborted first. */
export type Begun = { readonly head: Promise<Open>; readonly abort: () => number };

export type Ask = {
  readonly dialect: Caller;
  readonly model: string;
  readonly key?: string | undefined;
  readonly stream?: boolean | undefined;
  readonly prompt?: string | undefined;
  readonly maxTokens?: number | undefined;
  /** Laid over the body. */
  readonly body?: Readonly<Record<string, unknown>> | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly agent?: http.Agent | undefined;
};

export const paths: Readonly<Record<ClientDialect, string>> = {
  chat: "/v1/chat/completions",
  messages: "/v1/messages",
};

/** A request of which nothing comes for so long is given up: it would keep its test, and after that the process. */
const silenceMsMax = 100_000;

/** Sends and reads to the end, whatever the end is. Fails only when no response head came. */
export async function ask(origin: string, question: Ask): Promise<Answer> {
  return (await open(origin, question)).answer();
}

/** Sends and resolves with the head. */
export function open(origin: string, question: Ask): Promise<Open> {
  return begin(origin, question).head;
}

/** Sends; the caller may leave before any answer. */
export function begin(origin: string, question: Ask): Begun {
  return beginRaw(origin, {
    method: "POST",
    path: pathFor(question),
    headers: headersFor(question),
    body: JSON.stringify(bodyFor(question)),
    agent: question.agent,
  });
}

export function pathFor({ dialect, model, stream }: Ask): string {
  const name = encodeURIComponent(model);
  switch (dialect) {
    case "responses":
      return "/v1/responses";
    case "cohere":
      return "/v2/chat";
    case "gemini":
      return `/v1beta/models/${name}:${stream === true ? "streamGenerateContent?alt=sse" : "generateContent"}`;
    case "converse":
      return `/model/${name}/converse${stream === true ? "-stream" : ""}`;
    default:
      return paths[dialect];
  }
}

export function bodyFor(question: Ask): Record<string, unknown> {
  const text = question.prompt ?? "hello";
  const streamed = question.stream === undefined ? {} : { stream: question.stream };
  if (question.dialect === "responses") return { model: question.model, input: text, ...streamed, ...question.body };
  if (question.dialect === "gemini") return { contents: [{ role: "user", parts: [{ text }] }], ...question.body };
  if (question.dialect === "converse") return { messages: [{ role: "user", content: [{ text }] }], ...question.body };
  return {
    model: question.model,
    ...(question.dialect === "messages" ? { max_tokens: question.maxTokens ?? 64 } : {}),
    ...(question.dialect === "chat" && question.maxTokens !== undefined ? { max_tokens: question.maxTokens } : {}),
    messages: [{ role: "user", content: text }],
    ...streamed,
    ...question.body,
  };
}

export function headersFor(question: Pick<Ask, "dialect" | "key" | "headers">): Record<string, string> {
  return {
    "content-type": "application/json",
    ...(question.dialect === "messages" ? { "anthropic-version": "2023-06-01" } : {}),
    ...(question.key === undefined
      ? {}
      : { [keyHeaders[question.dialect] ?? "authorization"]: keyFor(question.dialect, question.key) }),
    ...question.headers,
  };
}

const keyHeaders: Readonly<Partial<Record<Caller, string>>> = { messages: "x-api-key", gemini: "x-goog-api-key" };

function keyFor(dialect: Caller, key: string): string {
  return keyHeaders[dialect] === undefined ? `Bearer ${key}` : key;
}

export type Raw = {
  readonly method: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string | readonly string[]>> | undefined;
  readonly body?: string | Buffer | undefined;
  readonly agent?: http.Agent | undefined;
  readonly socketPath?: string | undefined;
};

export function send(origin: string, raw: Raw): Promise<Open> {
  return beginRaw(origin, raw).head;
}

export function beginRaw(origin: string, raw: Raw): Begun {
  const started = performance.now();
  const { hostname, port } = new URL(origin);
  const request = http.request({
    ...(raw.socketPath === undefined ? { host: hostname, port } : { socketPath: raw.socketPath }),
    method: raw.method,
    path: raw.path,
    agent: raw.agent ?? false,
    headers: {
      ...raw.headers,
      ...(raw.body === undefined ? {} : { "content-length": Buffer.byteLength(raw.body) }),
    } as http.OutgoingHttpHeaders,
  });
  const head = new Promise<Open>((resolve, reject) => {
    request.on("error", reject); // after the head it is the response that tells how it ended
    request.on("response", (response) => resolve(opened(request, response, started)));
  });
  head.catch(() => {}); // whoever awaits it is told; whoever left does not care
  request.setTimeout(silenceMsMax, () => {
    request.destroy(new Error(`${raw.method} ${raw.path}: nothing came for ${silenceMsMax / 1000} s`));
  });
  request.end(raw.body);
  return { head, abort: () => leave(request) };
}

function leave(request: http.ClientRequest): number {
  const at = Date.now();
  request.destroy();
  return at;
}

function opened(request: http.ClientRequest, response: http.IncomingMessage, started: number): Open {
  const headMs = performance.now() - started;
  const parts: Buffer[] = [];
  const waiting = new Set<() => void>();
  const received = () => Buffer.concat(parts);
  const finished = new Promise<Answer>((resolve) => {
    const done = () => {
      for (const wake of waiting) wake();
      const bytes = received();
      resolve({
        status: response.statusCode ?? 0,
        headers: response.headers,
        bytes,
        text: bytes.toString("utf8"),
        ended: response.complete ? "complete" : "cut",
        headMs,
        totalMs: performance.now() - started,
      });
    };
    response.on("error", () => {}); // told by `ended`
    response.on("close", done);
  });
  response.on("data", (part: Buffer) => {
    parts.push(part);
    for (const wake of waiting) wake();
  });
  return {
    response,
    received,
    until: (needle) =>
      new Promise((resolve, reject) => {
        const look = () => {
          if (received().includes(needle)) settle(resolve);
          else if (response.closed || response.complete) {
            settle(() => reject(new Error(`the answer ended without ${JSON.stringify(needle)}: ${received()}`)));
          }
        };
        const settle = (then: () => void) => {
          waiting.delete(look);
          then();
        };
        waiting.add(look);
        look();
      }),
    abort: () => leave(request),
    answer: () => finished,
  };
}
