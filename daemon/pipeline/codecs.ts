/**
 * Operations beside chat between two dialects: embeddings, counts, rankings, pictures. Hides that a pair of dialects speaks of one
 * only where both have the words for it, and that text completions become a chat.
 */
import { openaiCompletions, parseCompletion } from "../../providers/dialects/openai-completions.ts";
import type {
  Codec,
  Dialect,
  Operation,
  OperationOptions,
  PathWords,
  RenderContext,
  Usage,
} from "../../providers/exchange.ts";
import type { ReadyEndpoint } from "../routing/endpoints.ts";
import type { Exchange } from "./exchange.ts";
import { encodeRequest, parseJson, type RequestJob, type Translated, translateAnswer } from "./translate.ts";

type AnyCodec = Codec<unknown, unknown>;

/** What one request has become, and how its answer goes back. */
export type Coded = {
  readonly request: Translated;
  readonly answer: (body: Buffer, context: RenderContext) => Translated;
};

export function codecOf(dialect: Dialect, operation: Operation): AnyCodec | undefined {
  switch (operation) {
    case "embeddings":
      return dialect.embeddings as AnyCodec | undefined;
    case "count_tokens":
      return dialect.countTokens as AnyCodec | undefined;
    case "rerank":
      return dialect.rerank as AnyCodec | undefined;
    case "image_generations":
      return dialect.images as AnyCodec | undefined;
    default:
      return undefined;
  }
}

/** The language the answer is told in. */
export function clientOf({ route }: Exchange, { asChat }: ReadyEndpoint): Dialect {
  return asChat ? openaiCompletions : route.dialect;
}

/** Text completions, for a host that knows chat only. */
export function encodeCompletion(
  { body }: Exchange,
  upstream: Dialect,
  path: PathWords,
  job: Pick<RequestJob, "model" | "known" | "injectCap" | "encoding">,
): Coded {
  const { request, dropped } = parseCompletion(JSON.parse(body!.toString("utf8")), path);
  const encoded = encodeRequest(request, upstream, job);
  return {
    request: { ...encoded, dropped: [...dropped, ...encoded.dropped] },
    answer: (bytes, context) => translateAnswer(upstream, openaiCompletions, bytes, context),
  };
}

/** Undefined: at least one of them has no words for it. */
export function encodeOperation(
  { route, body }: Exchange,
  upstream: Dialect,
  model: string,
  path: PathWords,
  options: OperationOptions,
): Coded | undefined {
  const ours = codecOf(route.dialect, route.operation);
  const theirs = codecOf(upstream, route.operation);
  if (ours === undefined || theirs === undefined) return undefined;
  const parsed = ours.parse(JSON.parse(body!.toString("utf8")), path) as object;
  const encoded = theirs.encode({ ...parsed, model }, options);
  return {
    request: {
      body: Buffer.from(JSON.stringify(encoded.body)),
      headers: Object.entries(encoded.headers).flat(),
      dropped: encoded.dropped,
      usage: undefined,
      echo: undefined,
    },
    answer: (bytes, context) => {
      const answered = theirs.decode(parseJson(bytes));
      const rendered = ours.render(answered, { ...context, request: parsed });
      const { usage, input, searches } = answered as Partial<Pick<Usage, "input" | "searches">> & { usage?: Usage };
      return {
        body: Buffer.from(JSON.stringify(rendered)),
        headers: [],
        dropped: [],
        usage:
          searches === undefined
            ? (usage ?? (input === undefined ? undefined : { input, output: 0 }))
            : { ...usage, searches },
        echo: undefined,
      };
    },
  };
}
