/**
 * Where each provider lives and how it wants to be spoken to, as data. Hides every vendor's base URL, credential
 * header and oddity from the daemon: a new OpenAI-compatible provider is one row here and one line in the test.
 */
import type { DialectId, Operation } from "./exchange.ts";

export type Host = {
  readonly name: string;
  /** Without a trailing slash. Empty where there is no usual place (`custom`); `echo:` for the built-in ones. */
  readonly baseUrl: string;
  readonly dialect: DialectId;
  readonly auth:
    | { readonly kind: "bearer" }
    | { readonly kind: "header"; readonly name: string }
    | { readonly kind: "none" };
  /** Variables that usually hold its API key, the first one set wins. */
  readonly environment: readonly string[];
  /** Path after the base URL; an operation that is absent is not offered upstream. */
  readonly operations: Readonly<Partial<Record<Operation, string>>>;
  readonly quirks: {
    /** Streams tell their usage unasked, and `stream_options` is refused: it must not be sent. */
    readonly usageUnasked?: true;
    /** Takes `cache_control`, `reasoning_content` and `reasoning_details` on messages. */
    readonly extensions?: true;
  };
  /** Headers every request to it must carry. */
  readonly extraHeaders?: Readonly<Record<string, string>>;
  /** Calls cost nothing: it runs on the caller's own machine, or is built in. */
  readonly free?: true;
  /** Its name in the price catalog, where that is another. */
  readonly catalog?: string;
  /** Dollars per million tokens of every model, where no catalog could know. */
  readonly price?: {
    readonly input: number;
    readonly output: number;
    readonly cacheRead?: number;
    readonly cacheWrite5m?: number;
    readonly cacheWrite1h?: number;
  };
};

const openaiOperations = { chat: "/chat/completions", embeddings: "/embeddings" } as const;
const chatOnly = { chat: "/chat/completions" } as const;
const anthropicOperations = { chat: "/messages", count_tokens: "/messages/count_tokens" } as const;
const anthropicVersion = { "anthropic-version": "2023-06-01" } as const;

/** What is true of any server of a dialect, about which nothing else is known. `{model}` is the model's name, escaped. */
const generic: Readonly<Record<DialectId, Host>> = {
  "openai-chat": {
    name: "custom",
    baseUrl: "",
    dialect: "openai-chat",
    auth: { kind: "bearer" },
    environment: [],
    operations: openaiOperations,
    quirks: {},
  },
  anthropic: {
    name: "custom",
    baseUrl: "",
    dialect: "anthropic",
    auth: { kind: "header", name: "x-api-key" },
    environment: [],
    operations: anthropicOperations,
    quirks: {},
    extraHeaders: anthropicVersion,
  },
  "openai-responses": {
    name: "custom",
    baseUrl: "",
    dialect: "openai-responses",
    auth: { kind: "bearer" },
    environment: [],
    operations: { chat: "/responses", count_tokens: "/responses/input_tokens", embeddings: "/embeddings" },
    quirks: {},
  },
  gemini: {
    name: "custom",
    baseUrl: "",
    dialect: "gemini",
    auth: { kind: "header", name: "x-goog-api-key" },
    environment: [],
    operations: {
      chat: "/models/{model}:generateContent",
      embeddings: "/models/{model}:batchEmbedContents",
      count_tokens: "/models/{model}:countTokens",
    },
    quirks: {},
  },
  "bedrock-converse": {
    name: "custom",
    baseUrl: "",
    dialect: "bedrock-converse",
    auth: { kind: "bearer" },
    environment: [],
    operations: { chat: "/model/{model}/converse", count_tokens: "/model/{model}/count-tokens" },
    quirks: {},
  },
  cohere: {
    name: "custom",
    baseUrl: "",
    dialect: "cohere",
    auth: { kind: "bearer" },
    environment: [],
    operations: { chat: "/chat", embeddings: "/embed", rerank: "/rerank" },
    quirks: {},
  },
};

/** A vendor that speaks OpenAI's chat completions with a bearer key; `more` says where it parts from that. */
function compatible(name: string, baseUrl: string, environment: readonly string[], more: Partial<Host> = {}): Host {
  return { ...generic["openai-chat"], name, baseUrl, environment, ...more };
}

/** A server that runs on the caller's own machine, where no key is asked for unless one is configured. */
function local(name: string, baseUrl: string, environment: readonly string[] = []): Host {
  return compatible(name, baseUrl, environment, { free: true });
}

const rows: readonly Host[] = [
  compatible("openai", "https://api.openai.com/v1", ["OPENAI_API_KEY"]),
  {
    ...generic.anthropic,
    name: "anthropic",
    baseUrl: "https://api.anthropic.com/v1",
    environment: ["ANTHROPIC_API_KEY"],
  },
  compatible("echo", "echo:", [], { auth: { kind: "none" }, free: true }),
  compatible("echo-paid", "echo:", [], {
    auth: { kind: "none" },
    price: { input: 1, output: 5, cacheRead: 0.1, cacheWrite5m: 1.25, cacheWrite1h: 2 },
  }),
  generic["openai-chat"],
  local("ollama", "http://127.0.0.1:11434/v1"),
  local("vllm", "http://127.0.0.1:8000/v1"),
  local("llamacpp", "http://127.0.0.1:8080/v1"),
  local("lmstudio", "http://127.0.0.1:1234/v1"),
  local("sglang", "http://127.0.0.1:30000/v1"),
  compatible("groq", "https://api.groq.com/openai/v1", ["GROQ_API_KEY"], { operations: chatOnly }),
  compatible("mistral", "https://api.mistral.ai/v1", ["MISTRAL_API_KEY"], { quirks: { usageUnasked: true } }),
  compatible("deepseek", "https://api.deepseek.com/v1", ["DEEPSEEK_API_KEY"], { operations: chatOnly }),
  compatible("openrouter", "https://openrouter.ai/api/v1", ["OPENROUTER_API_KEY"], { quirks: { extensions: true } }),
  compatible("together", "https://api.together.xyz/v1", ["TOGETHER_API_KEY"]),
  compatible("fireworks", "https://api.fireworks.ai/inference/v1", ["FIREWORKS_API_KEY"]),
  compatible("xai", "https://api.x.ai/v1", ["XAI_API_KEY"], { operations: chatOnly, catalog: "x-ai" }),
  compatible("perplexity", "https://api.perplexity.ai", ["PERPLEXITY_API_KEY", "PPLX_API_KEY"], {
    operations: chatOnly,
  }),
  compatible("cerebras", "https://api.cerebras.ai/v1", ["CEREBRAS_API_KEY"], { operations: chatOnly }),
  compatible("sambanova", "https://api.sambanova.ai/v1", ["SAMBANOVA_API_KEY"]),
  compatible("nvidia", "https://integrate.api.nvidia.com/v1", ["NVIDIA_API_KEY"]),
  compatible("moonshot", "https://api.moonshot.ai/v1", ["MOONSHOT_API_KEY"], {
    operations: chatOnly,
    catalog: "moonshotai",
  }),
  compatible("deepinfra", "https://api.deepinfra.com/v1/openai", ["DEEPINFRA_API_KEY"]),
  compatible("huggingface", "https://router.huggingface.co/v1", ["HF_TOKEN"], { operations: chatOnly }),
  compatible("hyperbolic", "https://api.hyperbolic.xyz/v1", ["HYPERBOLIC_API_KEY"], { operations: chatOnly }),
];

/** By name. To speak to a provider use `hostFor`, which minds the dialect it was configured with. */
export const hosts: Readonly<Record<string, Host>> = Object.fromEntries(rows.map((row) => [row.name, row]));

/** What runs inside the daemon, is always offered, and keeps its name to itself. */
export const builtInHosts: readonly Host[] = rows.filter((row) => row.baseUrl === "echo:");

/**
 * The row a provider is spoken to by. A host configured with another dialect than its usual one (many vendors serve
 * Anthropic's beside OpenAI's) keeps its name, and everything else is what is usual for that dialect.
 */
export function hostFor(name: string, dialect: DialectId): Host {
  const row = Object.hasOwn(hosts, name) ? hosts[name] : undefined;
  if (row?.dialect === dialect) return row;
  const usual = generic[dialect];
  return row === undefined ? usual : { ...row, ...usual, name: row.name, environment: row.environment };
}
