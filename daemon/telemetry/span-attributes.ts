/**
 * What a span says of a request, in the words of two conventions: OpenTelemetry's for generative AI (1.37.0) and
 * OpenInference's. Nothing that was said is in either.
 */
import type { SpanParameters } from "../pipeline/span-parameters.ts";
import { requestColumn as column } from "../store/rows.ts";
import type { RowValue } from "../store/sender.ts";

export type Conventions = "genai" | "openinference" | "both";
export type Attributes = Record<string, string | number | boolean | string[]>;

/** The revision whose names are used; spans say so. */
export const genaiSchema = "https://opentelemetry.io/schemas/1.37.0";

/** Well-known names of OpenTelemetry where ours differ. */
const providerNames: Readonly<Record<string, string>> = {
  bedrock: "aws.bedrock",
  azure: "azure.ai.openai",
  gemini: "gcp.gemini",
  vertex: "gcp.vertex_ai",
  mistral: "mistral_ai",
  xai: "x_ai",
};

/** Predefined values by route; what none is for goes by the route's own name, as the conventions have it. */
const operations: Readonly<Record<string, string>> = {
  "chat.completions": "chat",
  responses: "chat",
  messages: "chat",
  "cohere.chat": "chat",
  "bedrock.converse": "chat",
  "bedrock.converse_stream": "chat",
  "bedrock.invoke": "chat",
  "bedrock.invoke_stream": "chat",
  "gemini.generate": "generate_content",
  "gemini.stream": "generate_content",
  completions: "text_completion",
  "fim.completions": "text_completion",
  embeddings: "embeddings",
  "cohere.embed": "embeddings",
  "gemini.embed": "embeddings",
  "gemini.batch_embed": "embeddings",
};

export type Row = { readonly at: number; readonly values: readonly RowValue[] };

function read({ at, values }: Row, name: keyof typeof column): RowValue {
  return values[at + column[name]] ?? null;
}

/** Of the request as a whole: a server's span. */
export function requestAttributes(row: Row): Attributes {
  return present({
    "http.request.method": "POST",
    "http.response.status_code": read(row, "status"),
    "error.type": read(row, "error"),
    "bifrost.request.id": read(row, "id"),
    "bifrost.route": read(row, "route"),
    "bifrost.key.id": read(row, "key_id") === 0 ? null : read(row, "key_id"),
    "bifrost.model.requested": read(row, "model"),
    "bifrost.stream": read(row, "stream") === 1,
    "bifrost.cost.nano_dollars": read(row, "cost_nano"),
  });
}

export type ToldHop = {
  readonly target: string;
  readonly credential: string;
  readonly error: string;
  readonly isLast: boolean;
  /** Of the provider. */
  readonly address: string;
  readonly port: number;
  readonly parameters: SpanParameters;
};

/** Of one call of a provider: a client's span. Only the last hop knows its usage. */
export function hopAttributes(row: Row, hop: ToldHop, conventions: Conventions): Attributes {
  const slash = hop.target.indexOf("/");
  const provider = hop.target.slice(0, slash);
  const model = hop.target.slice(slash + 1);
  const usage = (name: keyof typeof column): RowValue => (hop.isLast ? read(row, name) : null);
  const ttft = usage("ttft_ms");
  const ending = usage("native_stop") ?? usage("stop");
  const common = present({
    "error.type": hop.error === "" ? null : hop.error,
    ...(hop.address === "" ? {} : { "server.address": hop.address, "server.port": hop.port }),
    "bifrost.provider": provider,
    "bifrost.credential": hop.credential === "" ? null : hop.credential,
    "bifrost.time_to_first_token_ms": ttft,
  });
  const genai = present({
    "gen_ai.operation.name": operationOf(row),
    "gen_ai.provider.name": providerNames[provider] ?? provider,
    "gen_ai.request.model": model,
    ...requestParameters(hop.parameters),
    "gen_ai.conversation.id": read(row, "session"),
    "gen_ai.response.id": usage("upstream_id"),
    "gen_ai.response.finish_reasons": typeof ending === "string" ? [ending] : null,
    "gen_ai.usage.input_tokens": usage("tokens_in"),
    "gen_ai.usage.output_tokens": usage("tokens_out"),
  });
  const [tokensIn, tokensOut] = [usage("tokens_in"), usage("tokens_out")];
  const total = typeof tokensIn === "number" && typeof tokensOut === "number" ? tokensIn + tokensOut : null;
  const openinference = present({
    "openinference.span.kind": kindOf(operationOf(row)),
    "llm.system": provider,
    "llm.provider": provider,
    "llm.model_name": model,
    "llm.invocation_parameters": invocationParameters(hop.parameters),
    "llm.finish_reason": ending,
    "session.id": read(row, "session"),
    "user.id": read(row, "user"),
    "llm.token_count.prompt": tokensIn,
    "llm.token_count.completion": tokensOut,
    "llm.token_count.total": total,
    "llm.token_count.prompt_details.cache_read": usage("tokens_cache_read"),
    "llm.token_count.prompt_details.cache_write": usage("tokens_cache_write"),
    "llm.token_count.completion_details.reasoning": usage("tokens_reasoning"),
  });
  return {
    ...common,
    ...(conventions === "openinference" ? {} : genai),
    ...(conventions === "genai" ? {} : openinference),
  };
}

function requestParameters({
  output_type,
  choice_count,
  ...rest
}: SpanParameters): Record<string, Attributes[string] | null> {
  return {
    ...Object.fromEntries(Object.entries(rest).map(([name, value]) => [`gen_ai.request.${name}`, value])),
    "gen_ai.output.type": output_type ?? null,
    // One is not told: it goes without saying.
    "gen_ai.request.choice.count": choice_count === undefined || choice_count === 1 ? null : choice_count,
  };
}

/** JSON text, in OpenAI's names; null: the request gives none. */
function invocationParameters({ output_type, choice_count, stop_sequences, ...rest }: SpanParameters): string | null {
  const given = { ...rest, stop: stop_sequences, n: choice_count, response_format: output_type };
  const text = JSON.stringify(given);
  return text === "{}" ? null : text;
}

export function operationOf(row: Row): string {
  const route = String(read(row, "route"));
  return operations[route] ?? route;
}

function kindOf(operation: string): string {
  if (operation === "embeddings") return "EMBEDDING";
  return operation.endsWith("rerank") ? "RERANKER" : "LLM";
}

function present(attributes: Readonly<Record<string, RowValue | boolean | string[]>>): Attributes {
  return Object.fromEntries(Object.entries(attributes).filter(([, value]) => value !== null)) as Attributes;
}
