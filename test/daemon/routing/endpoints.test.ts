import assert from "node:assert/strict";
import { test } from "node:test";
import { findEndpoint, pathFor, readyEndpoints } from "../../../daemon/routing/endpoints.ts";
import { dialects } from "../../../providers/dialects/index.ts";
import type { DialectId } from "../../../providers/exchange.ts";
import { type Endpoint, type Host, hosts } from "../../../providers/hosts.ts";
import { providerData } from "./provider-data.ts";

const row: Omit<Host, "operations"> = {
  name: "some",
  baseUrl: "https://{region}.example/v9",
  dialect: "openai-chat",
  auth: { kind: "none" },
  environment: [],
  quirks: {},
};

function endpoints(...chat: readonly Endpoint[]) {
  const data = providerData({ baseUrl: "https://eu-1.example/v9/", parameters: { region: "eu-1", version: "2 é" } });
  return readyEndpoints({ ...row, operations: { chat } }, data);
}

function where(chat: readonly Endpoint[], caller: DialectId, model: string, streamed = false): string | undefined {
  const endpoint = findEndpoint(endpoints(...chat), "chat", dialects[caller], { deployment: model, model });
  return endpoint && pathFor(endpoint, model, streamed);
}

test("pathFor() puts the model into the path as one segment, whatever is in its name", () => {
  const chat = [
    { dialect: "openai-chat", path: "/models/{model}:do", streamPath: "/models/{model}:stream?alt=sse" },
  ] as const;
  assert.equal(where(chat, "openai-chat", "m-1"), "/v9/models/m-1:do");
  assert.equal(where(chat, "openai-chat", "m-1", true), "/v9/models/m-1:stream?alt=sse");
  assert.equal(where(chat, "openai-chat", "arn:a/b?c#d../é"), "/v9/models/arn%3Aa%2Fb%3Fc%23d..%2F%C3%A9:do");
});

test("pathFor() fills in what the provider's parameters say, and begins at the root where the row says so", () => {
  assert.equal(
    where([{ dialect: "openai-chat", path: "/chat?v={version}" }], "anthropic", "m"),
    "/v9/chat?v=2%20%C3%A9",
  );
  assert.equal(where([{ dialect: "openai-chat", path: "//other/{region}" }], "anthropic", "m"), "/other/eu-1");
});

test("readyEndpoints() sends text completions to DeepSeek's own, which know a suffix, and asks a server like it in chat", () => {
  const at = (baseUrl: string) => {
    const offered = readyEndpoints(hosts["deepseek"]!, providerData({ baseUrl }));
    const endpoint = findEndpoint(offered, "completions", dialects["openai-chat"], { deployment: "m", model: "m" })!;
    return [pathFor(endpoint, "m", true), endpoint.asChat];
  };
  assert.deepEqual(at(hosts["deepseek"]!.baseUrl), ["/beta/completions", false]);
  assert.deepEqual(at("https://like.example/v1"), ["/v1/chat/completions", true]);
});

test("readyEndpoints() tells how whoever wants thinking back is encoded for", () => {
  for (const name of ["deepseek", "moonshot", "kimi-coding", "zai", "zhipuai", "xiaomi", "mistral"]) {
    const [endpoint] = readyEndpoints(hosts[name]!, providerData({ baseUrl: hosts[name]!.baseUrl })).chat!;
    assert.equal(endpoint?.encoding.thinkingBack, name !== "mistral", name);
  }
});

test("findEndpoint() prefers the caller's own language, else the first", () => {
  const chat = [
    { dialect: "openai-chat", path: "/chat" },
    { dialect: "anthropic", path: "/messages" },
  ] as const;
  assert.equal(where(chat, "openai-chat", "m"), "/v9/chat");
  assert.equal(where(chat, "anthropic", "m"), "/v9/messages");
  assert.equal(where(chat.slice(0, 1), "anthropic", "m"), "/v9/chat");
});

test("findEndpoint() offers a model only where it is served", () => {
  const chat = [
    { dialect: "anthropic", path: "/claude/{model}", models: /^claude/ },
    { dialect: "openai-chat", path: "/other/{model}", models: /^(?!claude)/ },
  ] as const;
  assert.equal(where(chat, "openai-chat", "claude-9"), "/v9/claude/claude-9");
  assert.equal(where(chat, "anthropic", "m"), "/v9/other/m");
  assert.equal(where(chat.slice(0, 1), "anthropic", "m"), undefined);
  assert.equal(findEndpoint(endpoints(), "embeddings", dialects.anthropic, { deployment: "m", model: "m" }), undefined);
});
