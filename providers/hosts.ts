/**
 * Where each provider lives and how it wants to be spoken to, as data. Hides every vendor's base URL, credential
 * header and oddity from the daemon: a new OpenAI-compatible provider is one row here and one line in the test.
 */
import type { DialectId } from "./exchange.ts";
import { chatOnly, compatible, generic, type Host, local } from "./hosts/host.ts";
import { native } from "./hosts/native.ts";

export type { Endpoint, Host } from "./hosts/host.ts";

const rows: readonly Host[] = [
  ...native,
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
 * The row a provider is spoken to by. Where the host serves the dialect beside its usual one, what is served in it comes
 * first. A host configured with a dialect that its row does not tell of keeps its name, and everything else is what is
 * usual for that dialect.
 */
export function hostFor(name: string, dialect: DialectId): Host {
  const row = Object.hasOwn(hosts, name) ? hosts[name] : undefined;
  if (row?.dialect === dialect) return row;
  const usual = generic[dialect];
  if (row === undefined) return usual;
  if (!row.operations.chat?.some((endpoint) => endpoint.dialect === dialect)) {
    return { ...row, ...usual, name: row.name, environment: row.environment };
  }
  const sorted = Object.entries(row.operations).map(([operation, endpoints]) => [
    operation,
    endpoints.toSorted((a, b) => Number(b.dialect === dialect) - Number(a.dialect === dialect)),
  ]);
  return { ...row, dialect, operations: Object.fromEntries(sorted) as Host["operations"] };
}
