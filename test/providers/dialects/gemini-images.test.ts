/** Pictures asked for in OpenAI's words and made in Google's. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { gemini } from "../../../providers/dialects/gemini.ts";
import { openaiChat } from "../../../providers/dialects/openai-chat.ts";

const [ours, theirs] = [openaiChat.images!, gemini.images!];
const asked = (more: object = {}) => ours.parse({ model: "m", prompt: "a cat", ...more });
const context = { id: "i", model: "m", created: 7 };

for (const [size, imagen, answered] of [
  ["1024x1024", "1:1", "1:1"],
  ["1536x1024", undefined, "3:2"],
  ["1024x1792", "9:16", "9:16"],
  ["2016x864", undefined, undefined],
  ["0x0", undefined, undefined],
  ["wide", undefined, undefined],
  ["auto", undefined, undefined],
] as const) {
  test(`images of gemini take ${size} for a shape, or say that they cannot`, () => {
    const predicted = theirs.encode(asked({ size }));
    assert.deepEqual(predicted.body["parameters"], { sampleCount: 1, ...(imagen && { aspectRatio: imagen }) });
    assert.deepEqual(predicted.dropped, imagen === undefined && size !== "auto" ? ["size"] : []);
    const told = theirs.encode(asked({ size }), { predict: true }).body["generationConfig"];
    const config = answered && { imageConfig: { aspectRatio: answered } };
    assert.deepEqual(told, { responseModalities: ["IMAGE"], ...config });
  });
}

test("images of openai-chat are asked for by number, and tell what nobody else has", () => {
  const { body, dropped } = theirs.encode(asked({ n: 3, response_format: "url", style: "vivid", user: "u" }));
  assert.deepEqual([body["parameters"], dropped], [{ sampleCount: 3 }, ["style", "response_format"]]);
  assert.deepEqual(theirs.encode(asked({ response_format: "b64_json" })).dropped, []);
  for (const [bad, param] of [
    [{ prompt: 5 }, "prompt"],
    [{ n: 0 }, "n"],
    [{ size: 5 }, "size"],
    [{ stream: true }, "stream"],
  ] as const)
    assert.throws(() => asked(bad), new RegExp(`: ${param}: `));
});

test("images of gemini are as many as were made, with the prompt they were made by", () => {
  const answer = theirs.decode({
    predictions: [{ bytesBase64Encoded: "QQ==", prompt: "a grey cat" }, { raiFilteredReason: "unsafe" }],
  });
  assert.deepEqual(ours.render(answer, context), {
    created: 7,
    data: [{ b64_json: "QQ==", revised_prompt: "a grey cat" }],
  });
  assert.deepEqual(answer.usage, { images: 1 });
});

for (const [what, body, code] of [
  ["all of them were filtered", { predictions: [{ raiFilteredReason: "unsafe" }] }, "content_policy_violation"],
  ["nothing is left", {}, "content_policy_violation"],
  ["it is no answer", [], "upstream_protocol"],
  ["the prompt was blocked", { promptFeedback: { blockReason: "SAFETY" } }, "content_policy_violation"],
  ["it was stopped", { candidates: [{ finishReason: "IMAGE_SAFETY" }] }, "content_policy_violation"],
  [
    "it wrote instead",
    { candidates: [{ finishReason: "STOP", content: { parts: [{ text: "no" }] } }] },
    "upstream_protocol",
  ],
] as const) {
  test(`images of gemini fail where ${what}`, () => assert.throws(() => theirs.decode(body), { code }));
}
