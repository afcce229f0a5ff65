/** OpenAI's own SDK, this major and the one before, unmodified: only base URL and key are ours. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import OpenAI from "openai";
import OpenAIPrevious from "openai-previous";
import { greeting, type Lab, pixel, recipe, startLab, toolAnswer, upstreams } from "../support/sdk-lab.ts";
import { until } from "../support/until.ts";
import { embedding } from "../support/wire-frames.ts";
import { answerText } from "../support/wires/wire.ts";

type Chat = OpenAI.Chat.Completions.ChatCompletionMessageParam;

const majors = { "openai 7": OpenAI, "openai 6": OpenAIPrevious as unknown as typeof OpenAI };

let lab: Lab;
before(async () => {
  lab = await startLab();
});
after(() => lab?.stop());

const user = (content: string): Chat => ({ role: "user", content });

const tools: OpenAI.Chat.Completions.ChatCompletionTool[] = ["get_weather", "get_time"].map((name) => ({
  type: "function",
  function: {
    name,
    parameters: { type: "object", properties: { city: { type: "string" }, zone: { type: "string" } } },
  },
}));

for (const [major, Sdk] of Object.entries(majors)) {
  const client = (apiKey = lab.key) => new Sdk({ baseURL: lab.openaiBase, apiKey, maxRetries: 0 });

  for (const wire of upstreams) {
    const model = `${wire}/gpt-4o`;
    describe(`${major} → ${wire}`, () => {
      test("chat.completions.create() answers text with usage", async () => {
        const answer = await client().chat.completions.create({ model, messages: [user("say hello")] });
        assert.equal(answer.object, "chat.completion");
        assert.equal(answer.choices[0]?.message.content, greeting);
        assert.equal(answer.choices[0]?.finish_reason, "stop");
        assert.ok((answer.usage?.total_tokens ?? 0) > 0);
        assert.match(answer._request_id ?? "", /\S/);
      });

      test("chat.completions.create() streams text, and usage when asked", async () => {
        const stream = await client().chat.completions.create({
          model,
          messages: [user("say hello")],
          stream: true,
          stream_options: { include_usage: true },
        });
        let text = "";
        let finish: string | null | undefined;
        let total = 0;
        for await (const chunk of stream) {
          text += chunk.choices[0]?.delta.content ?? "";
          finish = chunk.choices[0]?.finish_reason ?? finish;
          total = chunk.usage?.total_tokens ?? total;
        }
        assert.deepEqual([text, finish, total > 0], [greeting, "stop", true]);
      });

      for (const streamed of [false, true]) {
        test(`tools: three turns with parallel calls, ${streamed ? "streamed" : "whole"}`, async () => {
          const messages: Chat[] = [user("weather in Paris and Rome")];
          const asked: string[][] = [];
          for (let turn = 0; turn < 3; turn += 1) {
            const body = { model, messages, tools };
            const { choices } = streamed
              ? await client().chat.completions.stream(body).finalChatCompletion()
              : await client().chat.completions.create(body);
            const message = choices[0]?.message;
            assert.ok(message);
            if (turn === 2) assert.equal(message.content, toolAnswer);
            const calls = message.tool_calls ?? [];
            assert.equal(choices[0]?.finish_reason, calls.length > 0 ? "tool_calls" : "stop");
            messages.push(message);
            const names: string[] = [];
            for (const call of calls) {
              assert.equal(call.type, "function");
              if (call.type !== "function") continue;
              names.push(`${call.function.name} ${JSON.stringify(JSON.parse(call.function.arguments))}`);
              messages.push({ role: "tool", tool_call_id: call.id, content: "18 degrees" });
            }
            asked.push(names);
          }
          assert.deepEqual(asked, [
            ['get_weather {"city":"Paris"}', 'get_weather {"city":"Rome"}'],
            ['get_time {"zone":"CET"}'],
            [],
          ]);
          assert.match(lab.lastBody(), /call_paris/);
        });
      }

      test("chat.completions.parse() reads structured output, and the schema reaches the upstream", async () => {
        const response_format = {
          type: "json_schema" as const,
          json_schema: {
            name: "recipe",
            strict: true,
            schema: {
              type: "object",
              properties: { name: { type: "string" }, minutes: { type: "integer" } },
              required: ["name", "minutes"],
              additionalProperties: false,
            },
          },
        };
        const answer = await client().chat.completions.parse({ model, messages: [user("a recipe")], response_format });
        assert.deepEqual(JSON.parse(answer.choices[0]?.message.content ?? ""), recipe);
        const schemed = `ok+schema+${wire}+${major.replace(" ", "-")}`;
        const messages = [user("a recipe")];
        await client().chat.completions.create({ model: `slow-${wire}/${schemed}`, messages, response_format });
        assert.match(await lab.sent(schemed), /"minutes":\{"type":"integer"\}/);
      });

      test("images reach the upstream in its own form", async () => {
        const pictured = `ok+picture+${wire}+${major.replace(" ", "-")}`;
        const answer = await client().chat.completions.create({
          model: `slow-${wire}/${pictured}`,
          messages: [
            {
              role: "user",
              content: [
                { type: "text", text: "what is in the picture" },
                { type: "image_url", image_url: { url: `data:image/png;base64,${pixel}` } },
              ],
            },
          ],
        });
        assert.equal(answer.choices[0]?.message.content, answerText);
        const sent = await lab.sent(pictured);
        const source = `"source":{"type":"base64","media_type":"image/png","data":"${pixel}"}`;
        assert.ok(sent.includes(wire === "anthropic" ? source : `data:image/png;base64,${pixel}`), sent);
      });

      test("an upstream's 400 is a BadRequestError in its own words", async () => {
        const asked = client().chat.completions.create({ model, messages: [user("be wrong")] });
        await assert.rejects(asked, (error: unknown) => {
          assert.ok(error instanceof Sdk.BadRequestError);
          assert.match(error.message, /max_tokens is too large/);
          return true;
        });
      });

      test("an upstream's 429 is a RateLimitError with retry-after", async () => {
        const asked = client().chat.completions.create({ model, messages: [user("slow down")], stream: true });
        await assert.rejects(asked, (error: unknown) => {
          assert.ok(error instanceof Sdk.RateLimitError);
          assert.equal(error.headers?.get("retry-after"), "3");
          assert.equal(error.code, "rate_limit_exceeded");
          return true;
        });
      });

      test("abort() in the middle of a stream ends it, and the row says 499", async () => {
        const slow = `slow-${wire}/f13-drip+gap=20+${major.replace(" ", "-")}`;
        const stream = await client().chat.completions.create({ model: slow, messages: [user("go")], stream: true });
        let chunks = 0;
        for await (const _ of stream) {
          chunks += 1;
          if (chunks === 3) stream.controller.abort();
        }
        assert.ok(chunks >= 3);
        const [row] = await lab.daemon.rows(slow);
        assert.equal(row?.status, 499);
      });

      test("A24 a slow stream with keep-alive comments completes", async () => {
        const slow = `slow-${wire}/slow+words=4+gap=250+delay=150`;
        const stream = client().chat.completions.stream({ model: slow, messages: [user("go")] });
        assert.equal(await stream.finalContent(), "w0 w1 w2 w3 ");
      });
    });
  }

  describe(`${major} errors`, () => {
    const model = "openai-chat/gpt-4o";
    const messages = [user("say hello")];
    test("an unknown key is an AuthenticationError", async () => {
      await assert.rejects(client("sk-bf-nobody").chat.completions.create({ model, messages }), (error: unknown) => {
        assert.ok(error instanceof Sdk.AuthenticationError);
        assert.deepEqual([error.status, error.code, error.type], [401, "invalid_api_key", "authentication_error"]);
        assert.match(error.requestID ?? "", /\S/);
        return true;
      });
    });
    test("an unknown model is a NotFoundError", async () => {
      await assert.rejects(client().chat.completions.create({ model: "no-such-model", messages }), (error: unknown) => {
        assert.ok(error instanceof Sdk.NotFoundError);
        assert.equal(error.code, "model_not_found");
        return true;
      });
    });
    test("a model that the key may not use is a PermissionDeniedError", async () => {
      const key = await lab.daemon.createKey({ models: ["echo/echo"] });
      await assert.rejects(client(key).chat.completions.create({ model, messages }), Sdk.PermissionDeniedError);
    });
    test("messages of the wrong type are a BadRequestError", async () => {
      const wrong = { model: "anthropic/claude", messages: "hello" } as never;
      await assert.rejects(client().chat.completions.create(wrong), Sdk.BadRequestError);
    });
    test("a spent budget is an APIError with 402, and the SDK does not try again", async () => {
      const key = await lab.daemon.createKey({ budget: "0.000001/1d" });
      const retrying = new Sdk({ baseURL: lab.openaiBase, apiKey: key, maxRetries: 3 });
      const asked = retrying.chat.completions.create({ model: "echo-paid", messages, max_tokens: 100 });
      await assert.rejects(asked, (error: unknown) => {
        assert.ok(error instanceof Sdk.APIError);
        assert.deepEqual([error.status, error.type], [402, "budget_exceeded"]);
        assert.equal(error.headers?.get("x-should-retry"), "false");
        return true;
      });
    });
    test("our own rate limit is a RateLimitError with an exact wait", async () => {
      const key = await lab.daemon.createKey({ rpm: 1 });
      await client(key).chat.completions.create({ model: "echo", messages });
      await assert.rejects(client(key).chat.completions.create({ model: "echo", messages }), (error: unknown) => {
        assert.ok(error instanceof Sdk.RateLimitError);
        const exactMs = Number(error.headers?.get("retry-after-ms"));
        assert.ok(exactMs > 50_000 && exactMs <= 60_000, `${exactMs} ms`);
        assert.equal(error.headers?.get("retry-after"), String(Math.ceil(exactMs / 1000)));
        return true;
      });
    });
  });

  describe(`${major} besides chat`, () => {
    test("embeddings.create() in base64, the SDK's default, and in floats", async () => {
      const model = "slow-openai-chat/embedding";
      const byDefault = await client().embeddings.create({ model, input: "embed me" });
      assert.deepEqual(byDefault.data[0]?.embedding, embedding);
      const floats = await client().embeddings.create({ model, input: "embed me", encoding_format: "float" });
      assert.deepEqual(floats.data[0]?.embedding, embedding);
    });
    test("models.list() offers the echo model", async () => {
      const ids: string[] = [];
      for await (const model of client().models.list()) ids.push(model.id);
      assert.ok(ids.includes("echo/echo"), ids.slice(0, 10).join());
    });
    test("an answer that is awaited leaves nothing open", async () => {
      await client().chat.completions.create({ model: "echo", messages: [user("x")] });
      await until("no request in flight", async () => {
        const status = await lab.daemon.admin<{ workers: { requests_in_flight: number }[] }>("GET", "/api/status");
        return status.workers.every((worker) => worker.requests_in_flight === 0);
      });
    });
  });
}
