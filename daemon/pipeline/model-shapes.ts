/** A model as three vendors' SDKs want to read it. Hides their field names and their units. */
import type { Capability } from "../../providers/catalog/capabilities.ts";
import type { Price } from "../../providers/catalog/price.ts";
import type { ModelShape } from "../http/routes.ts";

export type ListedModel = {
  /** As it is to be asked for. */
  readonly id: string;
  readonly provider: string;
  /** Tokens. */
  readonly contextWindow: number | undefined;
  readonly outputMax: number | undefined;
  readonly price: Price | undefined;
  /** What it can do; undefined: not known. */
  readonly capabilities: readonly Capability[] | undefined;
  /** What its provider serves. */
  readonly operations: readonly string[];
};

export function renderModel(shape: ModelShape, model: ListedModel): object {
  return renderers[shape](model);
}

export function renderModels(shape: ModelShape, models: readonly ListedModel[]): object {
  return envelopes[shape](models, models.map(renderers[shape]));
}

const envelopes: Readonly<Record<ModelShape, (models: readonly ListedModel[], data: readonly object[]) => object>> = {
  openai: (_models, data) => ({ object: "list", data }),
  azure: (_models, data) => ({ object: "list", data }),
  anthropic: (models, data) => ({
    data,
    has_more: false,
    first_id: models[0]?.id ?? null,
    last_id: models.at(-1)?.id ?? null,
  }),
  gemini: (_models, data) => ({ models: data }),
  litellm: (_models, data) => ({ data }),
};

const renderers: Readonly<Record<ModelShape, (model: ListedModel) => object>> = {
  openai: openaiModel,
  azure: azureDeployment,
  anthropic: anthropicModel,
  gemini: geminiModel,
  litellm: litellmModel,
};

/** OpenAI's four fields, and those that OpenRouter's clients look for. */
function openaiModel({ id, provider, contextWindow, outputMax, price, capabilities, operations }: ListedModel): object {
  return {
    id,
    object: "model",
    created: 0,
    owned_by: provider,
    ...(contextWindow === undefined ? {} : { context_length: contextWindow }),
    ...(outputMax === undefined ? {} : { max_output_tokens: outputMax }),
    ...(price === undefined ? {} : { pricing: pricing(price) }),
    ...(capabilities === undefined ? {} : { capabilities, ...inOpenrouterWords(capabilities) }),
    operations,
  };
}

/** A deployment is a name for a model; here both are the same. */
function azureDeployment({ id, provider }: ListedModel): object {
  return {
    id,
    object: "deployment",
    model: id,
    owner: provider,
    status: "succeeded",
    scale_settings: { scale_type: "standard" },
    created_at: 0,
    updated_at: 0,
  };
}

const modalities: readonly (readonly [Capability, string])[] = [
  ["vision", "image"],
  ["audio", "audio"],
  ["documents", "file"],
];
const parameters: readonly (readonly [Capability, readonly string[]])[] = [
  ["reasoning", ["reasoning"]],
  ["structured_output", ["response_format", "structured_outputs"]],
  ["tools", ["tools", "tool_choice"]],
];

/** Nothing where nothing is known: an empty list would say that it can do none of it. */
function inOpenrouterWords(can: readonly Capability[]): object {
  const inputs = modalities.flatMap(([name, word]) => (can.includes(name) ? [word] : []));
  const supported = parameters.flatMap(([name, words]) => (can.includes(name) ? words : []));
  return {
    ...(inputs.length === 0 ? {} : { architecture: { input_modalities: ["text", ...inputs] } }),
    ...(supported.length === 0 ? {} : { supported_parameters: supported }),
  };
}

function anthropicModel({ id, contextWindow, outputMax }: ListedModel): object {
  return {
    type: "model",
    id,
    display_name: id,
    created_at: "1970-01-01T00:00:00Z",
    ...(contextWindow === undefined ? {} : { max_input_tokens: contextWindow }),
    ...(outputMax === undefined ? {} : { max_tokens: outputMax }),
  };
}

const geminiMethods: Readonly<Record<string, readonly string[]>> = {
  chat: ["generateContent", "streamGenerateContent", "countTokens"],
  embeddings: ["embedContent", "batchEmbedContents"],
};

function geminiModel({ id, contextWindow, outputMax, capabilities, operations }: ListedModel): object {
  return {
    name: `models/${id}`,
    version: "001",
    displayName: id,
    ...(contextWindow === undefined ? {} : { inputTokenLimit: contextWindow }),
    ...(outputMax === undefined ? {} : { outputTokenLimit: outputMax }),
    ...(capabilities === undefined ? {} : { thinking: capabilities.includes("reasoning") }),
    supportedGenerationMethods: operations.flatMap((operation) => geminiMethods[operation] ?? []),
  };
}

/** The Python gateway's: what a name stands for, and what is known of it. */
function litellmModel({
  id,
  provider,
  contextWindow,
  outputMax,
  price,
  capabilities,
  operations,
}: ListedModel): object {
  const can = (name: Capability): boolean | null => capabilities?.includes(name) ?? null;
  return {
    model_name: id,
    litellm_params: { model: id },
    model_info: {
      id,
      litellm_provider: provider,
      mode: operations.includes("chat") ? "chat" : (operations[0] ?? null),
      max_input_tokens: contextWindow ?? null,
      max_output_tokens: outputMax ?? null,
      input_cost_per_token: dollarsEach(price?.input),
      output_cost_per_token: dollarsEach(price?.output),
      cache_read_input_token_cost: dollarsEach(price?.cacheRead),
      supports_vision: can("vision"),
      supports_audio_input: can("audio"),
      supports_pdf_input: can("documents"),
      supports_function_calling: can("tools"),
      supports_response_schema: can("structured_output"),
      supports_reasoning: can("reasoning"),
      supports_prompt_caching: can("caching"),
    },
  };
}

/** Numbers, as its clients read them; unknown is not zero. */
function dollarsEach(pico: number | undefined): number | null {
  return pico === undefined ? null : Number(dollars(pico));
}

/** Dollars a token as decimal text: what is added up must not be a binary fraction. */
function pricing(price: Price): Readonly<Record<string, string>> {
  const fields = {
    prompt: price.input,
    completion: price.output,
    request: price.request,
    input_cache_read: price.cacheRead,
    input_cache_write: price.cacheWrite5m,
    input_cache_write_1h: price.cacheWrite1h,
    audio: price.audioInput,
    image: price.image,
    web_search: price.serverTool,
    internal_reasoning: price.reasoning,
  };
  return Object.fromEntries(
    Object.entries(fields).flatMap(([name, pico]) => (pico === undefined ? [] : [[name, dollars(pico)]])),
  );
}

const picoDigits = 12;

function dollars(pico: number): string {
  const digits = String(pico).padStart(picoDigits + 1, "0");
  const fraction = digits.slice(-picoDigits).replace(/0+$/, "");
  return digits.slice(0, -picoDigits) + (fraction === "" ? "" : `.${fraction}`);
}
