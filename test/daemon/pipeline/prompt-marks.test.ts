/** What of a prompt makes it cost other than its length says. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { readMarks } from "../../../daemon/pipeline/prompt-marks.ts";

const marks = (value: unknown) => readMarks(Buffer.from(typeof value === "string" ? value : JSON.stringify(value)));

test("readMarks() finds the service tier that is asked for, in each vendor's spelling", () => {
  assert.equal(marks({ messages: [] }).service, undefined);
  assert.equal(marks({ service_tier: "priority" }).service, "priority");
  assert.equal(marks({ serviceTier: "flex" }).service, "flex");
  assert.equal(marks({ serviceTier: { type: "priority" } }).service, "priority");
});

test("readMarks() takes a prompt whose keys are escaped for the dearest of all", () => {
  assert.deepEqual(marks('{"service\\u005ftier":"priority"}'), { unbounded: true, dearest: true, service: "*" });
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
  assert.deepEqual(marks({ container: "c" }), { unbounded: true, dearest: false, service: undefined });
});
