/** Why an answer ended and which tools it calls is in its row, whichever way the answer went through the gateway. */
import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import type { FacetsAnswer, HistogramAnswer } from "../../daemon/admin/contract/log-statistics.ts";
import { startDaemon } from "../support/daemon.ts";

const call = { id: "call_1", type: "function", function: { name: "get_weather", arguments: '{"city":"Kyiv"}' } };
const usage = { prompt_tokens: 9, completion_tokens: 5, total_tokens: 14 };
const chunk = (delta: object, reason: string | null) =>
  `data: ${JSON.stringify({ id: "c1", object: "chat.completion.chunk", model: "m", choices: [{ index: 0, delta, finish_reason: reason }] })}\n\n`;

test("a row tells why its answer ended and which tools it calls, relayed and translated, streamed and whole", async (t) => {
  const upstream = createServer((request, response) => {
    let asked = "";
    request.on("data", (part) => (asked += part));
    request.on("end", () => {
      if (!JSON.parse(asked).stream) {
        response.setHeader("content-type", "application/json");
        const message = { role: "assistant", content: null, tool_calls: [call] };
        const choices = [{ index: 0, message, finish_reason: "tool_calls" }];
        response.end(JSON.stringify({ id: "c1", object: "chat.completion", model: "m", choices, usage }));
        return;
      }
      response.setHeader("content-type", "text/event-stream");
      response.write(chunk({ role: "assistant", content: "Let me see." }, null));
      response.write(chunk({ tool_calls: [{ index: 0, ...call }] }, null));
      response.write(chunk({}, "tool_calls"));
      response.end(`data: ${JSON.stringify({ id: "c1", choices: [], usage })}\n\ndata: [DONE]\n\n`);
    });
  });
  await new Promise<void>((done) => upstream.listen(0, "127.0.0.1", done));
  t.after(() => upstream.close());
  const daemon = await startDaemon({
    config: {
      providers: {
        far: {
          base_url: `http://127.0.0.1:${(upstream.address() as AddressInfo).port}/v1`,
          ...{ dialect: "openai-chat", free: true, models: ["m"] },
        },
      },
    },
  });
  t.after(() => daemon.stop());
  const key = await daemon.createKey({ name: "ci" });
  const headers = { authorization: `Bearer ${key}`, "content-type": "application/json" };
  const messages = [{ role: "user", content: "What is the weather?" }];
  for (const stream of [false, true]) {
    for (const [path, more] of [
      ["/v1/chat/completions", {}],
      ["/v1/messages", { max_tokens: 100 }],
    ] as const) {
      const body = JSON.stringify({ model: "far/m", messages, stream, ...more });
      const answer = await fetch(daemon.url + path, { method: "POST", headers, body });
      assert.equal(answer.status, 200, await answer.text());
    }
  }
  const rows = await daemon.rows("far/m", 4);
  assert.deepEqual(
    rows.map(({ stop, tools }) => [stop, tools]),
    Array.from({ length: 4 }, () => ["tool_calls", ["get_weather"]]),
  );
  const { rows: found } = await daemon.admin<{ rows: object[] }>("GET", "/api/logs?tool=get_weather&tool=none");
  assert.equal(found.length, 4);
  const { series } = await daemon.admin<HistogramAnswer>("GET", "/api/logs/histogram?by=tool&grain=hour");
  assert.deepEqual(
    series.map(({ value, total }) => [value, total.requests]),
    [["get_weather", 4]],
  );
  const { facets } = await daemon.admin<FacetsAnswer>("GET", "/api/logs/facets?dimension=tool");
  assert.equal(facets.tool?.[0]?.value, "get_weather");
});
