import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { hostFor, hosts } from "../../providers/hosts.ts";

/** Vectors, rankings and voices only. */
const withoutChat = new Set(["voyage", "jina", "mixedbread", "elevenlabs"]);

test("hosts has a hundred providers and more, among them all that people ask for by name", () => {
  assert.ok(Object.keys(hosts).length >= 140, String(Object.keys(hosts).length));
  const named =
    "openai azure anthropic bedrock vertex gemini cohere mistral groq cerebras deepseek xai perplexity fireworks together nebius parasail sambanova nvidia huggingface replicate openrouter elevenlabs ollama vllm sglang llamacpp lmstudio localai tgi custom";
  for (const name of named.split(" ")) assert.ok(hosts[name], name);
});

/** As the pages beside the rows have it: where each host is asked for chats, language by language, and its address. */
const chatsByHost: Readonly<Record<string, string>> = {
  aihubmix: "https://aihubmix.com/v1 /chat/completions /messages /responses",
  cloudflare: " /chat/completions /responses=/gpt-oss/",
  crusoe: "https://api.inference.crusoecloud.com/v1 /chat/completions",
  dashscope: "https://dashscope.aliyuncs.com/compatible-mode/v1 /chat/completions //apps/anthropic/v1/messages",
  deepinfra: "https://api.deepinfra.com/v1/openai /chat/completions //anthropic/v1/messages",
  digitalocean: "https://inference.do-ai.run/v1 /chat/completions /messages /responses",
  "gitee-ai": "https://api.moark.com/v1 /chat/completions",
  gmi: "https://api.gmi-serving.com/v1 /chat/completions /messages=/claude/",
  helicone: "https://ai-gateway.helicone.ai/v1 /chat/completions /responses",
  huggingface: "https://router.huggingface.co/v1 /chat/completions /messages /responses",
  moonshot: "https://api.moonshot.ai/v1 /chat/completions //anthropic/v1/messages /responses",
  "opencode-zen":
    "https://opencode.ai/zen/v1 /chat/completions=/^(?!gpt-|claude-|gemini-)/ /responses=/^gpt-/ /messages=/^claude-/ /models/{model}:generateContent=/^gemini-/",
  perplexity: "https://api.perplexity.ai /chat/completions=/^[^/]*$/ /v1/responses=/\\//",
  siliconflow: "https://api.siliconflow.com/v1 /chat/completions /messages",
  stepfun: "https://api.stepfun.com/v1 /chat/completions /messages /responses=/^step-3\\.7-flash/",
  together: "https://api.together.ai/v1 /chat/completions",
  vercel: "https://ai-gateway.vercel.sh/v1 /chat/completions /messages /responses",
  xiaomi: "https://api.xiaomimimo.com/v1 /chat/completions //anthropic/v1/messages",
  zenmux: "https://zenmux.ai/api/v1 /chat/completions //api/anthropic/v1/messages",
  zhipuai: "https://open.bigmodel.cn/api/paas/v4 /chat/completions //api/anthropic/v1/messages",
};

for (const [name, expected] of Object.entries(chatsByHost)) {
  test(`hosts speaks to ${name} where its maker says`, () => {
    const { baseUrl, operations } = hosts[name]!;
    const chats = operations.chat!.map(({ path, models }) => path + (models === undefined ? "" : `=${models}`));
    assert.equal([baseUrl, ...chats].join(" "), expected);
  });
}

test("hosts offers beside chats what the makers' pages have", () => {
  const more = (name: string): string[] => Object.keys(hosts[name]!.operations).filter((each) => each !== "chat");
  assert.deepEqual(more("moonshot"), ["files", "batches"]);
  assert.deepEqual(more("huggingface"), ["embeddings"]);
  assert.deepEqual(more("voyage"), ["embeddings", "rerank"]);
  assert.deepEqual(more("mistral"), ["embeddings", "ocr", "files", "fim", "moderations", "transcriptions"]);
  assert.deepEqual(more("siliconflow"), [
    ...["embeddings", "image_generations", "speech", "transcriptions", "rerank", "files", "batches"],
  ]);
  assert.deepEqual(more("venice"), ["embeddings", "image_generations", "speech", "transcriptions"]);
  assert.deepEqual(more("digitalocean"), ["embeddings", "image_generations", "speech"]);
});

test("hosts caps by the old name where the maker tells of no other", () => {
  for (const name of ["ai21", "reka", "siliconflow", "siliconflow-cn"])
    assert.deepEqual(hosts[name]!.quirks.fields, { max_completion_tokens: "max_tokens" }, name);
});

test("hosts has a parameter for each hole in an address", () => {
  for (const { name, baseUrl, operations, parameters = {} } of Object.values(hosts)) {
    const paths = Object.values(operations).flatMap((all) =>
      all.flatMap(({ path, streamPath = "" }) => [path, streamPath]),
    );
    const holes = [baseUrl, ...paths].join(" ").matchAll(/\{(\w+)\}/g);
    for (const [, hole] of holes) assert.ok(hole === "model" || Object.hasOwn(parameters, hole!), `${name} ${hole}`);
  }
});

test("hosts names every row once, with a base URL that paths can be appended to", () => {
  for (const [name, host] of Object.entries(hosts)) {
    assert.equal(host.name, name);
    assert.match(name, /^[a-z0-9][a-z0-9-]*$/);
    assert.match(host.baseUrl, /^(|echo:|https:\/\/[^?#]+[^/]|http:\/\/127\.0\.0\.1:\d+(\/[a-z0-9]+)+)$/, name);
    for (const { path, streamPath = path } of Object.values(host.operations).flat())
      for (const each of [path, streamPath]) assert.match(each, /^(\/{1,2}|\.\.\/)[a-z][\w/{}:.=?&-]*[\w}]$/, name);
    for (const variable of host.environment) assert.match(variable, /^[A-Z][A-Z0-9_]+$/, name);
    if (!withoutChat.has(name)) assert.ok(host.operations.chat, `${name} offers chat`);
  }
});

test("hosts gives no two providers the same environment variable, so that a key never goes to a stranger", () => {
  const variables = Object.values(hosts).flatMap((host) => host.environment);
  assert.deepEqual(variables, [...new Set(variables)]);
});

test("hosts sends no key in the clear but to this machine", () => {
  for (const { name, baseUrl, environment } of Object.values(hosts)) {
    if (environment.length > 0) assert.ok(baseUrl.startsWith("https://"), name);
  }
});

test("hosts declares free only what is built in or runs here", () => {
  const free = Object.values(hosts).filter((host) => host.free);
  assert.ok(free.length >= 20);
  for (const { baseUrl } of free) assert.match(baseUrl, /^(echo:|http:\/\/127\.0\.0\.1:)/);
  for (const { name, baseUrl, free } of Object.values(hosts)) assert.ok(free || !baseUrl.startsWith("http:"), name);
});

test("hostFor() gives the row itself in its usual dialect", () => {
  assert.equal(hostFor("groq", "openai-chat"), hosts["groq"]);
  assert.equal(hostFor("anthropic", "anthropic"), hosts["anthropic"]);
});

test("hostFor() keeps a host's name in another dialect and takes what is usual there", () => {
  assert.deepEqual(hostFor("mistral", "anthropic"), {
    name: "mistral",
    baseUrl: "",
    dialect: "anthropic",
    auth: { kind: "header", name: "x-api-key" },
    environment: ["MISTRAL_API_KEY"],
    operations: {
      chat: [{ dialect: "anthropic", path: "/messages" }],
      count_tokens: [{ dialect: "anthropic", path: "/messages/count_tokens" }],
      files: [{ dialect: "anthropic", path: "/files" }],
      batches: [{ dialect: "anthropic", path: "/messages/batches" }],
    },
    quirks: {},
    extraHeaders: { "anthropic-version": "2023-06-01" },
  });
});

test("hostFor() treats a name it does not know as a plain server of the dialect", () => {
  assert.equal(hostFor("custom", "anthropic").operations.chat?.[0]?.path, "/messages");
  assert.equal(hostFor("constructor", "openai-chat").operations.chat?.[0]?.path, "/chat/completions");
});

test("docs/providers.md lists every host, as the rows have it", () => {
  const file = new URL("../../docs/providers.md", import.meta.url);
  const text = readFileSync(file, "utf8");
  const [begin, end] = ["<!-- list:begin -->\n", "<!-- list:end -->"];
  const renewed = `${text.split(begin)[0]}${begin}${renderList()}${end}${text.split(end)[1]}`;
  if (process.env["UPDATE"] === "1") writeFileSync(file, renewed);
  assert.equal(readFileSync(file, "utf8"), renewed);
});

function renderList(): string {
  const lines = Object.values(hosts)
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ name, baseUrl, environment, operations, dialect, identity, auth }) => {
      const all = Object.values(operations).flat();
      const dialects = [...new Set([dialect, ...all.map((endpoint) => endpoint.dialect)])];
      const carried = auth.kind === "header" ? `header \`${auth.name}\`` : auth.kind;
      const key = environment.length > 0 ? environment.map((variable) => `\`${variable}\``).join(", ") : carried;
      const who = identity === undefined ? key : `${key}, or the cloud's own identity`;
      const address = baseUrl === "" ? "in the entry" : `\`${baseUrl}\``;
      const served = Object.keys(operations).join(", ") || "passthrough only";
      return `| \`${name}\` | ${address} | ${who} | ${dialects.join(", ")} | ${served} |\n`;
    });
  return `| name | address | key | languages | operations |\n| --- | --- | --- | --- | --- |\n${lines.join("")}`;
}
