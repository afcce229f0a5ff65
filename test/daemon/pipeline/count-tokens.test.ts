/** A count of tokens: asked of a provider that counts, made here for one that does not, and free. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { answers, type Lab, startLab, startUpstream, type Upstream } from "./lab.ts";

let upstream: Upstream;
let lab: Lab;
let key: string;
before(async () => {
  upstream = await startUpstream();
  const provider = { base_url: `${upstream.origin}/v1`, api_key: "env.SECRET" };
  lab = await startLab({
    providers: { chat: { ...provider, dialect: "openai-chat" }, claude: { ...provider, dialect: "anthropic" } },
    prices: { "chat/*": { input: 1, output: 5 }, "claude/*": { input: 1, output: 5 } },
  });
  key = lab.createKey({ budgetNano: 1_000_000_000 });
});
after(async () => {
  await lab?.stop();
  await upstream?.stop();
});

const count = (body: object, secret = key) => {
  const messages = [{ role: "user", content: "Hi" }];
  return lab.call({ key: secret, path: "/v1/messages/count_tokens", body: { messages, ...body } });
};
const lastRow = async () => (await lab.rows()).at(-1)!;

test("counts tokens itself where the upstream cannot, for the models of the key only", async () => {
  const narrow = lab.createKey({ models: ["claude/*"] });
  assert.equal((await count({ model: "chat/m" }, narrow)).status, 403);
  const answer = await count({ model: "chat/m" });
  assert.ok((JSON.parse(answer.text) as { input_tokens: number }).input_tokens > 0);
  assert.deepEqual([answer.status, answer.headers["x-bifrost-estimated"]], [200, "true"]);
  assert.deepEqual([(await lastRow())["cost_nano"], upstream.seen.length], [0, 0]);
  upstream.answer = answers({ input_tokens: 12 });
  assert.deepEqual(JSON.parse((await count({ model: "claude/m" })).text), { input_tokens: 12 });
  const row = await lastRow();
  assert.deepEqual([row["cost_nano"], row["tokens_in"]], [0, 12]);
});

test("counts tokens itself on a fallback after the provider failed, with one trail", async () => {
  upstream.answer = answers({ error: { message: "told" } }, 500);
  const answer = await count({ model: "claude/m", fallbacks: ["chat/m"] });
  assert.equal(answer.status, 200, answer.text);
  const row = await lastRow();
  const kept = JSON.parse(String(row["attempts"])) as Attempts | { readonly attempts: Attempts };
  const attempts = "attempts" in kept ? kept.attempts : kept;
  assert.deepEqual(
    attempts.map(({ target, error }) => [target, error]),
    [
      ["claude/m", "upstream_error"],
      ["chat/m", undefined],
    ],
  );
});

type Attempts = readonly { readonly target: string; readonly error?: string }[];
