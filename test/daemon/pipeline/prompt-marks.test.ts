/** What of a prompt makes it cost other than its length says. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { scanRequest } from "../../../daemon/http/scan.ts";
import { readMarks } from "../../../daemon/pipeline/prompt-marks.ts";

function marks(value: unknown) {
  const body = Buffer.from(typeof value === "string" ? value : JSON.stringify(value));
  return readMarks(body, scanRequest(body).sighted);
}

test("readMarks() finds the service tier that is asked for, in each vendor's spelling", () => {
  assert.equal(marks({ messages: [] }).service, undefined);
  assert.equal(marks({ service_tier: "priority" }).service, "priority");
  assert.equal(marks({ serviceTier: "flex" }).service, "flex");
  assert.equal(marks({ serviceTier: { type: "priority" } }).service, "priority");
});

test("readMarks() takes several service tiers, or one that it cannot read, for the dearest", () => {
  assert.equal(marks({ metadata: { service_tier: "flex" }, service_tier: "priority" }).service, "*");
  assert.equal(marks('{"service_tier":"flex","service_tier":"priority"}').service, "*");
  assert.equal(marks({ tools: [{ service_tier: { type: "string" } }], service_tier: "priority" }).service, "*");
  assert.equal(marks({ serviceTier: { other: 1, type: "priority" } }).service, "*");
  assert.equal(marks('{"serviceTier":{"type":"flex","type":"priority"}}').service, "*");
  assert.equal(marks({ service_tier: "flex", metadata: { service_tier: "flex" } }).service, "flex");
  assert.equal(marks({ service_tier: null }).service, undefined);
  assert.equal(
    marks({ messages: [{ content: '{"service_tier":"flex"}' }], service_tier: "priority" }).service,
    "priority",
  );
});

test("readMarks() takes a prompt whose keys are escaped for the dearest of all", () => {
  assert.deepEqual(marks('{"a":{"service\\u005ftier":"priority"}}'), { unbounded: true, dearest: true, service: "*" });
  assert.equal(marks('{"a":{"s\\u0033Location":{"uri":"s3://a/b"}}}').unbounded, true);
  assert.equal(marks('{"a":"1 \\u003c 2 \\u003e \\u0026"}').unbounded, false);
});

test("readMarks() sees what its length does not bound, and what has a dearer rate", () => {
  assert.deepEqual(marks({ content: [{ type: "image_url" }] }), {
    unbounded: true,
    dearest: false,
    service: undefined,
  });
  assert.deepEqual(marks({ content: [{ type: "input_audio" }] }), {
    unbounded: false,
    dearest: true,
    service: undefined,
  });
  const linked = { type: "input_file", file_url: "https://files.example/long.pdf" };
  assert.equal(marks({ input: [{ role: "user", content: [linked] }] }).unbounded, true);
  assert.equal(marks({ conversation: "conv_1", input: "go on" }).unbounded, true);
  assert.equal(marks({ input: [{ type: "item_reference", id: "msg_1" }] }).unbounded, true);
  assert.deepEqual(marks({ container: "c" }), { unbounded: true, dearest: false, service: undefined });
  assert.equal(marks({ contents: [{ parts: [{ fileData: { fileUri: "gs://a/b" } }] }] }).unbounded, true);
  assert.equal(marks({ cachedContent: "cachedContents/1", contents: [] }).unbounded, true);
  assert.equal(marks({ messages: [{ content: [{ text: "a" }, { cachePoint: { type: "default" } }] }] }).dearest, true);
  assert.equal(marks({ contents: [{ parts: [{ inlineData: { mimeType: "audio/wav" } }] }] }).dearest, true);
  const text = { messages: [{ role: "user", content: 'a "type" of cachePoint, \\u0041' }] };
  assert.deepEqual(marks(text), { unbounded: false, dearest: false, service: undefined });
});
