import assert from "node:assert/strict";
import { test } from "node:test";
import { boundaryOf, watchForm } from "../../../daemon/http/multipart.ts";

const names = new Set(["model", "stream"]);

function form(parts: readonly (readonly [name: string, value: string, more?: string])[], boundary = "b0"): string {
  const text = parts.map(
    ([name, value, more = ""]) =>
      `--${boundary}\r\nContent-Disposition: form-data; name="${name}"${more}\r\n\r\n${value}\r\n`,
  );
  return `${text.join("")}--${boundary}--\r\n`;
}

/** Pushes in pieces of `size` bytes. */
function watch(text: string, size = text.length, boundary = "b0") {
  const bytes = Buffer.from(text, "latin1");
  const seen = watchForm(boundary, names);
  for (let at = 0; at < bytes.length; at += size) seen.push(bytes.subarray(at, at + size));
  return seen;
}

test("boundaryOf() reads a form's boundary, quoted or not", () => {
  assert.equal(boundaryOf("multipart/form-data; boundary=abc"), "abc");
  assert.equal(boundaryOf('Multipart/Form-Data;charset=utf-8; Boundary="a b:c"'), "a b:c");
  for (const type of [undefined, "application/json", "multipart/form-data", "multipart/mixed; boundary=x"])
    assert.equal(boundaryOf(type), undefined, type);
  assert.equal(boundaryOf(`multipart/form-data; boundary=${"x".repeat(71)}`), undefined);
});

test("watchForm() finds the deciding fields and their place, however the form is cut", () => {
  const file = `\r\n--b\r\n--b1\r\n\r\nname="model"\r\n${"x".repeat(300)}\r\n-`;
  const text = form([
    ["file", file, '; filename="a.mp3"\r\nContent-Type: audio/mpeg'],
    ["stream", "true"],
    ["model", "whisper-1"],
    ["prompt", ""],
  ]);
  for (let size = 1; size <= text.length; size++) {
    const { fields, finished } = watch(text, size);
    assert.ok(finished(), `pieces of ${size}`);
    const found = [...fields.values()].map(({ name, value, start, end }) => [name, value, text.slice(start, end)]);
    assert.deepEqual(found, [
      ["stream", "true", "true"],
      ["model", "whisper-1", "whisper-1"],
    ]);
  }
});

test("watchForm() takes preambles, padding, parts without headers and empty values", () => {
  const text = `a preamble\r\n--b0  \r\n\r\nno headers\r\n--b0\r\nContent-Disposition: form-data; name=model\r\n\r\n\r\n--b0--trailing`;
  for (const size of [1, 7, text.length]) {
    const { fields, finished } = watch(text, size);
    assert.deepEqual([fields.get("model")?.value, finished()], ["", true]);
  }
  assert.equal(watch("--b0\r\n").finished(), false);
});

test("watchForm() refuses what two parsers could read differently", () => {
  const bad: readonly (readonly [text: string, words: RegExp])[] = [
    [
      form([
        ["model", "a"],
        ["model", "b"],
      ]),
      /`model` is given twice/,
    ],
    [form([["model", "m".repeat(600)]]), /`model` is too long/],
    [form([["x", "1", '; name="model"']]), /named twice/],
    [form([["x", "1", "\r\nContent-Disposition: form-data; name=model"]]), /named twice/],
    [form([["x", "1", "; name*=utf-8''model"]]), /read differently/],
    [form([['mo\\"del', "1"]]), /read differently/],
    ["--b0 x\r\n", /does not end its line/],
    [`--b0\r\nx: ${"y".repeat(20_000)}`, /too long/],
    ["z".repeat(20_000), /no part begins/],
    [form(Array.from({ length: 1_100 }, () => ["x", "1"] as const)), /more than 1024 parts/],
  ];
  for (const [text, message] of bad) {
    for (const size of [text.length, 900]) assert.throws(() => watch(text, size), { code: "invalid_request", message });
  }
});

test("A61 watchForm() keeps nothing of a file that goes by", () => {
  const seen = watchForm("b0", names);
  seen.push(Buffer.from('--b0\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n'));
  const before = process.memoryUsage().arrayBuffers;
  for (let index = 0; index < 2_000; index++) seen.push(Buffer.alloc(64 * 1024, 13)); // carriage returns: nearly a boundary each
  assert.ok(process.memoryUsage().arrayBuffers - before < 64 * 1024 * 1024);
  seen.push(Buffer.from('\r\n--b0\r\nContent-Disposition: form-data; name="model"\r\n\r\nm\r\n--b0--'));
  assert.deepEqual([seen.fields.get("model")?.value, seen.finished()], ["m", true]);
});
