/** What echo answers, as a value: frames to be played. Hides the wire format it imitates and how its directives read. */
import { parseDuration } from "../config/units.ts";

export type EchoAnswer = {
  readonly status: number;
  readonly contentType: string;
  /** SSE events, or the one body. Made as they are taken: a stream may have a million. */
  readonly frames: Iterable<string>;
  readonly delayMs: number;
  readonly gapMs: number;
  /** Break the connection after this many frames. */
  readonly cut: number | undefined;
  readonly hang: boolean;
};

type Body = {
  readonly model?: string;
  readonly stream?: boolean;
  readonly n?: number;
  readonly max_tokens?: number;
  readonly max_completion_tokens?: number;
  readonly stream_options?: { readonly include_usage?: boolean };
  readonly messages?: readonly { readonly role?: string; readonly content?: unknown }[];
  readonly input?: unknown;
  readonly dimensions?: number;
  readonly encoding_format?: string;
};

const wordsMax = 100_000;
const dimensionsDefault = 256;
const dimensionsMax = 4_096;
const bytesPerToken = 4;
const vocabulary = "the bridge of three colours carries every word from one world to the next and back again".split(
  " ",
);

export function echoAnswer(path: string, text: string, created: number): EchoAnswer {
  try {
    return answered(path, JSON.parse(text) as Body, created);
  } catch {
    return whole(400, failure("echo was sent no request that it understands"));
  }
}

function answered(path: string, body: Body, created: number): EchoAnswer {
  if (path.endsWith("/embeddings")) return whole(200, embeddings(body));
  if (!isChat(body)) return whole(400, failure("messages must be a list of objects"));
  const said = (body.messages ?? []).map(({ content }) => plainText(content));
  const last = (body.messages ?? []).findLastIndex(({ role }) => role === "user");
  const { directives, rest } = readDirectives(said[last] ?? "");
  const timing = {
    delayMs: duration(directives["delay"]),
    gapMs: duration(directives["gap"]),
    cut: count(directives["cut"]),
    hang: directives["hang"] !== undefined,
  };
  const fail = count(directives["fail"]);
  if (fail !== undefined && fail >= 400 && fail < 600)
    return { ...whole(fail, failure(`echo was told to fail with ${fail}`)), ...timing };
  const words = count(directives["words"]);
  const full = words === undefined ? rest : sentence(Math.min(words, wordsMax));
  const cap = body.max_completion_tokens ?? body.max_tokens;
  const content =
    cap === undefined
      ? full
      : Buffer.from(full)
          .subarray(0, cap * bytesPerToken)
          .toString("utf8")
          .replace(/\uFFFD+$/, "");
  const answer: Content = {
    id: `chatcmpl-echo-${created}`,
    created,
    model: body.model ?? "echo",
    content,
    finish: content.length < full.length ? "length" : "stop",
    choices: Math.min(body.n ?? 1, 16),
    promptTokens: tokens(said.join("")),
  };
  if (body.stream !== true) return { ...whole(200, completion(answer)), ...timing };
  const all = stream(answer, body.stream_options?.include_usage === true);
  const error = count(directives["error"]);
  const frames = error === undefined ? all : broken(all, error);
  return { status: 200, contentType: "text/event-stream", frames, ...timing };
}

/** Bodies are relayed as they came, so what a caller got wrong arrives here, as it would at a provider. */
function isChat({ messages = [] }: { readonly messages?: unknown }): boolean {
  return Array.isArray(messages) && messages.every((message) => typeof message === "object" && message !== null);
}

type Content = {
  readonly id: string;
  readonly created: number;
  readonly model: string;
  readonly content: string;
  readonly finish: string;
  readonly choices: number;
  readonly promptTokens: number;
};

function usage({ content, choices, promptTokens }: Content): object {
  const completion = tokens(content) * choices;
  return { prompt_tokens: promptTokens, completion_tokens: completion, total_tokens: promptTokens + completion };
}

function completion(answer: Content): object {
  const { id, created, model, content, finish, choices } = answer;
  return {
    id,
    object: "chat.completion",
    created,
    model,
    choices: Array.from({ length: choices }, (_, index) => ({
      index,
      message: { role: "assistant", content, refusal: null },
      logprobs: null,
      finish_reason: finish,
    })),
    usage: usage(answer),
  };
}

function* stream(answer: Content, includeUsage: boolean): Generator<string, void> {
  const { id, created, model, content, finish } = answer;
  const frame = (choices: readonly object[], more: object = {}): string =>
    `data: ${JSON.stringify({ id, object: "chat.completion.chunk", created, model, choices, ...more })}\n\n`;
  const each = (delta: object, finishReason: string | null): string[] =>
    Array.from({ length: answer.choices }, (_, index) => frame([{ index, delta, finish_reason: finishReason }]));
  yield* each({ role: "assistant", content: "" }, null);
  for (const [word] of content.matchAll(/\S+\s*|\s+/g)) yield* each({ content: word }, null);
  yield* each({}, finish);
  if (includeUsage) yield frame([], { usage: usage(answer) });
  yield "data: [DONE]\n\n";
}

/** The first frames, then an error. */
function* broken(frames: Iterable<string>, count: number): Generator<string, void> {
  let left = count;
  for (const frame of frames) {
    if (left-- <= 0) break;
    yield frame;
  }
  yield `data: ${JSON.stringify(failure("echo was told to fail in mid-stream"))}\n\n`;
}

/** A vector that depends on the text alone: equal texts are equal, and length is one. */
function embeddings(body: Body): object {
  const inputs = Array.isArray(body.input) && typeof body.input[0] !== "number" ? body.input : [body.input];
  const dimensions = Math.min(body.dimensions ?? dimensionsDefault, dimensionsMax);
  const texts = inputs.map((input) => (typeof input === "string" ? input : JSON.stringify(input)));
  const promptTokens = tokens(texts.join(""));
  return {
    object: "list",
    model: body.model ?? "echo",
    data: texts.map((text, index) => {
      const vector = vectorOf(text, dimensions);
      const embedding = body.encoding_format === "base64" ? Buffer.from(vector.buffer).toString("base64") : [...vector];
      return { object: "embedding", index, embedding };
    }),
    usage: { prompt_tokens: promptTokens, total_tokens: promptTokens },
  };
}

function vectorOf(text: string, dimensions: number): Float32Array {
  const vector = new Float32Array(dimensions);
  let state = 2166136261;
  for (const byte of Buffer.from(text)) state = Math.imul(state ^ byte, 16777619);
  let squares = 0;
  for (let index = 0; index < dimensions; index++) {
    state = Math.imul(state ^ (state >>> 15), 2246822519) + 0x9e3779b9;
    const value = ((state >>> 0) / 2 ** 32) * 2 - 1;
    vector[index] = value;
    squares += value * value;
  }
  const length = Math.sqrt(squares) || 1;
  return vector.map((value) => value / length);
}

function readDirectives(text: string): {
  readonly directives: Readonly<Record<string, string>>;
  readonly rest: string;
} {
  const directives: Record<string, string> = {};
  const lines = text.split("\n").filter((line) => {
    if (!line.startsWith("#echo")) return true;
    for (const [, key, value] of line.matchAll(/(\w+)=(\S+)/g)) directives[key!] = value!;
    return false;
  });
  return { directives, rest: lines.join("\n") };
}

function sentence(words: number): string {
  return Array.from({ length: words }, (_, index) => vocabulary[index % vocabulary.length]).join(" ");
}

function plainText(content: unknown): string {
  if (typeof content === "string") return content;
  if (!Array.isArray(content)) return "";
  return content
    .map((part: { readonly text?: unknown }) => (typeof part?.text === "string" ? part.text : ""))
    .join("\n");
}

function whole(status: number, body: object): EchoAnswer {
  return {
    status,
    contentType: "application/json",
    frames: [JSON.stringify(body)],
    delayMs: 0,
    gapMs: 0,
    cut: undefined,
    hang: false,
  };
}

function failure(message: string): object {
  return { error: { message, type: "server_error", param: null, code: null } };
}

function tokens(text: string): number {
  return Math.ceil(Buffer.byteLength(text) / bytesPerToken);
}

function count(text: string | undefined): number | undefined {
  const value = text === undefined ? Number.NaN : Number(text);
  return Number.isInteger(value) && value >= 0 ? value : undefined;
}

function duration(text: string | undefined): number {
  return text === undefined ? 0 : (parseDuration(text) ?? 0);
}
