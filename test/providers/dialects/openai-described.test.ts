/** Whatever an answer may tell, whole and event by event, is as OpenAI's own description of its API has it. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { openaiChat } from "../../../providers/dialects/openai-chat.ts";
import { openaiResponses } from "../../../providers/dialects/openai-responses.ts";
import { eventProblems, noSpec, problems } from "../../support/openai-spec.ts";
import { answerFeatures } from "./answer-features.ts";
import { frames } from "./replay.ts";

const context = { id: "id_1", model: "m", created: 1, includeUsage: true };

describe("what is rendered", { skip: noSpec }, () => {
  for (const [name, { events }] of Object.entries(answerFeatures)) {
    test(`${name}, as chat completions`, () => {
      const whole = openaiChat.render(events, context);
      assert.deepEqual(problems("CreateChatCompletionResponse", whole), [], JSON.stringify(whole));
      const renderer = openaiChat.renderStream(context);
      const told = frames(events.map(renderer.push).join("") + renderer.end());
      for (const { data } of told.filter(({ data }) => data !== "[DONE]"))
        assert.deepEqual(problems("CreateChatCompletionStreamResponse", JSON.parse(data)), [], data);
    });

    test(`${name}, as responses`, () => {
      const whole = openaiResponses.render(events, context);
      assert.deepEqual(problems("Response", whole), [], JSON.stringify(whole));
      const renderer = openaiResponses.renderStream(context);
      const told = frames(events.map(renderer.push).join("") + renderer.end());
      assert.ok(told.length > 2);
      for (const { data } of told) assert.deepEqual(eventProblems(JSON.parse(data)), [], data);
    });
  }
});
