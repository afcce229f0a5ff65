import assert from "node:assert/strict";
import { test } from "node:test";
import { detectOllama, loadDefaults, ollamaUrl } from "../../../daemon/config/defaults.ts";
import { loadConfig } from "../../../daemon/config/load.ts";

test("loadDefaults() offers echo when there is nothing else, with the settings of an empty file", async () => {
  const result = loadDefaults({ environment: {}, number: 3, ollama: false });
  assert.deepEqual(result.warnings, []);
  const empty = await loadConfig({ text: "{}", path: "/c.yaml", environment: {}, number: 3 });
  assert.ok(empty.ok);
  assert.deepEqual(result.data, { ...empty.data, hash: result.data.hash });
});

test("loadDefaults() offers the providers whose usual variable is set, and Ollama when it answered", () => {
  const environment = { OPENAI_API_KEY: "sk-1", PPLX_API_KEY: "pplx-1", GROQ_API_KEY: "", OLLAMA_HOST: "0.0.0.0:1234" };
  const { data } = loadDefaults({ environment, number: 1, ollama: true });
  assert.deepEqual(
    data.providers.map(({ name, baseUrl, credentials }) => [name, baseUrl, credentials.map(({ value }) => value)]),
    [
      ["openai", "https://api.openai.com/v1", ["sk-1"]],
      ["perplexity", "https://api.perplexity.ai", ["pplx-1"]],
      ["ollama", "http://127.0.0.1:1234/v1", []],
      ["echo", "echo:", []],
      ["echo-paid", "echo:", []],
    ],
  );
});

test("loadDefaults() leaves a provider out rather than fail, and says why", () => {
  const environment = { OPENAI_API_KEY: "two\nlines", GROQ_API_KEY: "gsk" };
  const { data, warnings } = loadDefaults({ environment, number: 1, ollama: false });
  assert.deepEqual(
    data.providers.map(({ name }) => name),
    ["groq", "echo", "echo-paid"],
  );
  assert.deepEqual(warnings, [
    {
      file: "",
      path: "providers.openai",
      message: "environment variable OPENAI_API_KEY holds more than one line; the provider is left out",
    },
  ]);
});

test("loadDefaults() sends providers through the proxy of the environment, and not what is on this machine", () => {
  const environment = { OPENAI_API_KEY: "sk", https_proxy: "proxy.corp:3128", http_proxy: "proxy.corp:3128" };
  const { data } = loadDefaults({ environment, number: 1, ollama: true });
  assert.deepEqual(
    data.providers.map(({ proxy }) => proxy),
    ["http://proxy.corp:3128", undefined, undefined, undefined],
  );
});

test("ollamaUrl() understands what Ollama understands", () => {
  const hosts = ["", "10.0.0.7", "10.0.0.7:99", ":99", "0.0.0.0", "http://box:99/", "https://box", "ftp://x", "a b"];
  assert.deepEqual(
    hosts.map((host) => ollamaUrl({ OLLAMA_HOST: host })),
    [
      "http://127.0.0.1:11434/v1",
      "http://10.0.0.7:11434/v1",
      "http://10.0.0.7:99/v1",
      "http://127.0.0.1:99/v1",
      "http://127.0.0.1:11434/v1",
      "http://box:99/v1",
      "https://box/v1",
      "http://127.0.0.1:11434/v1",
      "http://127.0.0.1:11434/v1",
    ],
  );
});

test("detectOllama() asks the server for its models, and takes a failure for no", async () => {
  const asked: string[] = [];
  const answer = (url: string) => Promise.resolve(asked.push(url) > 0);
  assert.equal(await detectOllama({}, answer), true);
  assert.equal(await detectOllama({}, () => Promise.reject(new Error("refused"))), false);
  assert.deepEqual(asked, ["http://127.0.0.1:11434/v1/models"]);
});
