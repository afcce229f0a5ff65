/** Whether a parameter that a target cannot be told is refused or left out: as the request says, else its key, else the provider. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { answers, errorOf, type Lab, startLab, startUpstream, type Upstream } from "./lab.ts";

let upstream: Upstream;
let lab: Lab;
before(async () => {
  const message = { id: "msg_1", type: "message", role: "assistant", content: [{ type: "text", text: "Hi" }] };
  upstream = await startUpstream(
    answers({ ...message, model: "m", stop_reason: "end_turn", usage: { input_tokens: 1, output_tokens: 1 } }),
  );
  const provider = { base_url: `${upstream.origin}/v1`, dialect: "anthropic", api_key: "env.SECRET", free: true };
  lab = await startLab({ providers: { lenient: provider, strict: { ...provider, strict: true } } });
});
after(async () => {
  await lab?.stop();
  await upstream?.stop();
});

const ask = (model: string, key: string, headers: Readonly<Record<string, string>>) =>
  lab.call({
    key,
    headers,
    body: { model, messages: [{ role: "user", content: "Hi" }], max_tokens: 20, logit_bias: { "1": 1 } },
  });

const cases = [
  ["lenient", undefined, {}, 200],
  ["lenient", "strict", {}, 400],
  ["lenient", "drop", {}, 200],
  ["lenient", "strict", { "x-bifrost-unsupported": "drop" }, 200],
  ["lenient", "strict", { "x-bf-compat": '["should_drop_params"]' }, 200],
  ["lenient", "strict", { "x-bf-compat": "convert_text_to_chat" }, 400],
  ["lenient", undefined, { "x-bifrost-unsupported": "strict" }, 400],
  ["strict", undefined, {}, 400],
  ["strict", "drop", {}, 200],
  ["strict", "drop", { "x-bifrost-unsupported": "strict" }, 400],
  ["strict", "drop", { "x-bf-compat": "true", "x-bifrost-unsupported": "strict" }, 400],
  ["lenient", undefined, { "x-bifrost-unsupported": "strict", "x-bf-compat": "true" }, 400],
] as const;
for (const [provider, unsupported, headers, status] of cases) {
  test(`a ${provider} provider, a key that says ${unsupported}, ${JSON.stringify(headers)}: ${status}`, async () => {
    const sent = upstream.seen.length;
    const answer = await ask(`${provider}/m`, lab.createKey(unsupported === undefined ? {} : { unsupported }), headers);
    assert.equal(answer.status, status, answer.text);
    assert.equal(upstream.seen.length - sent, status === 200 ? 1 : 0);
    assert.equal(answer.headers["x-bifrost-dropped-params"], status === 200 ? "logit_bias" : undefined);
    if (status === 200) return;
    assert.deepEqual([errorOf(answer).code, errorOf(answer)["param"]], ["unsupported_parameter", "logit_bias"]);
  });
}

test("what the header may say is said where it says something else", async () => {
  const answer = await ask("lenient/m", lab.createKey(), { "x-bifrost-unsupported": "loud" });
  assert.deepEqual([answer.status, errorOf(answer)["param"]], [400, "x-bifrost-unsupported"]);
});
