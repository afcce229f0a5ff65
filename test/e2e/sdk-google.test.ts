/** Google's own SDK: only base URL and key are ours. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { ApiError, FunctionCallingConfigMode, GoogleGenAI, Type } from "@google/genai";
import { greeting, type Lab, pixel, recipe, startLab, toolAnswer, upstreams } from "../support/sdk-lab.ts";
import { answerText, embedding } from "../support/wire-frames.ts";

let lab: Lab;
before(async () => {
  lab = await startLab();
});
after(() => lab?.stop());

const client = (apiKey = lab.key) =>
  new GoogleGenAI({ apiKey, httpOptions: { baseUrl: lab.anthropicBase, retryOptions: { attempts: 1 } } });
const declared = (name: string) => ({
  name,
  description: name,
  parameters: { type: Type.OBJECT, properties: { city: { type: Type.STRING }, zone: { type: Type.STRING } } },
});
const tools = [{ functionDeclarations: [declared("get_weather"), declared("get_time")] }];

for (const wire of upstreams) {
  const model = `${wire}/model-of-the-mock`;
  describe(`@google/genai → ${wire}`, () => {
    test("generateContent() answers with usage", async () => {
      const answer = await client().models.generateContent({ model, contents: "say hello" });
      assert.deepEqual([answer.text, answer.usageMetadata?.candidatesTokenCount], [greeting, 12]);
      assert.equal(answer.candidates?.[0]?.finishReason, "STOP");
    });

    test("generateContentStream() streams with usage", async () => {
      let text = "";
      let output: number | undefined;
      for await (const chunk of await client().models.generateContentStream({ model, contents: "say hello" })) {
        text += chunk.text ?? "";
        output = chunk.usageMetadata?.candidatesTokenCount ?? output;
      }
      assert.deepEqual([text, output], [greeting, 12]);
    });

    for (const streamed of [false, true]) {
      test(`a chat runs three turns of tools with parallel calls${streamed ? ", streamed" : ""}`, async () => {
        const chat = client().chats.create({ model, config: { tools } });
        const ran: string[] = [];
        let message: Parameters<typeof chat.sendMessage>[0]["message"] = "weather in Paris and Rome";
        for (let turn = 0; turn < 4; turn++) {
          const calls = [];
          let text = "";
          if (streamed) {
            for await (const chunk of await chat.sendMessageStream({ message })) {
              calls.push(...(chunk.functionCalls ?? []));
              text += chunk.candidates?.[0]?.content?.parts?.map((part) => part.text ?? "").join("") ?? "";
            }
          } else {
            const answer = await chat.sendMessage({ message });
            calls.push(...(answer.functionCalls ?? []));
            text = answer.candidates?.[0]?.content?.parts?.map((part) => part.text ?? "").join("") ?? "";
          }
          if (calls.length === 0) {
            assert.equal(text, toolAnswer);
            break;
          }
          ran.push(...calls.map(({ name, args }) => `${name} ${JSON.stringify(args)}`));
          message = calls.map(({ id, name }) => ({
            functionResponse: {
              ...(id === undefined ? {} : { id }),
              name: name ?? "",
              response: { output: "18 degrees" },
            },
          }));
        }
        assert.deepEqual(ran, [
          'get_weather {"city":"Paris"}',
          'get_weather {"city":"Rome"}',
          'get_time {"zone":"CET"}',
        ]);
      });
    }

    test("structured output is what its schema says", async () => {
      const answer = await client().models.generateContent({
        model,
        contents: "a recipe",
        config: {
          responseMimeType: "application/json",
          responseJsonSchema: {
            type: "object",
            properties: { name: { type: "string" }, minutes: { type: "integer" } },
            required: ["name", "minutes"],
          },
          toolConfig: { functionCallingConfig: { mode: FunctionCallingConfigMode.NONE } },
        },
      });
      assert.deepEqual(JSON.parse(answer.text ?? ""), recipe);
    });

    test("an image reaches the provider", async () => {
      const behaviour = `ok+image+${wire}+google`;
      await client().models.generateContent({
        model: `slow-${wire}/${behaviour}`,
        contents: [
          { role: "user", parts: [{ text: "say hello" }, { inlineData: { mimeType: "image/png", data: pixel } }] },
        ],
      });
      assert.ok((await lab.sent(behaviour)).includes(pixel));
    });

    test("an upstream's 400 is an ApiError in its own words", async () => {
      const asked = client().models.generateContent({ model, contents: "be wrong" });
      await assert.rejects(asked, (error: unknown) => {
        assert.ok(error instanceof ApiError);
        assert.equal(error.status, 400);
        assert.match(error.message, /max_tokens is too large/);
        return true;
      });
    });

    test("an aborted stream leaves a row that says 499", async () => {
      const slow = `slow-${wire}/f13-drip+gap=20+google`;
      const controller = new AbortController();
      const stream = await client().models.generateContentStream({
        model: slow,
        contents: "go",
        config: { abortSignal: controller.signal },
      });
      let chunks = 0;
      await assert.rejects(async () => {
        for await (const _ of stream) if (++chunks === 3) controller.abort();
      });
      assert.equal((await lab.daemon.rows(slow))[0]?.status, 499);
    });

    test("A24 a slow stream with keep-alive comments completes", async () => {
      let text = "";
      const asked = { model: `slow-${wire}/slow+words=4+gap=250+delay=150`, contents: "go" };
      for await (const chunk of await client().models.generateContentStream(asked)) text += chunk.text ?? "";
      assert.equal(text, "w0 w1 w2 w3 ");
    });

    test("multi-byte text cut at every byte arrives whole", async () => {
      let text = "";
      const asked = { model: `slow-${wire}/f10-bytes`, contents: "go" };
      for await (const chunk of await client().models.generateContentStream(asked)) text += chunk.text ?? "";
      assert.equal(text, answerText);
    });
  });
}

describe("@google/genai", () => {
  test("embedContent() gives the same numbers, countTokens() a number, models.list() what a key may call", async () => {
    const embedded = await client().models.embedContent({ model: "slow-openai-chat/embedding", contents: "embed me" });
    assert.deepEqual(embedded.embeddings?.[0]?.values, embedding);
    const counted = await client().models.countTokens({ model: "echo/echo", contents: "how long is this" });
    assert.ok((counted.totalTokens ?? 0) > 0);
    const names: string[] = [];
    for await (const model of await client().models.list()) names.push(model.name ?? "");
    assert.ok(names.includes("models/echo/echo"), names.join());
  });

  const refused: readonly [status: number, what: string, run: () => Promise<unknown>][] = [
    [401, "an unknown key", () => client("sk-bf-nobody").models.generateContent({ model: "echo", contents: "x" })],
    [404, "an unknown model", () => client().models.generateContent({ model: "no-such-model", contents: "x" })],
    [
      402,
      "a spent budget",
      async () => {
        const key = await lab.daemon.createKey({ budget: "0.000001/1d" });
        await client(key).models.generateContent({
          model: "echo-paid",
          contents: "x",
          config: { maxOutputTokens: 100 },
        });
      },
    ],
  ];
  for (const [status, what, run] of refused) {
    test(`${what} is an ApiError with ${status} and a message`, async () => {
      await assert.rejects(run(), (error: unknown) => {
        assert.ok(error instanceof ApiError, String(error));
        assert.equal(error.status, status);
        return true;
      });
    });
  }
});
