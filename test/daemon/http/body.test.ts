import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { type TestContext, test } from "node:test";
import { brotliCompressSync, constants, deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from "node:zlib";
import { lingerBytesMax, readBody } from "../../../daemon/http/body.ts";
import type { GatewayError } from "../../../providers/gateway-error.ts";

type Outcome = {
  readonly error: GatewayError | undefined;
  readonly body: Buffer | undefined;
  readonly request: IncomingMessage;
};

/** A real server that reads one body per request; `send` writes raw HTTP and returns what `readBody` said. */
async function listen(t: TestContext, bytesMax: number) {
  const outcomes: Outcome[] = [];
  let wake = () => {};
  const server = createServer((request, response) => {
    let calls = 0;
    readBody(request, { bytesMax }, (error, body) => {
      assert.equal(++calls, 1);
      outcomes.push({ error, body, request });
      response.writeHead(error === undefined ? 200 : error.status).end(error?.code ?? "read");
      wake();
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  const open = async (head: string): Promise<Socket> => {
    const socket = connect((server.address() as AddressInfo).port, "127.0.0.1");
    t.after(() => socket.destroy());
    await once(socket, "connect");
    socket.write(`POST / HTTP/1.1\r\nhost: x\r\n${head}\r\n\r\n`);
    return socket;
  };
  const outcome = async (): Promise<Outcome> => {
    while (outcomes.length === 0) await new Promise<void>((resolve) => (wake = resolve));
    return outcomes.shift()!;
  };
  const send = async (body: Buffer, encoding?: string): Promise<Outcome> => {
    const socket = await open(
      `content-length: ${body.length}${encoding === undefined ? "" : `\r\ncontent-encoding: ${encoding}`}`,
    );
    socket.write(body);
    return outcome();
  };
  return { open, outcome, send };
}

test("readBody() gives the bytes that were sent, in one piece or many", async (t) => {
  const { open, outcome, send } = await listen(t, 1_000_000);
  assert.deepEqual((await send(Buffer.alloc(0))).body, Buffer.alloc(0));
  assert.deepEqual((await send(Buffer.from("{}"))).body, Buffer.from("{}"));
  const large = Buffer.from("0123456789".repeat(100_000));
  assert.ok((await send(large)).body?.equals(large));
  const socket = await open("transfer-encoding: chunked");
  socket.write(`${"1\r\na\r\n".repeat(2_000)}0\r\n\r\n`);
  assert.equal((await outcome()).body?.toString(), "a".repeat(2_000));
});

test("readBody() inflates what it is told is compressed", async (t) => {
  const { send } = await listen(t, 1_000_000);
  const body = Buffer.from("tell me more. ".repeat(5_000));
  const packed: readonly (readonly [encoding: string, bytes: Buffer])[] = [
    ["gzip", gzipSync(body)],
    [" X-GZip", gzipSync(body)],
    ["br", brotliCompressSync(body)],
    ["zstd", zstdCompressSync(body)],
    ["deflate", deflateSync(body)],
    ["deflate", deflateRawSync(body)],
    ["identity", body],
  ];
  for (const [encoding, bytes] of packed) assert.ok((await send(bytes, encoding)).body?.equals(body), encoding);
});

test("readBody() refuses encodings it does not know, and bytes that do not inflate", async (t) => {
  const { send } = await listen(t, 1_000);
  for (const encoding of ["lzma", "gzip, gzip"]) {
    assert.equal((await send(Buffer.from("x"), encoding)).error?.code, "unsupported_media_type", encoding);
  }
  for (const encoding of ["gzip", "br", "zstd", "deflate"]) {
    assert.equal((await send(Buffer.from("not compressed"), encoding)).error?.code, "invalid_request", encoding);
  }
  assert.equal((await send(gzipSync("cut off").subarray(0, 20), "gzip")).error?.code, "invalid_request");
});

test("A61 readBody() refuses a body by its content-length, before a byte of it has come", async (t) => {
  const { open, outcome } = await listen(t, 1_000);
  await open("content-length: 1001");
  assert.equal((await outcome()).error?.code, "payload_too_large");
});

test("A61 readBody() refuses a body as soon as it passes the bound", async (t) => {
  const { open, outcome } = await listen(t, 1_000);
  const socket = await open("transfer-encoding: chunked");
  socket.write(`3e8\r\n${"x".repeat(1_000)}\r\n1\r\nx\r\n`); // and no end
  const { error } = await outcome();
  assert.equal(error?.code, "payload_too_large");
  assert.equal(error?.status, 413);
});

test("A61 readBody() drops what a refused client goes on sending, and the client reads the answer", async (t) => {
  const { open, outcome } = await listen(t, 1_000);
  const socket = await open("content-length: 8000000");
  socket.write(Buffer.alloc(8_000_000));
  const { request } = await outcome();
  socket.write("GET / HTTP/1.1\r\nhost: x\r\n\r\n"); // the connection is still good
  assert.equal((await outcome()).body?.length, 0);
  assert.equal(request.complete, true);
  socket.end();
  let answer = "";
  for await (const chunk of socket) answer += chunk;
  assert.match(answer, /^HTTP\/1.1 413 .*payload_too_large.*HTTP\/1.1 200 /s);
});

test("A61 readBody() ends the connection of a client that will not stop", async (t) => {
  const { open, outcome } = await listen(t, 1_000);
  const socket = await open(`content-length: ${2 * lingerBytesMax}`);
  socket.on("error", () => {}); // EPIPE or ECONNRESET, as the kernel likes
  socket.write(Buffer.alloc(2 * lingerBytesMax));
  const { request } = await outcome();
  await once(request, "close");
  assert.equal(request.complete, false);
});

test("A61 readBody() refuses a small body that inflates past the bound", async (t) => {
  const { send } = await listen(t, 1_000_000);
  const bomb = Buffer.alloc(64_000_000);
  for (const [encoding, bytes] of [
    ["gzip", gzipSync(bomb)],
    ["br", brotliCompressSync(bomb, { params: { [constants.BROTLI_PARAM_QUALITY]: 1 } })],
    ["zstd", zstdCompressSync(bomb)],
    ["deflate", deflateSync(bomb)],
  ] as const) {
    assert.ok(bytes.length < 1_000_000);
    assert.equal((await send(bytes, encoding)).error?.code, "payload_too_large", encoding);
  }
});

test("readBody() knows a client that left in the middle", async (t) => {
  const { open, outcome } = await listen(t, 1_000);
  const socket = await open("content-length: 100");
  socket.end("only a part");
  assert.equal((await outcome()).error?.code, "client_closed_request");
  const reset = await open("content-length: 100");
  reset.write("part");
  reset.resetAndDestroy();
  assert.equal((await outcome()).error?.code, "client_closed_request");
});
