/** What an answer says and its client cannot be told is in the head of a whole answer, and in the row of every request. */
import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { runCommand, startDaemon } from "../support/daemon.ts";

const usage = { prompt_tokens: 9, completion_tokens: 5, total_tokens: 14 };
const logprobs = { content: [{ token: "Hi.", logprob: -0.1, bytes: [72], top_logprobs: [] }], refusal: null };
const chunk = (choice: object): string =>
  `data: ${JSON.stringify({ id: "c1", object: "chat.completion.chunk", model: "m", choices: [{ index: 0, ...choice }] })}\n\n`;

test("untold is in the head of a whole answer and in every row, and nowhere where bytes are relayed", async (t) => {
  const upstream = createServer((request, response) => {
    let asked = "";
    request.on("data", (part) => (asked += part));
    request.on("end", () => {
      if (!JSON.parse(asked).stream) {
        response.setHeader("content-type", "application/json");
        const choices = [
          { index: 0, message: { role: "assistant", content: "Hi." }, logprobs, finish_reason: "stop" },
          { index: 1, message: { role: "assistant", content: "Ho." }, finish_reason: "stop" },
        ];
        response.end(JSON.stringify({ id: "c1", object: "chat.completion", model: "m", choices, usage }));
        return;
      }
      response.setHeader("content-type", "text/event-stream");
      response.write(chunk({ delta: { role: "assistant", content: "Hi." }, logprobs }));
      response.write(chunk({ delta: {}, finish_reason: "stop" }));
      response.end(`data: ${JSON.stringify({ id: "c1", choices: [], usage })}\n\ndata: [DONE]\n\n`);
    });
  });
  await new Promise<void>((done) => upstream.listen(0, "127.0.0.1", done));
  t.after(() => upstream.close());
  const base = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}/v1`;
  const daemon = await startDaemon({
    config: { providers: { far: { base_url: base, dialect: "openai-chat", free: true, models: ["m"] } } },
  });
  t.after(() => daemon.stop());
  const key = await daemon.createKey({ name: "ci" });
  const headers = { authorization: `Bearer ${key}`, "content-type": "application/json" };
  const left = { top_k: 4, messages: [{ role: "user", content: "q" }], model: "far/m", max_tokens: 9 };
  for (const stream of [false, true]) {
    const body = JSON.stringify({ ...left, stream });
    const answer = await fetch(`${daemon.url}/v1/messages`, { method: "POST", headers, body });
    await answer.text();
    assert.equal(answer.headers.get("x-bifrost-dropped-params"), "top_k");
    const id = answer.headers.get("x-request-id")!;
    assert.deepEqual((await daemon.explained(id)).request.dropped_params, ["top_k"]);
    const told = await runCommand(["explain", id, "--home", daemon.home]);
    assert.match(told.stdout, /not asked +top_k/);
  }
  const heads: (string | null)[] = [];
  for (const path of ["/v1/chat/completions", "/v1/messages"]) {
    for (const stream of [false, true]) {
      const asked = { model: "far/m", messages: [{ role: "user", content: "q" }], stream, max_tokens: 100 };
      const answer = await fetch(daemon.url + path, { method: "POST", headers, body: JSON.stringify(asked) });
      assert.equal(answer.status, 200, await answer.text());
      heads.push(answer.headers.get("x-bifrost-untold"));
    }
  }
  assert.deepEqual(heads, [null, null, "logprobs,choices", null]);
  const [whole] = (await daemon.rows("far/m", 6)).filter(({ untold }) => untold.length === 2);
  const told = await runCommand(["explain", whole!.id, "--home", daemon.home]);
  assert.match(told.stdout, /not told +logprobs, choices/);
  assert.doesNotMatch(told.stdout, /not asked/);
  const rows = await daemon.rows("far/m", 6);
  assert.deepEqual(
    rows.map(({ route, stream, untold }) => [route, stream, untold]).toSorted(),
    [
      ["messages", false, ["logprobs", "choices"]],
      ["messages", true, ["logprobs"]],
      ["chat.completions", false, []],
      ["chat.completions", true, []],
      ["messages", false, ["logprobs", "choices"]],
      ["messages", true, ["logprobs"]],
    ].toSorted(),
  );
});
