/** Servers that run on the caller's own machine, at the port each listens on when nothing else is said. */
import { type Endpoint, type Host, local } from "./host.ts";

const at = (port: number, path = "/v1"): string => `http://127.0.0.1:${port}${path}`;
const messages: Endpoint = { dialect: "anthropic", path: "/messages" };
const responses: Endpoint = { dialect: "openai-responses", path: "/responses" };

/** With more languages than chat completions. */
function polyglot(name: string, port: number, ...more: readonly Endpoint[]): Host {
  const plain = local(name, at(port));
  return { ...plain, operations: { ...plain.operations, chat: [...(plain.operations.chat ?? []), ...more] } };
}

export const locals: readonly Host[] = [
  polyglot("ollama", 11434, messages, responses),
  polyglot("vllm", 8000, messages, responses),
  polyglot("llamacpp", 8080, messages, responses),
  polyglot("lmstudio", 1234, messages, responses),
  local("sglang", at(30000)),
  local("localai", at(8080)),
  local("tgi", at(3000)),
  local("llamafile", at(8080)),
  local("lemonade", at(8000, "/api/v1")),
  local("docker-model-runner", at(12434, "/engines/v1")),
  local("jan", at(1337)),
  local("koboldcpp", at(5001)),
  local("text-generation-webui", at(5000)),
  local("tabbyapi", at(5000)),
  local("xinference", at(9997)),
  local("gpt4all", at(4891)),
  local("lmdeploy", at(23333)),
  local("aphrodite", at(2242)),
  local("mistralrs", at(1234)),
  local("mlx-lm", at(8080)),
  local("ramalama", at(8080)),
  local("openvino", at(8000, "/v3")),
];
