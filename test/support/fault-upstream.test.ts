import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { ask, type ClientDialect, open, send } from "./client.ts";
import { behaviourNames } from "./fault-behaviours.ts";
import { type FaultUpstream, startFaultUpstream } from "./fault-upstream.ts";
import { outcome } from "./outcome.ts";
import { pause } from "./until.ts";
import { answerText } from "./wires/wire.ts";

let upstream: FaultUpstream;
before(async () => {
  upstream = await startFaultUpstream();
});
after(() => upstream.stop());

const dialects: readonly ClientDialect[] = ["chat", "messages"];
const usage = { input: 11, output: 7 };

for (const dialect of dialects) {
  for (const stream of [false, true]) {
    test(`ok answers ${dialect} ${stream ? "streamed" : "whole"} with text, usage and an end`, async () => {
      const options = stream && dialect === "chat" ? { stream_options: { include_usage: true } } : {};
      const seen = outcome(dialect, await ask(upstream.origin, { dialect, model: "ok", stream, body: options }));
      assert.deepEqual(seen, {
        status: 200,
        text: answerText,
        finish: dialect === "chat" ? "stop" : "end_turn",
        usage,
        error: undefined,
        terminal: stream,
        afterError: [],
        ended: "complete",
      });
    });
  }

  test(`f10 says the same to ${dialect} in every cut and line ending`, async () => {
    for (const model of ["f10-bytes", "f10-crlf", "f10-cr", "f10-bom", "f10-split+at=77", "f10-comments"]) {
      const seen = outcome(dialect, await ask(upstream.origin, { dialect, model, stream: true }));
      assert.equal(seen.text, answerText, model);
      assert.ok(seen.terminal, model);
    }
  });

  test(`f7 cuts ${dialect} after content`, async () => {
    for (const model of ["f7-close", "f7-reset"]) {
      const seen = outcome(dialect, await ask(upstream.origin, { dialect, model, stream: true }));
      assert.equal(seen.ended, "cut", model);
      assert.ok(answerText.startsWith(seen.text) && seen.text !== "", model);
      assert.equal(seen.finish, undefined, model);
    }
  });
}

test("every behaviour plays to its end or until the client leaves", async () => {
  for (const name of behaviourNames()) {
    const model = name === "f15-big-event" ? `${name}+bytes=2000` : name === "f14-flood" ? `${name}+mb=1` : name;
    for (const stream of [true, false]) {
      const asked = open(upstream.origin, { dialect: "chat", model, stream }).then(
        async (answer) => {
          await Promise.race([answer.answer(), pause(30)]);
          answer.abort();
        },
        () => "no head",
      );
      await Promise.race([asked, pause(50)]);
    }
    assert.ok((await upstream.calls(model)).length >= 2, `${name} was called twice`);
  }
});

test("calls() tell headers in order, exact body bytes and when the client left", async () => {
  const body = JSON.stringify({ model: "f13-drip", stream: true, ünïcode: "\ud83c\udf0d" });
  const answer = await send(upstream.origin, {
    method: "POST",
    path: "/v1/chat/completions?x=1",
    headers: { "X-Second": "2", Authorization: "Bearer canary" },
    body,
  });
  await answer.until("d1 ");
  const leftAt = answer.abort();
  const call = await upstream.call("f13-drip", (one) => one.clientLeftAt !== undefined && one.path.includes("x=1"));
  assert.ok(Math.abs((call.clientLeftAt ?? 0) - leftAt) < 50);
  assert.deepEqual(call.headers.slice(0, 2), [
    ["x-second", "2"],
    ["authorization", "Bearer canary"],
  ]);
  assert.equal((await upstream.body(call.index)).toString(), body);
});

test("script() answers with exactly the bytes given, and step() opens a gate", async () => {
  await upstream.script("bytes", {
    status: 203,
    headers: { "content-type": "text/plain", "content-length": "4" },
    chunks: [{ data: "AAEC" }, { data: "Aw==", delayMs: 5 }],
    encoding: "base64",
  });
  const answer = await ask(upstream.origin, { dialect: "chat", model: "script-bytes" });
  assert.deepEqual([answer.status, [...answer.bytes]], [203, [0, 1, 2, 3]]);

  const held = await open(upstream.origin, { dialect: "messages", model: "f13-hold-end", stream: true });
  await held.until("message_delta");
  assert.ok(!held.received().includes("message_stop"));
  const call = await upstream.call("f13-hold-end", (one) => one.wire === "anthropic" && one.endedAt === undefined);
  await upstream.step(call.index);
  assert.ok(outcome("messages", await held.answer()).terminal);
});

test("closedOrigin refuses the connection", async () => {
  await assert.rejects(ask(upstream.closedOrigin, { dialect: "chat", model: "ok" }), { code: "ECONNREFUSED" });
});
