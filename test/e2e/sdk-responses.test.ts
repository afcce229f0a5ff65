/** OpenAI's Responses API by its SDK, and OpenAI's Agents SDK on top of it: only base URL and key are ours. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Agent, OpenAIProvider, Runner, tool } from "@openai/agents";
import OpenAI from "openai";
import PreviousOpenAI from "openai-previous";
import { greeting, type Lab, pixel, recipe, startLab, toolAnswer, upstreams } from "../support/sdk-lab.ts";
import { answerText } from "../support/wire-frames.ts";

let lab: Lab;
before(async () => {
  lab = await startLab();
});
after(() => lab?.stop());

const majors = {
  openai: (apiKey = lab.key) => new OpenAI({ baseURL: lab.openaiBase, apiKey, maxRetries: 0 }),
  "openai, previous major": (apiKey = lab.key) =>
    new PreviousOpenAI({ baseURL: lab.openaiBase, apiKey, maxRetries: 0 }) as unknown as OpenAI,
};
const parameters = {
  type: "object",
  properties: { city: { type: "string" }, zone: { type: "string" } },
  additionalProperties: false,
} as const;
const functionTool = (name: string) => ({ type: "function" as const, name, parameters, strict: false });

for (const [major, client] of Object.entries(majors)) {
  for (const wire of upstreams) {
    const model = `${wire}/model-of-the-mock`;
    const slug = `${wire}+${major.replaceAll(/[ ,]+/g, "-")}`;
    describe(`${major} responses → ${wire}`, () => {
      test("responses.create() answers with usage", async () => {
        const answer = await client().responses.create({ model, input: "say hello" });
        assert.deepEqual([answer.output_text, answer.usage?.output_tokens, answer.status], [greeting, 12, "completed"]);
      });

      test("responses.stream() streams, and its final response is whole", async () => {
        const stream = client().responses.stream({ model, input: "say hello" });
        let text = "";
        for await (const event of stream) if (event.type === "response.output_text.delta") text += event.delta;
        const final = await stream.finalResponse();
        assert.deepEqual([text, final.output_text, final.usage?.output_tokens], [greeting, greeting, 12]);
      });

      test("three turns of tools with parallel calls, sent back by the client", async () => {
        const input: OpenAI.Responses.ResponseInput = [{ role: "user", content: "weather in Paris and Rome" }];
        const ran: string[] = [];
        for (let turn = 0; turn < 4; turn++) {
          const answer = await client().responses.create({
            model,
            input,
            store: false,
            tools: [functionTool("get_weather"), functionTool("get_time")],
          });
          const calls = answer.output.filter((item) => item.type === "function_call");
          if (calls.length === 0) {
            assert.equal(answer.output_text, toolAnswer);
            break;
          }
          input.push(...(answer.output as OpenAI.Responses.ResponseInput));
          for (const { name, arguments: written, call_id } of calls) {
            ran.push(`${name} ${written}`);
            input.push({ type: "function_call_output", call_id, output: "18 degrees" });
          }
        }
        assert.deepEqual(ran, [
          'get_weather {"city":"Paris"}',
          'get_weather {"city":"Rome"}',
          'get_time {"zone":"CET"}',
        ]);
      });

      test("structured output is what its schema says", async () => {
        const answer = await client().responses.parse({
          model,
          input: "a recipe",
          text: {
            format: {
              type: "json_schema",
              name: "recipe",
              schema: {
                type: "object",
                properties: { name: { type: "string" }, minutes: { type: "integer" } },
                required: ["name", "minutes"],
                additionalProperties: false,
              },
            },
          },
        });
        assert.deepEqual(answer.output_parsed, recipe);
      });

      test("an image reaches the provider", async () => {
        const behaviour = `ok+image+${slug}`;
        await client().responses.create({
          model: `slow-${wire}/${behaviour}`,
          input: [
            {
              role: "user",
              content: [
                { type: "input_text", text: "look" },
                { type: "input_image", detail: "auto", image_url: `data:image/png;base64,${pixel}` },
              ],
            },
          ],
        });
        assert.ok((await lab.sent(behaviour)).includes(pixel));
      });

      test("an upstream's 400 is an APIError in its own words", async () => {
        await assert.rejects(client().responses.create({ model, input: "be wrong" }), {
          status: 400,
          message: /max_tokens is too large/,
        });
      });

      test("an aborted stream leaves a row that says 499", async () => {
        const slow = `slow-${wire}/f13-drip+gap=20+${slug}`;
        const stream = await client().responses.create({ model: slow, input: "go", stream: true });
        let deltas = 0;
        for await (const event of stream)
          if (event.type === "response.output_text.delta" && ++deltas === 3) stream.controller.abort();
        assert.ok(deltas >= 3);
        assert.equal((await lab.daemon.rows(slow))[0]?.status, 499);
      });

      test("A24 a slow stream with keep-alive comments completes, and one cut at every byte", async () => {
        for (const [behaviour, expected] of [
          ["slow+words=4+gap=250+delay=150", "w0 w1 w2 w3 "],
          ["f10-bytes", answerText],
        ] as const) {
          let text = "";
          const asked = { model: `slow-${wire}/${behaviour}`, input: "go", stream: true } as const;
          for await (const event of await client().responses.create(asked))
            if (event.type === "response.output_text.delta") text += event.delta;
          assert.equal(text, expected);
        }
      });
    });
  }
}

for (const wire of upstreams) {
  for (const api of ["responses", "chat completions"]) {
    const runner = () =>
      new Runner({
        modelProvider: new OpenAIProvider({
          openAIClient: majors.openai() as never,
          useResponses: api === "responses",
        }),
        tracingDisabled: true,
      });
    describe(`@openai/agents by ${api} → ${wire}`, () => {
      for (const streamed of [false, true]) {
        test(`an agent runs its tools to the end${streamed ? ", streamed" : ""}`, async () => {
          const ran: string[] = [];
          const named = (name: string) =>
            tool({
              name,
              description: name,
              parameters: { ...parameters, required: [], additionalProperties: true },
              strict: false,
              execute: (input: unknown) => {
                ran.push(`${name} ${JSON.stringify(input)}`);
                return "18 degrees";
              },
            });
          const agent = new Agent({
            name: "weather",
            model: `${wire}/model-of-the-mock`,
            tools: [named("get_weather"), named("get_time")],
          });
          const prompt = "weather in Paris and Rome";
          let output: unknown;
          if (streamed) {
            const result = await runner().run(agent, prompt, { stream: true });
            for await (const _ of result) {
              // to its end
            }
            await result.completed;
            output = result.finalOutput;
          } else output = (await runner().run(agent, prompt)).finalOutput;
          assert.equal(output, toolAnswer);
          assert.deepEqual(ran.sort(), [
            'get_time {"zone":"CET"}',
            'get_weather {"city":"Paris"}',
            'get_weather {"city":"Rome"}',
          ]);
        });
      }
    });
  }
}

test("an unknown key, an unknown model and a spent budget are APIErrors with a message", async () => {
  const spent = await lab.daemon.createKey({ budget: "0.000001/1d" });
  const create = (model: string, key?: string) =>
    majors.openai(key).responses.create({ model, input: "x", max_output_tokens: 100 });
  await assert.rejects(create("echo", "sk-bf-nobody"), { status: 401, code: "invalid_api_key" });
  await assert.rejects(create("no-such-model"), { status: 404, code: "model_not_found" });
  await assert.rejects(create("echo-paid", spent), { status: 402, code: "budget_exceeded" });
});
