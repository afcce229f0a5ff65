/**
 * Between two dialects: a request's bytes into the upstream's, an answer's into the caller's. Hides nothing but the
 * order of the steps; values in, values out, so that a helper thread can do it for a body that would stall a worker.
 */
import { endingOfEvents } from "../../providers/dialects/ending.ts";
import { dialects } from "../../providers/dialects/index.ts";
import type {
  Dialect,
  DialectId,
  EncodeOptions,
  Ending,
  Event,
  JsonObject,
  PathWords,
  RenderContext,
  Request,
  Usage,
} from "../../providers/exchange.ts";
import { GatewayError } from "../../providers/gateway-error.ts";
import { mergeUsage } from "../governance/usage.ts";
import { readFrame, SseSplitter } from "../http/sse-splitter.ts";

export type RequestJob = {
  readonly kind: "request";
  /** What the caller speaks, and what the upstream does. */
  readonly client: DialectId;
  readonly upstream: DialectId;
  /** The name the upstream knows. */
  readonly model: string;
  /** The name the config has for it. */
  readonly known: string;
  readonly injectCap: number | undefined;
  readonly encoding: EncodeOptions;
  /** What the caller asked for, as the read stage found it: some dialects say it in the path. */
  readonly asked: PathWords;
};

export type AnswerJob = {
  readonly kind: "answer";
  readonly client: DialectId;
  readonly upstream: DialectId;
  readonly context: RenderContext;
};

export type TranslateJob = RequestJob | AnswerJob;

export type Translated = {
  readonly body: Buffer;
  /** Request: flat pairs that the upstream's dialect needs. */
  readonly headers: readonly string[];
  /** Request: fields, as the caller named them, that the upstream's dialect cannot express. */
  readonly dropped: readonly string[];
  /** Answer: what it says was used. */
  readonly usage: Usage | undefined;
  readonly ending?: Ending | undefined;
  /** Request: what an answer in the caller's dialect repeats of it. */
  readonly echo: JsonObject | undefined;
};

/** The whole way, for whoever has nothing but the bytes. */
export function translate(job: TranslateJob, body: Buffer): Translated {
  const [client, upstream] = [dialects[job.client], dialects[job.upstream]];
  return job.kind === "request"
    ? encodeRequest(parseRequest(client, body, job.asked), upstream, job)
    : translateAnswer(upstream, client, body, job.context);
}

/** The read stage has checked that it is JSON. */
export function parseRequest(client: Dialect, body: Buffer, asked: PathWords): Request {
  const value = JSON.parse(body.toString("utf8")) as object;
  // Another vendor's path around a body that usually names its model: Azure's deployments, Bedrock's InvokeModel.
  const completed = pathDialects.has(client.id) || "model" in value ? value : { ...value, ...asked };
  return client.parse(completed, asked);
}

/** Those whose own paths name the model. */
const pathDialects: ReadonlySet<DialectId> = new Set(["gemini", "bedrock-converse"]);

/** Does the provider's own name say which model it is? An inference profile's usually does, a deployment's need not. */
export function tells(deployment: string, model: string): boolean {
  return deployment === model || telling.test(deployment);
}

const telling = /(^|[./])(o\d|gpt-\d|gpt-oss|codex|claude|gemini|nova-)/;

export function encodeRequest(
  parsed: Request,
  upstream: Dialect,
  { model, known, injectCap, encoding }: Pick<RequestJob, "model" | "known" | "injectCap" | "encoding">,
): Translated {
  const request = {
    ...parsed,
    model,
    ...(tells(model, known) ? {} : { knownAs: known }),
    includeUsage: true,
    ...(injectCap === undefined ? {} : { maxTokens: injectCap }),
  };
  const { body, headers, dropped } = upstream.encode(request, encoding);
  return {
    body: Buffer.from(JSON.stringify(body)),
    headers: Object.entries(headers).flat(),
    dropped,
    usage: undefined,
    echo: parsed.echo,
  };
}

export function translateAnswer(upstream: Dialect, client: Dialect, body: Buffer, context: RenderContext): Translated {
  return renderAnswer(upstream.decode(parseJson(body)), client, context);
}

export function renderAnswer(events: readonly Event[], client: Dialect, context: RenderContext): Translated {
  const rendered: JsonObject = client.render(events, context);
  return {
    body: Buffer.from(JSON.stringify(rendered)),
    headers: [],
    dropped: [],
    usage: usageOf(events),
    ending: endingOfEvents(events, client.id),
    echo: undefined,
  };
}

/** What a whole stream says, its bytes at hand. Throws `upstream_truncated` where its last word is missing. */
export function streamEvents(upstream: Dialect, body: Buffer): readonly Event[] {
  const decoder = upstream.decodeStream();
  const events: Event[] = [];
  const splitter = new SseSplitter(body.length + 1);
  const take = (frame: Buffer): void => {
    const { event, data } = readFrame(frame.toString("utf8"));
    if ((data !== "" || event !== "") && !decoder.finished()) events.push(...decoder.push(event, data));
  };
  splitter.push(body, take);
  const rest = splitter.rest();
  if (rest !== undefined && rest.length > 0) take(rest);
  events.push(...decoder.end());
  return events;
}

/** What a list of events says was used, the last word winning field by field. */
export function usageOf(events: readonly Event[]): Usage | undefined {
  let usage: Usage | undefined;
  for (const event of events) {
    if (event.type === "usage" || event.type === "finish" || event.type === "start")
      usage = mergeUsage(usage, event.usage);
  }
  return usage;
}

export function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString("utf8"));
  } catch (cause) {
    throw new GatewayError("upstream_protocol", "the upstream's answer is not valid JSON", {
      source: "provider",
      cause,
    });
  }
}
