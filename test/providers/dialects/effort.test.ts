/** Not thinking, for the OpenAI models that know the word for it and for those that do not. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { dialects } from "../../../providers/dialects/index.ts";

test("encode() tells a model not to think where it knows `none`, and reports it where it thinks anyway", () => {
  const asked = dialects.anthropic.parse({
    model: "m",
    max_tokens: 9,
    thinking: { type: "disabled" },
    messages: [{ role: "user", content: "hi" }],
  });
  const chat = (model: string) => {
    const { body, dropped } = dialects["openai-chat"].encode({ ...asked, model });
    return [body["reasoning_effort"], dropped];
  };
  const responses = (model: string) => {
    const { body, dropped } = dialects["openai-responses"].encode({ ...asked, model });
    return [(body["reasoning"] as { effort?: string } | undefined)?.effort, dropped];
  };
  for (const encoded of [chat, responses]) {
    for (const model of ["gpt-5.1", "gpt-5.2-2025-12-11", "openai/gpt-5.1"])
      assert.deepEqual(encoded(model), ["none", []]);
    for (const model of ["gpt-5", "gpt-5-mini", "o3", "gpt-5.1-codex"])
      assert.deepEqual(encoded(model), [undefined, ["thinking"]], model);
    for (const model of ["gpt-4o", "gpt-4.1-mini"]) assert.deepEqual(encoded(model), [undefined, []], model);
  }
});
