/** What a config can call is read from the built config, whatever part of it names an address. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { loadConfig } from "../../../daemon/config/load.ts";
import { egressOf } from "../../../daemon/egress/addresses.ts";

async function listed(text: string, environment: Readonly<Record<string, string>> = {}): Promise<readonly string[]> {
  const result = await loadConfig({ text, path: "c.yaml", environment, number: 1, now: 0 });
  assert.ok(result.ok, JSON.stringify(result));
  return egressOf(result.data).map(({ host, port, used_by }) => `${host}:${port} ${used_by}`);
}

test("egressOf() lists providers, their tokens' sources, and whatever else is written as an address", async () => {
  const config = `
server: { host: 127.0.0.1, port: 8080 }
providers:
  vllm: { base_url: "http://10.0.0.7:8000/v1" }
  ollama: {}
  openai: { api_key: env.KEY }
  far: { base_url: "https://Models.Corp.example/v1", proxy: "http://proxy.corp.example:3128" }
tracing: { endpoint: "http://collector.corp.example:4318" }
`;
  assert.deepEqual(await listed(config, { KEY: "k" }), [
    "10.0.0.7:8000 providers.vllm",
    "127.0.0.1:11434 providers.ollama",
    "api.openai.com:443 providers.openai",
    "collector.corp.example:4318 tracing.endpoint",
    "proxy.corp.example:3128 providers.far",
  ]);
});

test("egressOf() lists nothing for a config that calls nobody", async () => {
  assert.deepEqual(await listed("server: { port: 8080 }\n"), []);
});

test("a config says closed, and the generation carries its addresses; without it none are carried", async () => {
  const text = (egress: string) =>
    `network: { egress: ${egress} }\nproviders: { vllm: { base_url: "http://10.0.0.7:8000/v1" } }\n`;
  const load = (egress: string) =>
    loadConfig({ text: text(egress), path: "c.yaml", environment: {}, number: 1, now: 0 });
  const [open, closed] = [await load("open"), await load("closed")];
  assert.ok(open.ok && closed.ok);
  assert.equal(open.data.egress, undefined);
  assert.deepEqual(closed.data.egress, [{ host: "10.0.0.7", port: 8000, used_by: "providers.vllm" }]);
});
