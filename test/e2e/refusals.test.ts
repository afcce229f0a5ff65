/**
 * Every way in has its refusals in the words of the API that it stands for: plain paths, drop-in prefixes, Azure's
 * deployments, HTTP/2, keys in whatever header, query or signature that API's SDKs put them.
 */
import assert from "node:assert/strict";
import http from "node:http";
import http2 from "node:http2";
import { after, before, describe, test } from "node:test";
import { type Daemon, patientLedger, startDaemon } from "../support/daemon.ts";
import { type FaultUpstream, startFaultUpstream } from "../support/fault-upstream.ts";

type Api = "openai" | "anthropic" | "gemini" | "bedrock" | "cohere";
type Answer = { readonly status: number; readonly text: string };
type Ask = (method: string, path: string, headers: Readonly<Record<string, string>>, body?: string) => Promise<Answer>;
type Way = {
  readonly api: Api;
  readonly path: (model: string) => string;
  readonly carry: (key: string) => { readonly headers?: Readonly<Record<string, string>>; readonly query?: string };
  readonly second?: true;
};

const bearer = (key: string) => ({ headers: { authorization: `Bearer ${key}` } });
const signed = (key: string) => ({
  headers: {
    authorization: `AWS4-HMAC-SHA256 Credential=${key}/20261127/eu-central-1/bedrock/aws4_request, SignedHeaders=host, Signature=ab`,
  },
});
const header = (name: string) => (key: string) => ({ headers: { [name]: key } });
const openai = (path: string): Way => ({ api: "openai", path: () => path, carry: bearer });
const anthropic = (path: string): Way => ({ api: "anthropic", path: () => path, carry: header("x-api-key") });
const cohere = (path: string): Way => ({ api: "cohere", path: () => path, carry: bearer });
const gemini = (before: string, carry: Way["carry"] = header("x-goog-api-key")): Way => ({
  ...{ api: "gemini", carry, path: (model) => `${before}/models/${model}:generateContent` },
});
const azure = (before: string): Way => ({
  ...{ api: "openai", carry: header("api-key") },
  path: (model) => `${before}/deployments/${encodeURIComponent(model)}/chat/completions?api-version=2024-10-21`,
});
const bedrock = (before: string, verb: string, second?: true): Way => ({
  ...{ api: "bedrock", carry: signed, path: (model) => `${before}/model/${encodeURIComponent(model)}/${verb}` },
  ...(second === undefined ? {} : { second }),
});

const ways: Readonly<Record<string, Way>> = {
  ...Object.fromEntries(
    ["/v1", "", "/openai/v1", "/openai", "/litellm/v1", "/langchain/v1", "/pydanticai/v1", "/cursor/v1", "/api/v1"].map(
      (before) => [`${before}/chat/completions`, openai(`${before}/chat/completions`)],
    ),
  ),
  "/engines": { api: "openai", path: (model) => `/engines/${model}/chat/completions`, carry: bearer },
  "Azure's deployments": azure("/openai"),
  "Azure's deployments under /openai": azure("/openai/openai"),
  ...Object.fromEntries(
    ["", "/anthropic", "/litellm/anthropic", "/langchain/anthropic", "/pydanticai/anthropic"].map((before) => [
      `${before}/v1/messages`,
      anthropic(`${before}/v1/messages`),
    ]),
  ),
  "/v1beta": gemini("/v1beta"),
  "/v1 of Gemini": gemini("/v1"),
  "/genai": gemini("/genai/v1beta"),
  "/genai, key in the query": gemini("/genai/v1beta", (key) => ({ query: key })),
  "/litellm/genai": gemini("/litellm/genai/v1beta"),
  converse: bedrock("", "converse"),
  "converse, HTTP/2": bedrock("", "converse", true),
  "converse-stream, HTTP/2": bedrock("/bedrock", "converse-stream", true),
  "invoke, HTTP/2": bedrock("", "invoke", true),
  "/litellm/bedrock": bedrock("/litellm/bedrock", "converse"),
  "/v2/chat": cohere("/v2/chat"),
  "/cohere": cohere("/cohere/v2/chat"),
  "/litellm/cohere": cohere("/litellm/cohere/v2/chat"),
};

const messages = [{ role: "user", content: "hi" }];
function bodyFor({ api, path }: Way, model: string): object {
  if (api === "gemini") return { contents: [{ role: "user", parts: [{ text: "hi" }] }] };
  if (path("").endsWith("/invoke")) return { anthropic_version: "bedrock-2023-05-31", max_tokens: 9, messages };
  if (api === "bedrock") return { messages: [{ role: "user", content: [{ text: "hi" }] }] };
  return { model, max_tokens: 9, messages };
}

/** Whose words these are; each API's clients find their message in one place only. */
function apiOf(text: string): string {
  const body = JSON.parse(text) as Readonly<Record<string, unknown>>;
  const error = body["error"] as Readonly<Record<string, unknown>> | undefined;
  if (typeof body["__type"] === "string" && typeof body["message"] === "string") return "bedrock";
  if (body["type"] === "error" && typeof error?.["message"] === "string") return "anthropic";
  if (typeof error?.["status"] === "string" && typeof error["code"] === "number") return "gemini";
  if (typeof error?.["message"] === "string" && "code" in error) return "openai";
  return error === undefined && typeof body["message"] === "string" ? "cohere" : text;
}

const bodyMaxKb = 100;
let upstream: FaultUpstream;
let daemon: Daemon;
let keys: Readonly<Record<"good" | "elsewhere" | "poor", string>>;
before(async () => {
  upstream = await startFaultUpstream();
  const provider = (origin: string) => ({ base_url: `${origin}/v1`, dialect: "openai-chat", api_key: "env.KEY" });
  daemon = await startDaemon({
    env: { KEY: "upstream-secret" },
    config: {
      server: { body_max: `${bodyMaxKb}KB` },
      ledger: patientLedger,
      providers: { p: provider(upstream.origin), down: provider(upstream.closedOrigin) },
    },
  });
  keys = {
    good: await daemon.createKey(),
    elsewhere: await daemon.createKey({ models: ["echo/echo"] }),
    poor: await daemon.createKey({ budget: "0.000001/1d" }),
  };
});
after(async () => {
  await daemon?.stop();
  await upstream?.stop();
});

const first: Ask = (method, path, headers, body) =>
  new Promise((resolve, reject) => {
    const length = { "content-length": String(Buffer.byteLength(body ?? "")) };
    const request = http.request(`${daemon.url}${path}`, { method, headers: { ...headers, ...length } }, (answer) => {
      let text = "";
      answer.setEncoding("utf8").on("data", (part: string) => {
        text += part;
      });
      answer.on("end", () => resolve({ status: answer.statusCode!, text }));
    });
    request.on("error", reject).end(body);
  });

const second: Ask = (method, path, headers, body) =>
  new Promise((resolve, reject) => {
    const session = http2.connect(daemon.url).on("error", reject);
    const stream = session.request({ ":method": method, ":path": path, ...headers });
    let [status, text] = [0, ""];
    stream.on("response", (head) => {
      status = Number(head[":status"]);
    });
    stream.setEncoding("utf8").on("data", (part: string) => {
      text += part;
    });
    stream.on("error", reject).on("end", () => {
      session.close();
      resolve({ status, text });
    });
    stream.end(body);
  });

for (const [at, [name, way]] of Object.entries(ways).entries()) {
  describe(`${name}, by its kind of API (${way.api})`, { concurrency: 4 }, () => {
    const { api, path, carry } = way;
    async function refused(
      status: number,
      model: string,
      key?: string,
      given: { method?: string; body?: string } = {},
    ) {
      const { headers = {}, query }: ReturnType<Way["carry"]> = key === undefined ? {} : carry(key);
      const to = path(model);
      const target = query === undefined ? to : `${to}${to.includes("?") ? "&" : "?"}key=${query}`;
      const { method = "POST", body = JSON.stringify(bodyFor(way, model)) } = given;
      const ask = way.second === true ? second : first;
      const answer = await ask(method, target, { "content-type": "application/json", ...headers }, body);
      assert.deepEqual([answer.status, apiOf(answer.text)], [status, api], answer.text);
    }
    const long = JSON.stringify({ ...bodyFor(way, "p/ok"), padding: "x".repeat(bodyMaxKb * 1024) });

    test("no key", () => refused(401, "p/ok"));
    test("a wrong key", () => refused(401, "p/ok", "sk-bf-nobody"));
    test("a vendor's own key", () => refused(401, "p/ok", "AKIAEXAMPLE"));
    test("a key for other models", () => refused(403, "p/ok", keys.elsewhere));
    test("a spent budget", () => refused(402, "echo-paid", keys.poor));
    test("a model that nobody has", () => refused(404, "nobody-has-this", keys.good));
    test("a body that is too large", () => refused(413, "p/ok", keys.good, { body: long }));
    test("a body that is no JSON", () => refused(400, "p/ok", keys.good, { body: "{nope" }));
    test("a body that is no object", () => refused(400, "p/ok", keys.good, { body: "[]" }));
    test("a wrong method", () => refused(405, "p/ok", keys.good, { method: "PUT" }));
    test("a provider that is down", () => refused(502, `down/m${at}`, keys.good));
    test("a provider's error in HTML", () => refused(502, `p/f4-500-html+at=${at}`, keys.good));
    test("a provider's answer in HTML", () => refused(502, `p/f5-not-json+at=${at}`, keys.good));
    test("a provider's limit", () => refused(429, `p/f4-429+at=${at}`, keys.good));
    test("a limit of requests", async () => {
      const key = await daemon.admin<{ secret: string }>("POST", "/api/keys", {
        name: `limited-${at}`,
        limits: [{ metric: "requests", limit: 1, window_ms: 60_000 }],
      });
      await refused(404, "nobody-has-this", key.secret);
      await refused(502, `p/f5-not-json+limit=${at}`, key.secret);
      await refused(429, "echo/echo", key.secret);
    });
  });
}
