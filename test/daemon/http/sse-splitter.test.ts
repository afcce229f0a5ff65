import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isComment, readFrame, SseSplitter } from "../../../daemon/http/sse-splitter.ts";

const frameBytesMax = 8 * 1024 * 1024;
const fuzzMs = Number(process.env["BIFROST_FUZZ_MS"] ?? 5_000);

/** The frames of a stream that arrives in these chunks, and what is left of it. */
function split(chunks: readonly Buffer[], limit = frameBytesMax): { frames: Buffer[]; rest: Buffer | undefined } {
  const splitter = new SseSplitter(limit);
  const frames: Buffer[] = [];
  for (const chunk of chunks) splitter.push(chunk, (frame) => frames.push(frame));
  return { frames, rest: splitter.rest() };
}

const texts = (text: string) => split([Buffer.from(text)]).frames.map(String);

function chop(bytes: Buffer, size: number): Buffer[] {
  return Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) => bytes.subarray(i * size, (i + 1) * size));
}

type Message = { readonly event: string; readonly data: string };

/** What the standard's line-by-line algorithm reads from a whole stream; slow and plain. */
function reference(text: string): Message[] {
  const messages: Message[] = [];
  let event = "";
  let data: string[] = [];
  const lines = text.replace(/^\ufeff/, "").split(/\r\n|\n|\r/);
  for (const line of lines.slice(0, -1)) {
    if (line === "") {
      if (data.length > 0 && data.join("\n") !== "") messages.push({ event, data: data.join("\n") });
      event = "";
      data = [];
      continue;
    }
    const at = line.indexOf(":");
    const field = at < 0 ? line : line.slice(0, at);
    const value = at < 0 ? "" : line.slice(at + 1).replace(/^ /, "");
    if (field === "data") data.push(value);
    if (field === "event") event = value;
  }
  return messages.filter((message) => !message.data.startsWith(":"));
}

function messagesOf(frames: readonly Buffer[]): Message[] {
  return frames
    .filter((frame) => !isComment(frame))
    .map((frame) => readFrame(frame.toString("utf8")))
    .filter(({ data }) => data !== "");
}

test("SseSplitter.push() passes a chunk that is one frame on as it came", () => {
  const chunk = Buffer.from('data: {"x":1}\n\n');
  assert.equal(split([chunk]).frames[0], chunk);
});

test("SseSplitter.push() ends a frame after its blank lines, whatever ends the lines", () => {
  assert.deepEqual(texts("a: 1\n\nb: 2\nc\n\n\n\n:\n\nd"), ["a: 1\n\n", "b: 2\nc\n\n\n\n", ":\n\n"]);
  assert.deepEqual(texts("a\r\n\r\nb\r\rc\n\r\nd\r\n\n"), ["a\r\n\r\n", "b\r\r", "c\n\r\n", "d\r\n\n"]);
  assert.deepEqual(texts("\n\na\n\n"), ["\n\n", "a\n\n"]);
  assert.deepEqual(texts("\ufeffdata: x\n\n"), ["\ufeff", "data: x\n\n"]);
  assert.deepEqual(split([Buffer.from("a\n\nb\n")]).rest, Buffer.from("b\n"));
  assert.equal(split([Buffer.from("a\n\n")]).rest, undefined);
  assert.deepEqual(split([Buffer.of(0xef)]).rest, Buffer.of(0xef));
});

test("SseSplitter.push() does not wait for a byte that is not on its way", () => {
  for (const text of ["a\n\n", "a\r\r", "a\r\n\r\n", "a\r\n\n"]) {
    assert.deepEqual(split(chop(Buffer.from(text), 1)).frames.map(String), [text]);
  }
  // CR LF CR: the LF will come, and belongs to this frame.
  assert.deepEqual(split([Buffer.from("a\r\n\r")]).frames, []);
  assert.deepEqual(split([Buffer.from("a\r\n\r"), Buffer.from("\nb")]).frames.map(String), ["a\r\n\r\n"]);
});

test("SseSplitter.push() refuses an event over its bound, however it is cut", () => {
  const bytes = Buffer.from(`data: ${"x".repeat(100)}\n\n`);
  for (const size of [1, 7, 1000]) {
    assert.equal(split(chop(bytes, size), bytes.length).frames.length, 1);
    assert.throws(() => split(chop(bytes, size), bytes.length - 1), { code: "upstream_protocol" });
  }
});

test("A23 SseSplitter.push() carries a 4 MB event in small chunks", () => {
  const bytes = Buffer.from(`event: big\ndata: ${"é☃".repeat(800_000)}\n\n`);
  for (const size of [1, 1400, 65_536]) {
    const { frames } = split(chop(bytes, size));
    assert.equal(frames.length, 1);
    assert.ok(frames[0]?.equals(bytes));
  }
});

test("A23 readFrame() joins data lines and leaves out what is not data", () => {
  const cases: readonly (readonly [frame: string, event: string, data: string])[] = [
    ["data: x\n\n", "", "x"],
    ["data:x\r\n\r\n", "", "x"],
    ["data:  x \n\n", "", " x "],
    ["event: ping\ndata: {}\n\n", "ping", "{}"],
    ["id: 7\nevent:a\nevent: b\nretry: 3\ndata: 1\n: note\ndata: 2\ndata\ndata:\n\n", "b", "1\n2\n\n"],
    ["data: : keepalive\n\n", "", ""],
    ["data:\n\n", "", ""],
    [": comment\n\n", "", ""],
    ["data: a\rdata: b\r\r", "", "a\nb"],
    ["database: no\ndatax\n\n", "", ""],
    ["data: [DONE]", "", "[DONE]"],
    ["event\ndata: x\n\n", "", "x"],
  ];
  for (const [frame, event, data] of cases) assert.deepEqual(readFrame(frame), { event, data }, JSON.stringify(frame));
});

test("isComment() is true for frames without a field", () => {
  for (const text of [":\n\n", ": a\r\n: b: c\r\n\r\n", "\n", "\r\n", "\ufeff"])
    assert.ok(isComment(Buffer.from(text)), text);
  for (const text of ["data: x\n\n", ": a\nevent: b\n\n", " : x\n\n", "x\n\n"])
    assert.ok(!isComment(Buffer.from(text)), text);
});

test("A23 SseSplitter finds the same events wherever the stream is cut", () => {
  const ending = fc.constantFrom("\n", "\r\n", "\r");
  const value = fc.oneof(
    fc.constantFrom("", " ", ": keep-alive", "[DONE]", '{"a":"\\n"}', "é☃😀", "data: x", "\ufeff"),
    fc.string({ unit: fc.constantFrom(...'ab: é😀{}"\\'), maxLength: 12 }),
  );
  const line = fc
    .tuple(
      fc.constantFrom("data:", "data: ", "data", "event: ", "event:", ":", ": ", "id: ", "retry:", "x: ", "dat"),
      value,
    )
    .map(([field, text]) => (field === "data" ? field : field + text));
  // One ending for a stream is the rule; mixed ones exist.
  const stream = fc
    .tuple(
      fc.constantFrom("", "\ufeff"),
      fc.oneof(fc.constant(undefined), ending),
      fc.array(fc.array(line, { maxLength: 4 }), { maxLength: 6 }),
      fc.infiniteStream(ending),
    )
    .map(([bom, fixed, events, endings]) => {
      const end = () => fixed ?? endings.next().value;
      return bom + events.map((lines) => lines.map((text) => text + end()).join("") + end()).join("");
    });
  const cuts = fc.array(fc.nat(400), { maxLength: 6 });
  const property = fc.property(stream, cuts, fc.nat(40), (text, at, tail) => {
    const bytes = Buffer.concat([Buffer.from(text), Buffer.from("data: unfinished").subarray(0, tail)]);
    const places = [0, ...at.filter((place) => place < bytes.length).sort((a, b) => a - b), bytes.length];
    const chunks = places.slice(1).map((end, i) => bytes.subarray(places[i], end));
    const expected = reference(text);
    for (const run of [chunks, chop(bytes, 1), [bytes]]) {
      const { frames, rest } = split(run);
      const joined = Buffer.concat([...frames, rest ?? Buffer.alloc(0)]);
      assert.ok(joined.equals(bytes), "no byte added, lost or moved");
      // The LF that would complete CR LF may never come: then the last frame is what is left.
      const last = rest !== undefined && /\r\n\r$/.test(rest.toString("latin1")) ? [rest] : [];
      assert.deepEqual(messagesOf([...frames, ...last]), expected);
    }
  });
  fc.assert(property, { numRuns: 1_000_000, interruptAfterTimeLimit: fuzzMs, markInterruptAsFailure: false });
});

test("A23 SseSplitter finds the same events in every cut of one stream in two", () => {
  const bytes = Buffer.from('\ufeffevent: a\r\ndata: {"é":"😀"}\r\n\r\n: note\n\ndata: 1\ndata: 2\n\n\rdata: 3\r\r');
  const expected = reference(bytes.toString("utf8"));
  assert.equal(expected.length, 3);
  for (let at = 0; at <= bytes.length; at++) {
    assert.deepEqual(messagesOf(split([bytes.subarray(0, at), bytes.subarray(at)]).frames), expected, `cut at ${at}`);
  }
});

test("readFrame() reads the usual frame as it reads every other", () => {
  for (const [text, event, data] of [
    ["data: x\n\n", "", "x"],
    ["event: a\ndata: x\n\n", "a", "x"],
    ["event: a\ndata: x\nid: 1\n\n", "a", "x"],
    ["event: a\nid: 1\ndata: x\n\n", "a", "x"],
    ["data: x\nevent: a\n\n", "a", "x"],
    ["data: x\ny", "", "x"],
    ["data: x\n", "", "x"],
    ["data: x", "", "x"],
    ["data: x\ndata: y\n\n", "", "x\ny"],
    ["data: x\r\n\r\n", "", "x"],
    ["data: x\rdata: y\n\n", "", "x\ny"],
    ["event: a\rdata: x\n\n", "a", "x"],
    ["data: : ping\n\n", "", ""],
    ["data: \n\n", "", ""],
    ["event: a\n\n", "a", ""],
    ["event: a", "a", ""],
    ["data:x\n\n", "", "x"],
    ["data: x\n\n\n", "", "x"],
    [": ping\n\n", "", ""],
  ] as const) {
    assert.deepEqual(readFrame(text), { event, data }, JSON.stringify(text));
  }
});
