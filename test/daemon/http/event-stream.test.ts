import assert from "node:assert/strict";
import { test } from "node:test";
import { EventStreamCodec } from "@smithy/eventstream-codec";
import fc from "fast-check";
import {
  EventStreamSplitter,
  eventChunks,
  eventStream,
  readFrame,
  writeFrame,
} from "../../../daemon/http/event-stream.ts";

const codec = new EventStreamCodec(
  (bytes) => Buffer.from(bytes as Uint8Array).toString("utf8"),
  (text) => Buffer.from(text),
);

/** A stream as the vendor's own codec writes it. */
function vendor(type: "event" | "exception", name: string, body: string): Buffer {
  const headers = {
    [`:${type}-type`]: { type: "string", value: name },
    ":content-type": { type: "string", value: "application/json" },
    ":message-type": { type: "string", value: type },
    extra: { type: "integer", value: 7 },
    flag: { type: "boolean", value: true },
    blob: { type: "binary", value: Buffer.from([1, 2]) },
  } as const;
  return Buffer.from(codec.encode({ headers, body: Buffer.from(body) }));
}

function split(stream: Buffer, size: number, frameBytesMax = 1 << 20): string[] {
  const found: string[] = [];
  const splitter = new EventStreamSplitter(frameBytesMax);
  for (let at = 0; at < stream.length; at += size) {
    splitter.push(stream.subarray(at, at + size), (frame) => {
      const { event, data } = eventStream.read(frame);
      found.push(`${event} ${data}`);
    });
  }
  return found;
}

const bodies = ['{"a":"é😀"}', "{}", `{"long":"${"x".repeat(5_000)}"}`, ""];
const stream = Buffer.concat(bodies.map((body, index) => vendor("event", `event${index}`, body)));
const expected = bodies.map((body, index) => `event${index} ${body}`);

test("A23 push() finds the vendor's frames, cut at every byte and in pieces of every size", () => {
  for (let cut = 0; cut <= stream.length; cut++) {
    const found: string[] = [];
    const splitter = new EventStreamSplitter(1 << 20);
    for (const piece of [stream.subarray(0, cut), stream.subarray(cut)]) {
      splitter.push(piece, (frame) => found.push(`${eventStream.read(frame).event} ${eventStream.read(frame).data}`));
    }
    assert.deepEqual(found, expected, `cut at ${cut}`);
  }
  for (const size of [1, 2, 3, 7, 11, 12, 13, 64, 1000, stream.length]) assert.deepEqual(split(stream, size), expected);
});

test("push() refuses a damaged byte wherever it is", () => {
  const frame = vendor("event", "e", '{"a":1}');
  for (let at = 0; at < frame.length; at++) {
    const bad = Buffer.from(frame);
    bad[at]! ^= 0x01;
    // A longer length would wait for the rest of a frame: that is what the head's own checksum is for.
    assert.throws(() => split(bad, bad.length), { code: "upstream_protocol" }, `byte ${at}`);
  }
});

test("push() refuses a frame over the bound before it has come, and one that lies about its head", () => {
  assert.throws(() => split(stream.subarray(0, 300), 12, 200), { code: "upstream_protocol" });
  const head = Buffer.alloc(12);
  head.writeUInt32BE(0xffffffff, 0);
  assert.throws(() => split(head, 1), { code: "upstream_protocol" });
});

test("readFrame() refuses headers that run over their end", () => {
  const frame = writeFrame({ a: "b" }, Buffer.from("{}"));
  frame[12] = 200;
  assert.throws(() => readFrame(frame), { code: "upstream_protocol" });
});

test("writeFrame() is read by the vendor's codec, and reads it", () => {
  const bytes = Buffer.from(eventStream.write('event: contentBlockDelta\ndata: {"x":"é"}\n\n'), "latin1");
  const { headers, body } = codec.decode(bytes);
  assert.deepEqual(Object.fromEntries(Object.entries(headers).map(([name, { value }]) => [name, value])), {
    ":event-type": "contentBlockDelta",
    ":content-type": "application/json",
    ":message-type": "event",
  });
  assert.equal(Buffer.from(body).toString("utf8"), '{"x":"é"}');
  const failed = Buffer.from(eventStream.write('event: throttlingException\ndata: {"message":"m"}\n\n'), "latin1");
  assert.equal(codec.decode(failed).headers[":exception-type"]?.value, "throttlingException");
  assert.equal(codec.decode(failed).headers[":message-type"]?.value, "exception");
});

test("eventStream.write() keeps several events apart, and asEvents() undoes it", () => {
  const rendered = 'event: a\ndata: {"x":1}\n\nevent: b\ndata: {"y":"\\n"}\n\n';
  const frames: Buffer[] = [];
  new EventStreamSplitter(1 << 20).push(Buffer.from(eventStream.write(rendered), "latin1"), (frame) =>
    frames.push(frame),
  );
  assert.equal(frames.length, 2);
  assert.equal(frames.map((frame) => eventStream.asEvents!(frame)).join(""), rendered);
});

/** Names and data of any text, short and past every length whose beginning is kept; the same name again and again. */
const eventTexts = fc.array(
  fc.record({
    name: fc.oneof(
      fc.constantFrom("contentBlockDelta", "messageStop", "throttlingException", "ping"),
      fc.string({ unit: "grapheme", minLength: 1, maxLength: 40 }),
    ),
    data: fc.oneof(
      fc.string({ unit: "binary", maxLength: 60 }),
      fc.tuple(fc.constantFrom("x", "é", "界", "😀"), fc.nat(1_100)).map(([text, times]) => text.repeat(times)),
    ),
  }),
  { minLength: 1, maxLength: 12 },
);

test("write() is read by the vendor's codec as what was written, and is writeFrame()'s bytes", () => {
  const oneLine = (text: string) => text.replaceAll("\n", " ");
  fc.assert(
    fc.property(eventTexts, (texts) => {
      const events = texts.map(({ name, data }) => ({ name: oneLine(name), data: oneLine(data) }));
      const rendered = events.map(({ name, data }) => `event: ${name}\ndata: ${data}\n\n`).join("");
      const bytes = Buffer.from(eventStream.write(rendered), "latin1");
      const found: { name: unknown; data: string }[] = [];
      const whole: Buffer[] = [];
      for (let at = 0; at < bytes.length; at += bytes.readUInt32BE(at)) {
        const { headers, body } = codec.decode(bytes.subarray(at, at + bytes.readUInt32BE(at)));
        const type = /exception$/i.test(events[found.length]?.name ?? "") ? "exception" : "event";
        const name = headers[`:${type}-type`]?.value;
        found.push({ name, data: Buffer.from(body).toString("utf8") });
        const texts = { [`:${type}-type`]: `${name}`, ":content-type": "application/json", ":message-type": type };
        whole.push(writeFrame(texts, Buffer.from(body)));
      }
      assert.deepEqual(found, events);
      assert.deepEqual(bytes, Buffer.concat(whole));
    }),
  );
});

test("write() finds the events among comments, ids and cut ends, and those without a name", () => {
  const named = 'event: a\ndata: {"x":1}\n\n';
  const wanted = eventStream.write(named);
  const other = eventStream.write('event: b\ndata: {"y":2}\n\n');
  for (const [rendered, bytes] of [
    [`: hello\n\n${named}`, wanted],
    [`${named}: hello\n\nevent: b\ndata: {"y":2}\n\n`, wanted + other],
    [`${named}id: 1\nevent: b\ndata: {"y":2}\n\n`, wanted + other],
    [`${named}event: a\ndata: {"x":1}\n`, wanted],
    [`${named}event: a\ndata: {"x"`, wanted],
    [`${named}event: a\ndata: first\nevent: b\ndata: {"y":2}\n\n`, wanted + other],
    [`${named}\n`, wanted],
    ["event: a", ""],
    ["", ""],
  ] as const) {
    assert.equal(eventStream.write(rendered), bytes, JSON.stringify(rendered));
  }
  const unnamed = Buffer.from(eventStream.write("data: {}\n\n"), "latin1");
  assert.deepEqual(eventStream.read(unnamed), { event: "", data: "{}", failed: false });
});

test("eventChunks carries another dialect's events, both ways", () => {
  const rendered =
    'event: message_start\ndata: {"type":"message_start","é":1}\n\nevent: ping\ndata: {"type":"ping"}\n\n';
  const frames: Buffer[] = [];
  const bytes = Buffer.from(eventChunks.write(rendered), "latin1");
  new EventStreamSplitter(1 << 20).push(bytes, (frame) => frames.push(frame));
  assert.deepEqual(
    frames.map((frame) => eventChunks.read(frame)),
    [
      { event: "", data: '{"type":"message_start","é":1}' },
      { event: "", data: '{"type":"ping"}' },
    ],
  );
  assert.equal(frames.map((frame) => eventChunks.asEvents!(frame)).join(""), rendered);
  const slow = vendor("exception", "throttlingException", '{"message":"slow"}');
  assert.deepEqual(JSON.parse(eventChunks.read(slow).data), {
    type: "error",
    error: { type: "throttlingException", message: "slow", status: 429 },
  });
  const failed = eventChunks.write('event: error\ndata: {"error":{"code":"upstream_overloaded","message":"m"}}\n\n');
  assert.equal(eventStream.read(Buffer.from(failed, "latin1")).event, "serviceUnavailableException");
});
