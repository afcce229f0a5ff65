import assert from "node:assert/strict";
import { test } from "node:test";
import { redactKinds } from "../../../daemon/config/telemetry-data.ts";
import { assembleAnswer } from "../../../daemon/telemetry/assemble.ts";
import { describeRequest } from "../../../daemon/telemetry/content-metadata.ts";
import { createRedactor, patternRedactors } from "../../../daemon/telemetry/redact.ts";

const cases: readonly (readonly [given: string, masked: string])[] = [
  ["key sk-ant-api03-AbCdEfGhIjKlMnOp and AKIAIOSFODNN7EXAMPLE", "key [secret] and [secret]"],
  ["Bearer eyJhbGciOiJIUzI1.eyJzdWIiOiIxMjM0.SflKxwRJSM", "Bearer [secret]"],
  ["write to Ada.Lovelace+x@mail.example.co.uk now", "write to [email] now"],
  ["4111 1111 1111 1111 and 4111 1111 1111 1112", "[card] and 4111 1111 1111 1112"],
  ["order 123456 4111-1111-1111-1111 77", "order 123456 [card] 77"],
  ["+49 (30) 901820-0 but 2026-11-26", "[phone] but 2026-11-26"],
  ["DE89 3704 0044 0532 0130 00 and DE00 3704 0044 0532 0130 00", "[iban] and DE00 3704 0044 0532 0130 00"],
  ['{"text":"nothing here: 12345, a@b, sk-short"}', '{"text":"nothing here: 12345, a@b, sk-short"}'],
];

test("createRedactor() masks what it knows and nothing that only looks like it", () => {
  const redact = createRedactor(redactKinds);
  assert.deepEqual(
    cases.map(([given]) => redact(given)),
    cases.map(([, masked]) => masked),
  );
  assert.equal(createRedactor([])(cases[0]![0]), cases[0]![0]);
});

test("createRedactor() is linear, and so are patterns of the config", async () => {
  const redact = createRedactor(redactKinds, await patternRedactors(["(a+)+$", "EMP-[0-9]+"]));
  for (const piece of ["a", "a.", "1", "1 ", "sk-", "@", "A1", "+1 "]) {
    const began = process.cpuUsage();
    redact(piece.repeat(20_000));
    const { user } = process.cpuUsage(began);
    assert.ok(user < 3_000_000, `${piece}: ${user} µs`);
  }
  assert.equal(redact("EMP-12 x"), "[redacted] x");
});

test("assembleAnswer() puts a stream together, in every dialect, and keeps no frame it does not know", () => {
  const frames = (...values: object[]) => values.map((value) => `data: ${JSON.stringify(value)}\n\n`).join("");
  const chat = (content: string) => ({ choices: [{ delta: { content } }] });
  assert.deepEqual(JSON.parse(assembleAnswer(`${frames(chat("4111 1111 "), chat("1111 1111"))}data: [DONE]\n\n`)), {
    ...{ frames: 3, text: "4111 1111 1111 1111" },
  });
  const anthropic = [
    { type: "content_block_delta", delta: { type: "text_delta", text: "a" } },
    { type: "content_block_delta", delta: { type: "input_json_delta", partial_json: "{}" } },
    { type: "content_block_delta", delta: { type: "thinking_delta", thinking: "hm" } },
  ];
  assert.deepEqual(JSON.parse(assembleAnswer(`event: x\n${frames(...anthropic)}`)), {
    ...{ frames: 3, text: "a", reasoning: "hm", tool_arguments: "{}" },
  });
  const others = [
    { type: "response.output_text.delta", delta: "b" },
    { candidates: [{ content: { parts: [{ text: "c" }] } }] },
    { type: "content-delta", delta: { message: { content: { text: "d" } } } },
    { anything: { else: "secret" } },
  ];
  assert.deepEqual(JSON.parse(assembleAnswer(frames(...others))), { frames: 4, text: "bcd" });
  assert.equal(assembleAnswer('{"data":1}'), '{"data":1}');
});

test("describeRequest() tells parameters, roles, sizes and tool names, and no word", () => {
  const body = {
    ...{ model: "m", temperature: 0.5, stream: true, user: "ada", instructions: "canary" },
    messages: [
      { role: "system", content: "canary" },
      {
        role: "user",
        content: [
          { type: "text", text: "canary" },
          { type: "image_url", image_url: { url: "canary" } },
        ],
      },
    ],
    tools: [{ type: "function", function: { name: "look_up", description: "canary" } }],
  };
  const text = JSON.stringify(body);
  assert.deepEqual(JSON.parse(describeRequest(text, false)!), {
    request_characters: text.length,
    parameters: { model: "m", temperature: 0.5, stream: true },
    messages: [
      { role: "system", characters: 8 },
      { role: "user", characters: 83, parts: ["text", "image_url"] },
    ],
    tools: ["look_up"],
  });
  assert.equal(describeRequest(null, false), null);
  assert.deepEqual(JSON.parse(describeRequest('{"model":', true)!), { request_characters: 9, truncated: true });
});
