/** `GET /v1/models` and `bifrost models`: what a key may ask for, what it holds and what it costs. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { ModelsAnswer, RatesView } from "../../daemon/admin/contract/models.ts";
import { type Daemon, startDaemon } from "../support/daemon.ts";

let daemon: Daemon;
before(async () => {
  daemon = await startDaemon({
    env: { KEY: "sk-x" },
    config: {
      providers: { openai: { api_key: "env.KEY", models: ["gpt-4o", "whisper-1", "mine"] } },
      catalog: {
        "openai/mine": { context: 32_000, output_max: 4_000, vision: true, tools: true },
        "openai/gpt-4o": { documents: false },
      },
      prices: {
        "openai/gpt-4o": { input: 2.5, output: 10, tiers: [{ above: 100_000, input: 5 }] },
        "openai/mine": { image: 0.04 },
      },
    },
  });
});
after(() => daemon?.stop());

type Listed = {
  readonly id: string;
  readonly context_length?: number;
  readonly max_output_tokens?: number;
  readonly pricing?: Record<string, string>;
  readonly capabilities?: readonly string[];
  readonly architecture?: object;
  readonly supported_parameters?: readonly string[];
};

async function list(key: string): Promise<readonly Listed[]> {
  const answer = await fetch(`${daemon.url}/v1/models`, { headers: { authorization: `Bearer ${key}` } });
  assert.equal(answer.status, 200);
  return ((await answer.json()) as { data: readonly Listed[] }).data;
}

test("listModels() tells a key the models it may call, their context and exact prices, and no others", async () => {
  const [one, ...others] = await list(await daemon.createKey({ name: "one", models: ["openai/gpt-4o"] }));
  assert.deepEqual(others, []);
  assert.equal(one?.id, "openai/gpt-4o");
  assert.equal(one.context_length, 128_000);
  assert.deepEqual([one.pricing?.["prompt"], one.pricing?.["completion"]], ["0.0000025", "0.00001"]);
  const all = await list(await daemon.createKey({ name: "all" }));
  assert.ok(all.some(({ id }) => id === "openai/whisper-1") && all.length > 3);
  assert.deepEqual(all.find(({ id }) => id === "openai/mine")?.pricing, { image: "0.04" });
});

test("listModels() tells what models can do, as the catalog and the config know it", async () => {
  const key = await daemon.createKey({ name: "can" });
  const of = (models: readonly Listed[], id: string) => models.find((model) => model.id === `openai/${id}`);
  const all = await list(key);
  assert.deepEqual(of(all, "gpt-4o")?.capabilities, ["caching", "structured_output", "tools", "vision"]);
  assert.deepEqual(of(all, "gpt-4o")?.architecture, { input_modalities: ["text", "image"] });
  assert.deepEqual(of(all, "gpt-4o")?.supported_parameters, [
    ...["response_format", "structured_outputs"],
    ...["tools", "tool_choice"],
  ]);
  const { context_length: context, max_output_tokens: output, capabilities } = of(all, "mine")!;
  assert.deepEqual([context, output, capabilities], [32_000, 4_000, ["tools", "vision"]]);
  for (const name of ["capabilities", "architecture", "supported_parameters"])
    assert.equal(name in of(all, "whisper-1")!, false, "unknown is not nothing");
  const paid = all.find(({ id }) => id === "echo-paid/echo-paid")!;
  assert.deepEqual([paid.capabilities, "supported_parameters" in paid], [["caching"], false]);

  const { models } = await daemon.json<ModelsAnswer>("models", "--provider", "openai");
  const told = Object.fromEntries(
    models.map(({ id, capabilities, context_tokens }) => [id, [context_tokens, capabilities]]),
  );
  assert.deepEqual(told["openai/mine"], [32_000, ["tools", "vision"]]);
  assert.deepEqual(told["openai/whisper-1"]?.[1], null);
});

test("models --json tells every rate in the words of the config, and the day of the table", async () => {
  const { models, catalog_date: date } = await daemon.json<ModelsAnswer>("models", "--provider", "openai");
  assert.match(date, /^20\d\d-\d\d-\d\d$/);
  const price = (id: string) => models.find((model) => model.id === `openai/${id}`)?.prices;
  assert.deepEqual(price("gpt-4o")?.["input"], 2.5);
  const [tier] = (price("gpt-4o") as { readonly tiers?: readonly RatesView[] } | undefined)?.tiers ?? [];
  assert.equal(tier?.["input"], 5);
  assert.equal(price("whisper-1")?.["audio_hour"], 0.36);
  assert.deepEqual(price("mine"), { image: 0.04 });
});
