/** Vercel's AI SDK with its providers for five vendors' APIs: only base URL and key are ours. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { createAmazonBedrock } from "@ai-sdk/amazon-bedrock";
import { createAnthropic } from "@ai-sdk/anthropic";
import { createGoogleGenerativeAI } from "@ai-sdk/google";
import { createOpenAI } from "@ai-sdk/openai";
import { APICallError, embed, generateText, jsonSchema, Output, stepCountIs, streamText, tool } from "ai";
import { greeting, type Lab, recipe, startLab, toolAnswer, upstreams } from "../support/sdk-lab.ts";
import { embedding } from "../support/wire-frames.ts";
import { answerText } from "../support/wires/wire.ts";

let lab: Lab;
before(async () => {
  lab = await startLab();
});
after(() => lab?.stop());

const openai = (apiKey = lab.key) => createOpenAI({ baseURL: lab.openaiBase, apiKey });
const anthropic = (apiKey = lab.key) => createAnthropic({ baseURL: `${lab.anthropicBase}/v1`, apiKey });
const google = (apiKey = lab.key) => createGoogleGenerativeAI({ baseURL: `${lab.anthropicBase}/v1beta`, apiKey });
const bedrock = (accessKeyId = lab.key) =>
  createAmazonBedrock({ baseURL: lab.anthropicBase, region: "eu-central-1", accessKeyId, secretAccessKey: "unused" });
const clients = {
  "ai with openai responses": (model: string, key?: string) => openai(key)(model),
  "ai with google": (model: string, key?: string) => google(key)(model),
  "ai with amazon-bedrock": (model: string, key?: string) => bedrock(key)(model),
  "ai with openai": (model: string, key?: string) => openai(key).chat(model),
  "ai with anthropic": (model: string, key?: string) => anthropic(key)(model),
};

const tools = () => {
  const ran: string[] = [];
  const input = jsonSchema<Record<string, string>>({
    type: "object",
    properties: { city: { type: "string" }, zone: { type: "string" } },
  });
  const named = (name: string) =>
    tool({
      description: name,
      inputSchema: input,
      execute: (argument: Record<string, string>) => {
        ran.push(`${name} ${JSON.stringify(argument)}`);
        return "18 degrees";
      },
    });
  return { ran, set: { get_weather: named("get_weather"), get_time: named("get_time") } };
};

for (const [name, model] of Object.entries(clients)) {
  for (const wire of upstreams) {
    const served = `${wire}/model-of-the-mock`;
    describe(`${name} → ${wire}`, () => {
      test("generateText() answers with usage", async () => {
        const { text, usage, finishReason } = await generateText({
          model: model(served),
          prompt: "say hello",
          maxRetries: 0,
        });
        assert.deepEqual([text, finishReason, usage.outputTokens], [greeting, "stop", 12]);
      });

      test("streamText() streams with usage", async () => {
        const result = streamText({ model: model(served), prompt: "say hello", maxRetries: 0 });
        let text = "";
        for await (const delta of result.textStream) text += delta;
        assert.deepEqual([text, (await result.usage).outputTokens, await result.finishReason], [greeting, 12, "stop"]);
      });

      test("generateText() runs three turns of tools with parallel calls", async () => {
        const { ran, set } = tools();
        const { text, steps } = await generateText({
          model: model(served),
          prompt: "weather in Paris and Rome",
          tools: set,
          stopWhen: stepCountIs(4),
          maxRetries: 0,
        });
        assert.deepEqual(ran, [
          'get_weather {"city":"Paris"}',
          'get_weather {"city":"Rome"}',
          'get_time {"zone":"CET"}',
        ]);
        assert.deepEqual([text, steps.length], [toolAnswer, 3]);
      });

      test("streamText() runs three turns of tools with parallel calls", async () => {
        const { ran, set } = tools();
        const result = streamText({
          model: model(served),
          prompt: "weather in Paris and Rome",
          tools: set,
          stopWhen: stepCountIs(4),
          maxRetries: 0,
        });
        await result.consumeStream();
        assert.equal(ran.length, 3);
        assert.equal((await result.steps).at(-1)?.text, toolAnswer);
      });

      test("generateText() reads structured output", async () => {
        const schema = jsonSchema<typeof recipe>({
          type: "object",
          properties: { name: { type: "string" }, minutes: { type: "integer" } },
          required: ["name", "minutes"],
          additionalProperties: false,
        });
        const { output } = await generateText({
          model: model(served),
          prompt: "a recipe",
          output: Output.object({ schema }),
          maxRetries: 0,
        });
        assert.deepEqual(output, recipe);
      });

      test("an upstream's 400 is an APICallError in its own words", async () => {
        const asked = generateText({ model: model(served), prompt: "be wrong", maxRetries: 0 });
        await assert.rejects(asked, (error: unknown) => {
          assert.ok(APICallError.isInstance(error));
          assert.equal(error.statusCode, 400);
          assert.match(error.message, /max_tokens is too large/);
          return true;
        });
      });

      test("an aborted stream leaves a row that says 499", async () => {
        const slow = `slow-${wire}/f13-drip+gap=20+${name.replaceAll(" ", "-")}`;
        const controller = new AbortController();
        const result = streamText({
          model: model(slow),
          prompt: "go",
          maxRetries: 0,
          abortSignal: controller.signal,
          onError: () => {},
        });
        let deltas = 0;
        for await (const part of result.fullStream) {
          if (part.type === "text-delta" && ++deltas === 3) controller.abort();
        }
        assert.ok(deltas >= 3);
        const [row] = await lab.daemon.rows(slow);
        assert.equal(row?.status, 499);
      });

      test("A24 a slow stream with keep-alive comments completes", async () => {
        const slow = model(`slow-${wire}/slow+words=4+gap=250+delay=150`);
        const result = streamText({ model: slow, prompt: "go", maxRetries: 0 });
        assert.equal(await result.text, "w0 w1 w2 w3 ");
      });

      test("generateText() reads multi-byte text cut at every byte", async () => {
        const cut = model(`slow-${wire}/f10-bytes`);
        assert.equal(await streamText({ model: cut, prompt: "go", maxRetries: 0 }).text, answerText);
      });
    });
  }

  describe(`${name} errors`, () => {
    const refused: readonly [status: number, what: string, run: () => Promise<unknown>][] = [
      [401, "an unknown key", () => generateText({ model: model("echo", "sk-bf-nobody"), prompt: "x", maxRetries: 0 })],
      [404, "an unknown model", () => generateText({ model: model("no-such-model"), prompt: "x", maxRetries: 0 })],
      [
        402,
        "a spent budget",
        async () => {
          const key = await lab.daemon.createKey({ budget: "0.000001/1d" });
          await generateText({ model: model("echo-paid", key), prompt: "x", maxOutputTokens: 100, maxRetries: 0 });
        },
      ],
      [
        429,
        "our rate limit",
        async () => {
          const key = await lab.daemon.createKey({ rpm: 1 });
          await generateText({ model: model("echo", key), prompt: "x", maxRetries: 0 });
          await generateText({ model: model("echo", key), prompt: "x", maxRetries: 0 });
        },
      ],
    ];
    for (const [status, what, run] of refused) {
      test(`${what} is an APICallError with ${status} and a message`, async () => {
        await assert.rejects(run(), (error: unknown) => {
          assert.ok(APICallError.isInstance(error), String(error));
          assert.equal(error.statusCode, status);
          assert.ok(error.message.length > 10 && !error.message.includes("Invalid JSON"), error.message);
          return true;
        });
      });
    }
  });
}

test("embed() gives the same numbers", async () => {
  const model = openai().embedding("slow-openai-chat/embedding");
  assert.deepEqual((await embed({ model, value: "embed me", maxRetries: 0 })).embedding, embedding);
});
