/** A file of requests, summed up as it goes by, wherever it is cut. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { lineReaders } from "../../../daemon/pipeline/batch-calls.ts";
import { lineBytesMax, watchBatch } from "../../../daemon/pipeline/batch-lines.ts";

const line = (body: object, url = "/v1/chat/completions") => JSON.stringify({ custom_id: "a", url, body });
function watched(chunks: readonly Buffer[], dialect = "openai-chat") {
  let held = 0;
  let most = 0;
  const hold = (bytes: number) => {
    held += bytes;
    most = Math.max(most, held);
    return held <= 5 * 1024 * 1024;
  };
  const lines = watchBatch(lineReaders[dialect]!, () => 10, hold);
  for (const chunk of chunks) lines.push(chunk);
  lines.end();
  return { file: lines.found(), held, most, fault: lines.fault() };
}
const text = [
  line({ model: "a", max_tokens: 5, messages: [{ content: "ä\\u2028\n" }] }),
  line({
    model: "b",
    max_tokens: 5,
    max_completion_tokens: 30,
    n: 2,
    messages: [{ content: [{ type: "image_url" }] }],
  }),
  line({ model: "a", input: "x", max_output_tokens: 7, x: { cache_control: { type: "ephemeral" } } }, "/v1/responses"),
  line({ model: "a", prompt: ["one", "two"] }, "/v1/completions"),
].join("\n");

test("watchBatch() adds up to the same wherever the file is cut, and gives back what it kept", () => {
  const bytes = Buffer.from(text);
  const sizes = text.split("\n").map((each) => Buffer.byteLength(each));
  const whole = watched([bytes]).file;
  assert.deepEqual(whole, {
    generates: true,
    sums: [
      {
        ...{
          model: "a",
          requests: 3,
          bytes: sizes[0]! + sizes[2]! + sizes[3]!,
          bytesMax: Math.max(...sizes.filter((_, at) => at !== 1)),
        },
        ...{ loose: 0, dearest: true, capped: 12, open: 2, usual: 5 + 7 + 20 },
      },
      {
        ...{ model: "b", requests: 1, bytes: sizes[1]!, bytesMax: sizes[1]! },
        ...{ loose: 1, dearest: false, capped: 60, open: 0, usual: 20 },
      },
    ],
  });
  for (let cut = 1; cut < bytes.length; cut++) {
    const { file, held } = watched([bytes.subarray(0, cut), bytes.subarray(cut)]);
    assert.deepEqual([file, held], [whole, 0], `cut at ${cut}`);
  }
});

test("watchBatch() keeps one line at most, and does not read a file with a longer one", () => {
  const chunk = Buffer.alloc(64 * 1024, 0x20);
  const { file, held, most } = watched(Array.from({ length: 200 }, () => chunk));
  assert.deepEqual([file, held], [undefined, 0]);
  assert.ok(most <= lineBytesMax + chunk.length, `${most}`);
});

test("watchBatch() counts what is no request as not read, and tells of what can be read in two ways", () => {
  const good = line({ model: "a" });
  for (const bad of ["[]", "{}", `${good}x`, '{"body":[]}', '{"body":{"model":""}}', "\xff"])
    assert.deepEqual(watched([Buffer.from(`${good}\n${bad}\n`, "latin1")]).file, undefined, bad);
  const twice = watched([Buffer.from(`${good}\n${good.replace('{"model"', '{"model":"b","model"')}`)]);
  assert.match(twice.fault?.message ?? "", /line 2: body.model` is given twice/);
  assert.equal(watched([Buffer.from(good)]).fault, undefined);
  const names = Array.from({ length: 65 }, (_, at) => line({ model: `m${at}` })).join("\n");
  assert.match(watched([Buffer.from(names)]).fault?.message ?? "", /64 models/);
});

test("watchBatch() reads Google's lines, whose model the path names", () => {
  const google = JSON.stringify({ key: "a", request: { generationConfig: { maxOutputTokens: 9, candidateCount: 3 } } });
  const { file } = watched([Buffer.from(`${google}\n`)], "gemini");
  assert.deepEqual(file?.sums[0], {
    ...{ model: "", requests: 1, bytes: google.length, bytesMax: google.length },
    ...{ loose: 0, dearest: false, capped: 27, open: 0, usual: 27 },
  });
});
