/** Anthropic's own SDK, this major and the one before, unmodified: only base URL and key are ours. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import Anthropic from "@anthropic-ai/sdk";
import AnthropicPrevious from "anthropic-sdk-previous";
import { greeting, type Lab, pixel, recipe, startLab, toolAnswer, upstreams } from "../support/sdk-lab.ts";
import { answerText } from "../support/wires/wire.ts";

const majors = { "anthropic 1": Anthropic, "anthropic 0": AnthropicPrevious as unknown as typeof Anthropic };

let lab: Lab;
before(async () => {
  lab = await startLab();
});
after(() => lab?.stop());

const user = (content: string): Anthropic.MessageParam => ({ role: "user", content });

const tools: Anthropic.Tool[] = ["get_weather", "get_time"].map((name) => ({
  name,
  input_schema: { type: "object", properties: { city: { type: "string" }, zone: { type: "string" } } },
}));

const textOf = (message: Anthropic.Message) =>
  message.content.map((block) => (block.type === "text" ? block.text : "")).join("");

for (const [major, Sdk] of Object.entries(majors)) {
  const client = (apiKey = lab.key) => new Sdk({ baseURL: lab.anthropicBase, apiKey, maxRetries: 0 });

  for (const wire of upstreams) {
    const model = `${wire}/claude-sonnet-4-5`;
    describe(`${major} → ${wire}`, () => {
      test("messages.create() answers text with usage", async () => {
        const answer = await client().messages.create({ model, max_tokens: 64, messages: [user("say hello")] });
        assert.deepEqual([answer.type, answer.role, textOf(answer)], ["message", "assistant", greeting]);
        assert.equal(answer.stop_reason, "end_turn");
        assert.deepEqual([answer.usage.input_tokens, answer.usage.output_tokens], [9, 12]);
        assert.match(answer._request_id ?? "", /\S/);
      });

      test("messages.stream() gathers text and usage", async () => {
        const stream = client().messages.stream({ model, max_tokens: 64, messages: [user("say hello")] });
        let deltas = "";
        stream.on("text", (delta) => {
          deltas += delta;
        });
        const answer = await stream.finalMessage();
        assert.deepEqual([deltas, textOf(answer), answer.stop_reason], [greeting, greeting, "end_turn"]);
        assert.equal(answer.usage.output_tokens, 12);
      });

      for (const streamed of [false, true]) {
        test(`tools: three turns with parallel calls, ${streamed ? "streamed" : "whole"}`, async () => {
          const messages = [user("weather in Paris and Rome")];
          const asked: string[][] = [];
          for (let turn = 0; turn < 3; turn += 1) {
            const body = { model, max_tokens: 256, messages, tools };
            const answer = streamed
              ? await client().messages.stream(body).finalMessage()
              : await client().messages.create(body);
            if (turn === 2) assert.equal(textOf(answer), toolAnswer);
            messages.push({ role: "assistant", content: answer.content });
            const calls = answer.content.filter((block) => block.type === "tool_use");
            assert.equal(answer.stop_reason, calls.length > 0 ? "tool_use" : "end_turn");
            asked.push(calls.map((call) => `${call.name} ${JSON.stringify(call.input)}`));
            if (calls.length === 0) break;
            messages.push({
              role: "user",
              content: calls.map((call) => ({ type: "tool_result", tool_use_id: call.id, content: "18 degrees" })),
            });
          }
          assert.deepEqual(asked, [
            ['get_weather {"city":"Paris"}', 'get_weather {"city":"Rome"}'],
            ['get_time {"zone":"CET"}'],
            [],
          ]);
          assert.match(lab.lastBody(), /call_paris/);
        });
      }

      test("messages.create() answers in a schema, and the schema reaches the upstream", async () => {
        const schema = {
          type: "object",
          properties: { name: { type: "string" }, minutes: { type: "integer" } },
          required: ["name", "minutes"],
          additionalProperties: false,
        };
        const output_config = { format: { type: "json_schema" as const, schema } };
        const asked = { max_tokens: 256, messages: [user("a recipe")], output_config };
        const answer = await client().messages.create({ model, ...asked });
        assert.deepEqual(JSON.parse(textOf(answer)), recipe);
        const schemed = `ok+schema+${wire}+${major.replace(" ", "-")}`;
        await client().messages.create({ model: `slow-${wire}/${schemed}`, ...asked });
        assert.match(await lab.sent(schemed), /"minutes":\{"type":"integer"\}/);
      });

      test("images reach the upstream in its own form", async () => {
        const pictured = `ok+picture+${wire}+${major.replace(" ", "-")}`;
        const answer = await client().messages.create({
          model: `slow-${wire}/${pictured}`,
          max_tokens: 64,
          messages: [
            {
              role: "user",
              content: [
                { type: "text", text: "what is in the picture" },
                { type: "image", source: { type: "base64", media_type: "image/png", data: pixel } },
              ],
            },
          ],
        });
        assert.equal(textOf(answer), answerText);
        const sent = await lab.sent(pictured);
        const source = `"source":{"type":"base64","media_type":"image/png","data":"${pixel}"}`;
        assert.ok(sent.includes(wire === "anthropic" ? source : `data:image/png;base64,${pixel}`), sent);
      });

      test("an upstream's 400 is a BadRequestError in its own words", async () => {
        const asked = client().messages.create({ model, max_tokens: 9, messages: [user("be wrong")] });
        await assert.rejects(asked, (error: unknown) => {
          assert.ok(error instanceof Sdk.BadRequestError);
          assert.match(error.message, /max_tokens is too large/);
          return true;
        });
      });

      test("an upstream's 429 is a RateLimitError with retry-after", async () => {
        const body = { model, max_tokens: 9, messages: [user("slow down")], stream: true as const };
        await assert.rejects(client().messages.create(body), (error: unknown) => {
          assert.ok(error instanceof Sdk.RateLimitError);
          assert.equal(error.headers?.get("retry-after"), "3");
          assert.match(JSON.stringify(error.error), /"rate_limit_error"/);
          return true;
        });
      });

      test("abort() in the middle of a stream ends it, and the row says 499", async () => {
        const slow = `slow-${wire}/f13-drip+gap=20+${major.replace(" ", "-")}`;
        const stream = await client().messages.create({
          model: slow,
          max_tokens: 64,
          messages: [user("go")],
          stream: true,
        });
        let events = 0;
        for await (const _ of stream) {
          events += 1;
          if (events === 5) stream.controller.abort();
        }
        assert.ok(events >= 5);
        const [row] = await lab.daemon.rows(slow);
        assert.equal(row?.status, 499);
      });

      test("A24 a slow stream with keep-alive comments completes", async () => {
        const slow = `slow-${wire}/slow+words=4+gap=250+delay=150`;
        const stream = client().messages.stream({ model: slow, max_tokens: 64, messages: [user("go")] });
        assert.equal(await stream.finalText(), "w0 w1 w2 w3 ");
      });
    });
  }

  describe(`${major} errors`, () => {
    test("an auth token works like an API key", async () => {
      const bearer = new Sdk({ baseURL: lab.anthropicBase, apiKey: null, authToken: lab.key, maxRetries: 0 });
      const answer = await bearer.messages.create({ model: "echo", max_tokens: 64, messages });
      assert.equal(textOf(answer), "say hello");
    });
    const model = "anthropic/claude-sonnet-4-5";
    const messages = [user("say hello")];
    const create = (apiKey: string | undefined, asked: string) =>
      client(apiKey).messages.create({ model: asked, max_tokens: 100, messages });

    test("an unknown key is an AuthenticationError", async () => {
      await assert.rejects(create("sk-bf-nobody", model), (error: unknown) => {
        assert.ok(error instanceof Sdk.AuthenticationError);
        assert.match(JSON.stringify(error.error), /"type":"authentication_error"/);
        assert.match(error.requestID ?? "", /\S/);
        return true;
      });
    });
    test("an unknown model is a NotFoundError", async () => {
      await assert.rejects(create(undefined, "no-such-model"), Sdk.NotFoundError);
    });
    test("a model that the key may not use is a PermissionDeniedError", async () => {
      const key = await lab.daemon.createKey({ models: ["echo/echo"] });
      await assert.rejects(create(key, model), Sdk.PermissionDeniedError);
    });
    test("messages of the wrong type are a BadRequestError", async () => {
      const body = { model: "openai-chat/gpt-4o", max_tokens: 9, messages: "hello" } as never;
      await assert.rejects(client().messages.create(body), Sdk.BadRequestError);
    });
    test("a spent budget is an APIError with 402, and the SDK does not try again", async () => {
      const key = await lab.daemon.createKey({ budget: "0.000001/1d" });
      const retrying = new Sdk({ baseURL: lab.anthropicBase, apiKey: key, maxRetries: 3 });
      const asked = retrying.messages.create({ model: "echo-paid", max_tokens: 100, messages });
      await assert.rejects(asked, (error: unknown) => {
        assert.ok(error instanceof Sdk.APIError);
        assert.equal(error.status, 402);
        assert.equal(error.headers?.get("x-should-retry"), "false");
        return true;
      });
    });
    test("our own rate limit is a RateLimitError", async () => {
      const key = await lab.daemon.createKey({ rpm: 1 });
      await create(key, "echo");
      await assert.rejects(create(key, "echo"), Sdk.RateLimitError);
    });
  });

  describe(`${major} besides messages`, () => {
    test("countTokens() answers, whoever serves the model", async () => {
      for (const model of ["echo", "openai-chat/gpt-4o"]) {
        const { input_tokens } = await client().messages.countTokens({ model, messages: [user("one two three")] });
        assert.ok(input_tokens > 0, model);
      }
    });
    test("models.list() speaks Anthropic's shape", async () => {
      const ids: string[] = [];
      for await (const model of client().models.list()) {
        assert.equal(model.type, "model");
        ids.push(model.id);
      }
      assert.ok(ids.includes("echo/echo"), ids.slice(0, 10).join());
    });
  });
}
