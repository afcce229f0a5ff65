/** Answers in whatever pieces they come, and which of them are refused. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { AnswerReader } from "../../../daemon/runtime/answer-reader.ts";

type Told = {
  status?: number;
  headers?: object;
  body: string;
  end?: readonly [keep: boolean, keepMs: number | undefined];
};

/** Reads one answer cut at `cuts`, and the end of the connection where `closes`. */
function read(
  text: string,
  cuts: readonly number[] = [],
  { closes = false, headOnly = false, headBytesMax = 4096 } = {},
): Told {
  const told: Told = { body: "" };
  const reader = new AnswerReader(
    {
      head: (status, headers) => Object.assign(told, { status, headers }),
      data: (bytes) => {
        told.body += bytes.toString("latin1");
      },
      end: (keep, keepMs) => {
        assert.equal(told.end, undefined, "one end");
        told.end = [keep, keepMs];
      },
    },
    headBytesMax,
  );
  reader.expect(headOnly);
  const bytes = Buffer.from(text, "latin1");
  let from = 0;
  for (const cut of [...cuts, bytes.length]) {
    if (reader.idle) break;
    reader.push(bytes.subarray(from, cut));
    from = cut;
  }
  if (closes) assert.equal(reader.close(), true);
  return told;
}

const chunked =
  "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\nX: 1\r\nx: 2\r\n\r\n5;a=b\r\nhello\r\n1\r\n \r\n5\r\nworld\r\n0\r\nt: v\r\n\r\n";
const whole = "HTTP/1.1 200 OK\r\nContent-Length: 11\r\nKeep-Alive: timeout=5\r\n\r\nhello world";
const interim = `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: a\r\n\r\n${whole}`;
const endless = "HTTP/1.1 200\r\ncontent-type: a\r\n\r\nhello world";

const answers: readonly [what: string, text: string, closes: boolean, expected: object][] = [
  [
    "chunks",
    chunked,
    false,
    {
      status: 200,
      headers: { "transfer-encoding": "Chunked", x: ["1", "2"] },
      body: "hello world",
      end: [true, undefined],
    },
  ],
  [
    "a length",
    whole,
    false,
    {
      status: 200,
      headers: { "content-length": "11", "keep-alive": "timeout=5" },
      body: "hello world",
      end: [true, 5000],
    },
  ],
  [
    "interim answers",
    interim,
    false,
    {
      status: 200,
      headers: { "content-length": "11", "keep-alive": "timeout=5" },
      body: "hello world",
      end: [true, 5000],
    },
  ],
  [
    "the end of the connection",
    endless,
    true,
    { status: 200, headers: { "content-type": "a" }, body: "hello world", end: [false, undefined] },
  ],
];
for (const [what, text, closes, expected] of answers) {
  test(`push() reads a body ended by ${what}, cut anywhere`, () => {
    for (let cut = 0; cut <= text.length; cut += 1)
      assert.deepEqual(read(text, [cut], { closes }), expected, `cut at ${cut}`);
    const everywhere = Array.from({ length: text.length }, (_, index) => index);
    assert.deepEqual(read(text, everywhere, { closes }), expected);
  });
}

test("push() knows answers without a body", () => {
  assert.deepEqual(read("HTTP/1.1 204 No Content\r\n\r\n").end, [true, undefined]);
  assert.deepEqual(read("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n", [], { headOnly: true }).end, [true, undefined]);
  assert.deepEqual(read("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").end, [true, undefined]);
});

test("push() keeps no connection that is to close, is too old, or says more than it was asked", () => {
  const keeps = (text: string) => read(text).end?.[0];
  assert.equal(keeps("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"), false);
  assert.equal(keeps("HTTP/1.0 200 OK\r\ncontent-length: 0\r\n\r\n"), false);
  assert.equal(keeps("HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ncontent-length: 0\r\n\r\n"), true);
  assert.equal(keeps(`${whole}HTTP/1.1 200 OK\r\n\r\n`), false);
});

const bad: readonly [what: string, text: string, code: string][] = [
  ["no HTTP", "SSH-2.0-x\r\n\r\n", "BAD_STATUS_LINE"],
  ["a length and chunks", "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n", "BAD_FRAMING"],
  ["two lengths", "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 1\r\n\r\n", "BAD_FRAMING"],
  ["a signed length", "HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n", "BAD_FRAMING"],
  ["another coding", "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n", "BAD_FRAMING"],
  ["a folded header", "HTTP/1.1 200 OK\r\na: b\r\n c\r\n\r\n", "BAD_HEADER"],
  ["a bare line feed", "HTTP/1.1 200 OK\r\na: b\nc: d\r\n\r\n", "BAD_HEADER"],
  ["a bad size", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n-1\r\n", "BAD_CHUNK"],
  ["a chunk longer than its size", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nab\r\n", "BAD_CHUNK"],
  ["a bad trailer", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\nb c\r\n\r\n", "BAD_TRAILER"],
  ["an upgrade", "HTTP/1.1 101 Switching Protocols\r\n\r\n", "UNASKED_UPGRADE"],
  ["a head without end", `HTTP/1.1 200 OK\r\na: ${"b".repeat(5000)}`, "HEADERS_OVERFLOW"],
];
for (const [what, text, code] of bad) {
  test(`push() refuses ${what}`, () => assert.throws(() => read(text), { code }));
}

test("push() refuses bytes that nobody asked for", () => {
  const reader = new AnswerReader({ head: () => {}, data: () => {}, end: () => {} }, 4096);
  assert.throws(() => reader.push(Buffer.from("HTTP/1.1 200 OK\r\n\r\n")), { code: "UNEXPECTED_BYTES" });
});

test("close() is no end of an answer whose length was told", () => {
  const reader = new AnswerReader({ head: () => {}, data: () => {}, end: () => {} }, 4096);
  reader.expect(false);
  reader.push(Buffer.from("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhel"));
  assert.equal(reader.close(), false);
});

test("AnswerReader takes blanks around a value away, and no byte of the value itself", () => {
  const name = "x-\u00c3\u00a0"; // not a name
  assert.throws(() => read(`HTTP/1.1 200 OK\r\n${name}: a\r\n\r\n`), { code: "BAD_HEADER" });
  const { headers } = read(
    "HTTP/1.1 200 OK\r\na: \t x \t\r\nb:\u00c3\u00a0\r\nc: \r\n__proto__: d\r\ncontent-length: 0\r\n\r\n",
  );
  assert.deepEqual(headers, { a: "x", b: "\u00c3\u00a0", c: "", "content-length": "0" });
});
