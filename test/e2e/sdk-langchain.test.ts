/** LangChain's two packages: only base URL and key are ours. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { ChatAnthropic } from "@langchain/anthropic";
import type { BaseChatModel } from "@langchain/core/language_models/chat_models";
import { type AIMessage, type BaseMessage, HumanMessage, ToolMessage } from "@langchain/core/messages";
import { AzureChatOpenAI, ChatOpenAI, OpenAIEmbeddings } from "@langchain/openai";
import { greeting, type Lab, recipe, startLab, toolAnswer, upstreams } from "../support/sdk-lab.ts";
import { answerText, embedding } from "../support/wire-frames.ts";

let lab: Lab;
before(async () => {
  lab = await startLab();
});
after(() => lab?.stop());

const once = { maxRetries: 0 } as const;
const clients: Readonly<Record<string, (model: string, key?: string) => BaseChatModel>> = {
  "@langchain/openai": (model, apiKey = lab.key) =>
    new ChatOpenAI({ model, apiKey, configuration: { baseURL: lab.openaiBase }, ...once }),
  "@langchain/openai by responses": (model, apiKey = lab.key) =>
    new ChatOpenAI({ model, apiKey, useResponsesApi: true, configuration: { baseURL: lab.openaiBase }, ...once }),
  "@langchain/openai for Azure": (model, azureOpenAIApiKey = lab.key) =>
    new AzureChatOpenAI({
      azureOpenAIApiKey,
      azureOpenAIApiDeploymentName: model,
      azureOpenAIApiVersion: "2024-10-21",
      azureOpenAIBasePath: `${lab.anthropicBase}/openai/deployments`,
      ...once,
    }),
  "@langchain/anthropic": (model, apiKey = lab.key) =>
    new ChatAnthropic({ model, apiKey, anthropicApiUrl: lab.anthropicBase, maxTokens: 100, ...once }),
};
const schema = { type: "object", properties: { city: { type: "string" }, zone: { type: "string" } } } as const;
const tools = ["get_weather", "get_time"].map((name) => ({ name, description: name, schema }));
const textOf = (message: { content: unknown }) =>
  typeof message.content === "string"
    ? message.content
    : (message.content as { text?: string }[]).map(({ text }) => text ?? "").join("");

for (const [name, client] of Object.entries(clients)) {
  for (const wire of upstreams) {
    const served = `${wire}/model-of-the-mock`;
    describe(`${name} → ${wire}`, () => {
      test("invoke() answers with usage", async () => {
        const answer = await client(served).invoke("say hello");
        const { usage_metadata: usage } = answer as unknown as { usage_metadata?: { output_tokens: number } };
        assert.deepEqual([textOf(answer), usage?.output_tokens], [greeting, 12]);
      });

      test("stream() streams", async () => {
        let text = "";
        for await (const chunk of await client(served).stream("say hello")) text += textOf(chunk);
        assert.equal(text, greeting);
      });

      test("three turns of tools with parallel calls", async () => {
        const model = client(served).bindTools?.(tools);
        assert.ok(model);
        const messages: BaseMessage[] = [new HumanMessage("weather in Paris and Rome")];
        const ran: string[] = [];
        for (let turn = 0; turn < 4; turn++) {
          const answer = (await model.invoke(messages)) as AIMessage;
          messages.push(answer);
          const calls = answer.tool_calls ?? [];
          if (calls.length === 0) {
            assert.equal(textOf(answer), toolAnswer);
            break;
          }
          for (const { name: called, args, id } of calls) {
            ran.push(`${called} ${JSON.stringify(args)}`);
            messages.push(new ToolMessage({ content: "18 degrees", tool_call_id: id ?? "" }));
          }
        }
        assert.deepEqual(ran, [
          'get_weather {"city":"Paris"}',
          'get_weather {"city":"Rome"}',
          'get_time {"zone":"CET"}',
        ]);
      });

      test("an upstream's 400 is told in its own words", async () => {
        await assert.rejects(client(served).invoke("be wrong"), /max_tokens is too large/);
      });

      test("A24 a slow stream with keep-alive comments completes, and one cut at every byte", async () => {
        for (const [behaviour, expected] of [
          ["slow+words=4+gap=250+delay=150", "w0 w1 w2 w3 "],
          ["f10-bytes", answerText],
        ] as const) {
          let text = "";
          for await (const chunk of await client(`slow-${wire}/${behaviour}`).stream("go")) text += textOf(chunk);
          assert.equal(text, expected);
        }
      });
    });
  }

  test(`${name} tells of an unknown key`, async () => {
    await assert.rejects(client("echo", "sk-bf-nobody").invoke("x"), /not known here/);
  });
}

test("structured output is what its schema says", async () => {
  const wanted = {
    type: "object",
    title: "recipe",
    properties: { name: { type: "string" }, minutes: { type: "integer" } },
    required: ["name", "minutes"],
    additionalProperties: false,
  } as const;
  const model = clients["@langchain/openai"]!("openai-chat/model-of-the-mock") as ChatOpenAI;
  assert.deepEqual(await model.withStructuredOutput(wanted, { method: "jsonSchema" }).invoke("a recipe"), recipe);
});

test("OpenAIEmbeddings gives the same numbers", async () => {
  const model = new OpenAIEmbeddings({
    model: "slow-openai-chat/embedding",
    apiKey: lab.key,
    configuration: { baseURL: lab.openaiBase },
    ...once,
  });
  assert.deepEqual(await model.embedQuery("embed me"), embedding);
});
