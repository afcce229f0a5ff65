/** Which heads are plain: everything with a second reading must go to node's parser. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { readRequestHead } from "../../../../daemon/http/lane/request-head.ts";

const first = "POST /v1/chat/completions HTTP/1.1";
const head = (...lines: string[]) => [...lines, ""].join("\r\n");

test("readRequestHead() reads a plain head", () => {
  const text = head(first, "Host: h", "content-length:  12 ", "X-Key:\ta:b ", "connection: Keep-Alive");
  assert.deepEqual(readRequestHead(text), {
    url: "/v1/chat/completions",
    headers: { host: "h", "content-length": "12", "x-key": "a:b", connection: "Keep-Alive" },
    rawHeaders: ["Host", "h", "content-length", "12", "X-Key", "a:b", "connection", "Keep-Alive"],
    length: 12,
  });
});

const odd: readonly [what: string, text: string][] = [
  ["another method", head("GET /v1/models HTTP/1.1", "host: h", "content-length: 0")],
  ["another version", head("POST / HTTP/1.0", "host: h", "content-length: 0")],
  ["an absolute target", head("POST http://h/ HTTP/1.1", "host: h", "content-length: 0")],
  ["two spaces", head("POST  / HTTP/1.1", "host: h", "content-length: 0")],
  ["no host", head(first, "content-length: 0")],
  ["two hosts", head(first, "host: h", "Host: h", "content-length: 0")],
  ["no length", head(first, "host: h")],
  ["two lengths", head(first, "host: h", "content-length: 2", "Content-Length: 2")],
  ["a list of lengths", head(first, "host: h", "content-length: 2, 2")],
  ["a signed length", head(first, "host: h", "content-length: +2")],
  ["a hexadecimal length", head(first, "host: h", "content-length: 0x2")],
  ["a huge length", head(first, "host: h", "content-length: 9999999999")],
  ["chunks", head(first, "host: h", "content-length: 2", "transfer-encoding: chunked")],
  ["a question before the body", head(first, "host: h", "content-length: 2", "expect: 100-continue")],
  ["an upgrade", head(first, "host: h", "content-length: 2", "upgrade: websocket")],
  ["a connection that ends", head(first, "host: h", "content-length: 2", "connection: close")],
  ["a connection header with names", head(first, "host: h", "content-length: 2", "connection: keep-alive, x-a")],
  ["a space before the colon", head(first, "host : h", "content-length: 2")],
  ["a folded line", head(first, "host: h", "x: a", " b", "content-length: 2")],
  ["a bare line feed", head(first, "host: h", "x: a\nb: c", "content-length: 2")],
  ["a bare carriage return", head(first, "host: h", "x: a\rb", "content-length: 2")],
  ["a zero byte", head(first, "host: h", "x: a\0", "content-length: 2")],
  ["bytes beyond ASCII", head(first, "host: h", "x: \xe9", "content-length: 2")],
  ["an empty name", head(first, "host: h", ": a", "content-length: 2")],
  ["a name that objects have", head(first, "host: h", "__proto__: a", "content-length: 2")],
  ["no line end at the end", `${first}\r\nhost: h\r\ncontent-length: 2`],
];
for (const [what, text] of odd) {
  test(`readRequestHead() leaves ${what} to node`, () => assert.equal(readRequestHead(text), undefined));
}
