/**
 * Servers that run on the caller's own machine, at the port each listens on when nothing else is said, with what each
 * says that it serves. A server that has more than its row is `custom`.
 */
import { type Endpoint, type Host, local, oldCap, usual } from "./host.ts";

const at = (port: number, path = "/v1"): string => `http://127.0.0.1:${port}${path}`;
const messages: Endpoint = { dialect: "anthropic", path: "/messages" };
const responses: Endpoint = { dialect: "openai-responses", path: "/responses" };
const countTokens: Host["operations"] = { count_tokens: [{ dialect: "anthropic", path: "/messages/count_tokens" }] };

const text = usual("chat", "completions");
const textAndVectors = usual("chat", "completions", "embeddings");
const ranking = usual("chat", "completions", "embeddings", "rerank");
const voices = usual("speech", "transcriptions");

/** With more languages than chat completions. */
function polyglot(operations: Host["operations"], ...more: readonly Endpoint[]): Host["operations"] {
  return { ...operations, chat: [...(operations.chat ?? []), ...more] };
}

export const locals: readonly Host[] = [
  // docs.ollama.com/api/openai-compatibility, /api/anthropic-compatibility
  local("ollama", at(11434), {
    operations: polyglot({ ...textAndVectors, ...usual("image_generations") }, messages, responses),
    quirks: oldCap,
  }),
  // docs.vllm.ai/en/stable/serving/openai_compatible_server
  local("vllm", at(8000), {
    operations: polyglot({ ...ranking, ...usual("transcriptions", "translations") }, messages, responses),
  }),
  // github.com/ggml-org/llama.cpp/blob/master/tools/server/README.md
  local("llamacpp", at(8080), { operations: { ...polyglot(ranking, messages, responses), ...countTokens } }),
  // lmstudio.ai/docs/developer/openai-compat, /anthropic-compat
  local("lmstudio", at(1234), { operations: polyglot(textAndVectors, messages, responses), quirks: oldCap }),
  // docs.sglang.io/docs/basic_usage/openai_api, /basic_usage/anthropic_api, /basic_usage/native_api
  local("sglang", at(30000), { operations: { ...polyglot(ranking, messages), ...countTokens } }),
  // localai.io/features
  local("localai", at(8080), {
    operations: { ...ranking, ...voices, ...usual("image_generations", "image_edits", "realtime") },
  }),
  // huggingface.co/docs/text-generation-inference/messages_api
  local("tgi", at(3000), { operations: text, quirks: oldCap }),
  local("llamafile", at(8080), { operations: textAndVectors }),
  local("lemonade", at(8000, "/api/v1"), {
    operations: { ...textAndVectors, ...voices, ...usual("image_generations") },
  }),
  local("docker-model-runner", at(12434, "/engines/v1"), { operations: textAndVectors }),
  local("jan", at(1337), { operations: textAndVectors }),
  local("koboldcpp", at(5001), { operations: { ...textAndVectors, ...voices } }),
  local("text-generation-webui", at(5000), { operations: textAndVectors }),
  local("tabbyapi", at(5000), { operations: textAndVectors }),
  local("xinference", at(9997), {
    operations: {
      ...ranking,
      ...voices,
      ...usual("translations", "image_generations", "image_edits", "image_variations"),
    },
  }),
  local("gpt4all", at(4891), { operations: text }),
  local("lmdeploy", at(23333), { operations: textAndVectors }),
  local("aphrodite", at(2242), { operations: ranking }),
  local("mistralrs", at(1234), {
    operations: { ...polyglot(textAndVectors, responses), ...usual("image_generations", "speech") },
  }),
  local("mlx-lm", at(8080), { operations: text }),
  local("ramalama", at(8080), { operations: ranking }),
  local("openvino", at(8000, "/v3"), {
    operations: { ...ranking, ...voices, ...usual("translations", "image_generations", "image_edits") },
  }),
];
