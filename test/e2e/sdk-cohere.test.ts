/** Cohere's SDK: only base URL and token are ours. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { type Cohere, CohereClientV2, CohereError } from "cohere-ai";
import { greeting, type Lab, startLab, toolAnswer, upstreams } from "../support/sdk-lab.ts";
import { answerText, embedding } from "../support/wire-frames.ts";

let lab: Lab;
before(async () => {
  lab = await startLab();
});
after(() => lab?.stop());

const client = (token = lab.key) => new CohereClientV2({ token, environment: lab.anthropicBase, maxRetries: 0 });
const say = (content: string): Cohere.ChatMessageV2[] => [{ role: "user", content }];
const tools: Cohere.ToolV2[] = ["get_weather", "get_time"].map((name) => ({
  type: "function",
  function: {
    name,
    parameters: { type: "object", properties: { city: { type: "string" }, zone: { type: "string" } } },
  },
}));
const textOf = (content: readonly Cohere.AssistantMessageResponseContentItem[] | undefined) =>
  content?.map((part) => (part.type === "text" ? part.text : "")).join("") ?? "";

async function streamed(model: string, prompt: string): Promise<string> {
  let text = "";
  for await (const event of await client().chatStream({ model, messages: say(prompt) }))
    if (event.type === "content-delta") text += event.delta?.message?.content?.text ?? "";
  return text;
}

for (const wire of upstreams) {
  const model = `${wire}/model-of-the-mock`;
  describe(`cohere-ai → ${wire}`, () => {
    test("chat() answers with usage", async () => {
      const answer = await client().chat({ model, messages: say("say hello") });
      assert.equal(textOf(answer.message?.content), greeting);
      assert.deepEqual([answer.finishReason, answer.usage?.tokens?.outputTokens], ["COMPLETE", 12]);
    });

    test("chatStream() streams", async () => {
      assert.equal(await streamed(model, "say hello"), greeting);
    });

    test("three turns of tools with parallel calls", async () => {
      const messages = say("weather in Paris and Rome");
      const ran: string[] = [];
      for (let turn = 0; turn < 4; turn++) {
        const { message } = await client().chat({ model, messages, tools });
        const calls = message?.toolCalls ?? [];
        if (calls.length === 0) {
          assert.equal(textOf(message?.content), toolAnswer);
          break;
        }
        messages.push({ role: "assistant", toolCalls: calls });
        for (const { id, function: called } of calls) {
          ran.push(`${called?.name} ${called?.arguments}`);
          messages.push({ role: "tool", toolCallId: id, content: "18 degrees" });
        }
      }
      assert.deepEqual(ran, ['get_weather {"city":"Paris"}', 'get_weather {"city":"Rome"}', 'get_time {"zone":"CET"}']);
    });

    test("an upstream's 400 is a CohereError in its own words", async () => {
      await assert.rejects(client().chat({ model, messages: say("be wrong") }), (error: unknown) => {
        assert.ok(error instanceof CohereError);
        assert.equal(error.statusCode, 400);
        assert.match(error.message, /max_tokens is too large/);
        return true;
      });
    });

    test("A24 a slow stream with keep-alive comments completes, and one cut at every byte", async () => {
      assert.equal(await streamed(`slow-${wire}/slow+words=4+gap=250+delay=150`, "go"), "w0 w1 w2 w3 ");
      assert.equal(await streamed(`slow-${wire}/f10-bytes`, "go"), answerText);
    });
  });
}

test("embed() gives the same numbers, and an unknown token is told of", async () => {
  const embedded = await client().embed({
    model: "slow-openai-chat/embedding",
    texts: ["embed me"],
    inputType: "search_query",
    embeddingTypes: ["float"],
  });
  assert.deepEqual(embedded.embeddings.float, [embedding]);
  await assert.rejects(client("sk-bf-nobody").chat({ model: "echo", messages: say("x") }), (error: unknown) => {
    assert.ok(error instanceof CohereError);
    assert.equal(error.statusCode, 401);
    return true;
  });
});
