/**
 * The provider of the benchmark, in its own process: answers over bare sockets, because every microsecond it takes is
 * one that the measured process does not get. Prints its port on the first line of standard output.
 *
 * A model named `stream-N-G` streams N content frames, one a packet, G milliseconds apart (0: all at once after the
 * first); any other model gets one body of about 1 KB. Both in OpenAI's shape, or Anthropic's for `/v1/messages`.
 */
import { createServer, type Socket } from "node:net";

type Wire = {
  readonly answer: Buffer;
  readonly head: Buffer;
  readonly first: Buffer;
  readonly frame: Buffer;
  readonly last: Buffer;
  readonly lastWithUsage: Buffer;
};

const streamHead = Buffer.from(
  "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ncache-control: no-cache\r\ntransfer-encoding: chunked\r\n\r\n",
);
const text = "It was a bright cold day in April, and the clocks were striking thirteen. ".repeat(9);
const openai = openaiWire();
const anthropic = anthropicWire();

/** Streams that get a frame at every tick of one gap: one timer for all of them. */
type Ticker = { readonly streams: Set<Stream>; readonly timer: NodeJS.Timeout };
type Stream = { readonly socket: Socket; readonly wire: Wire; readonly withUsage: boolean; left: number };
const tickers = new Map<number, Ticker>();

const server = createServer({ noDelay: true }, serve);
server.listen(0, "127.0.0.1", 4_096, () => {
  const address = server.address();
  if (address !== null && typeof address === "object") process.stdout.write(`${address.port}\n`);
});
process.stdin.on("end", () => process.exit(0)).resume();

function serve(socket: Socket): void {
  let pending = "";
  socket.setEncoding("latin1");
  socket.on("error", () => socket.destroy());
  socket.on("data", (chunk: unknown) => {
    pending = pending === "" ? String(chunk) : pending + String(chunk);
    for (;;) {
      const length = requestLength(pending);
      if (length === undefined || pending.length < length) return;
      const request = pending.slice(0, length);
      pending = pending.slice(length);
      answer(socket, request);
    }
  });
}

/** Of the whole request, head and body; undefined while its head is incomplete. Chunked bodies end at their last chunk. */
function requestLength(request: string): number | undefined {
  const headEnd = request.indexOf("\r\n\r\n");
  if (headEnd < 0) return undefined;
  const head = request.slice(0, headEnd);
  const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
  if (length !== undefined) return headEnd + 4 + Number(length);
  if (!/\r\ntransfer-encoding: *chunked/i.test(head)) return headEnd + 4;
  const end = request.indexOf("0\r\n\r\n", headEnd + 2);
  return end < 0 ? undefined : end + 5;
}

function answer(socket: Socket, request: string): void {
  const wire = request.startsWith("POST /v1/messages") ? anthropic : openai;
  const [, frames, gap] = /"stream-(\d+)-(\d+)"/.exec(request) ?? [];
  if (frames === undefined || gap === undefined) {
    socket.write(wire.answer);
    return;
  }
  const stream: Stream = {
    socket,
    wire,
    withUsage: request.includes('"include_usage":true'),
    left: Number(frames) - 1,
  };
  socket.write(Buffer.concat([wire.head, wire.first]));
  if (Number(gap) > 0) tickerOf(Number(gap)).streams.add(stream);
  else while (advance(stream));
}

/** False when the stream has ended. */
function advance(stream: Stream): boolean {
  const { socket, wire } = stream;
  if (socket.destroyed) return false;
  if (stream.left-- > 0) {
    socket.write(wire.frame);
    return true;
  }
  socket.write(stream.withUsage ? wire.lastWithUsage : wire.last);
  return false;
}

function tickerOf(gapMs: number): Ticker {
  const known = tickers.get(gapMs);
  if (known !== undefined) return known;
  const streams = new Set<Stream>();
  const timer = setInterval(() => {
    for (const stream of streams) if (!advance(stream)) streams.delete(stream);
  }, gapMs);
  const ticker = { streams, timer };
  tickers.set(gapMs, ticker);
  return ticker;
}

function openaiWire(): Wire {
  const usage = { prompt_tokens: 240, completion_tokens: 160, total_tokens: 400 };
  const base = { id: "chatcmpl-bench0001", object: "chat.completion.chunk", created: 1_764_000_000, model: "bench" };
  const delta = (value: unknown, reason: string | null = null) =>
    `data: ${JSON.stringify({ ...base, choices: [{ index: 0, delta: value, logprobs: null, finish_reason: reason }] })}\n\n`;
  const content = delta({ content: " thirteen" });
  const usageFrame = `data: ${JSON.stringify({ ...base, choices: [], usage })}\n\n`;
  const body = {
    ...{ id: "chatcmpl-bench0001", object: "chat.completion", created: 1_764_000_000, model: "bench" },
    choices: [
      { index: 0, message: { role: "assistant", content: text, refusal: null }, logprobs: null, finish_reason: "stop" },
    ],
    usage,
  };
  return {
    answer: whole(body),
    head: streamHead,
    first: chunk(delta({ role: "assistant", content: "" }) + content),
    frame: chunk(content),
    last: lastChunk(`${delta({}, "stop")}data: [DONE]\n\n`),
    lastWithUsage: lastChunk(`${delta({}, "stop")}${usageFrame}data: [DONE]\n\n`),
  };
}

function anthropicWire(): Wire {
  const event = (type: string, value: object) => `event: ${type}\ndata: ${JSON.stringify({ type, ...value })}\n\n`;
  const message = { id: "msg_bench0001", type: "message", role: "assistant", model: "bench", stop_sequence: null };
  const content = event("content_block_delta", { index: 0, delta: { type: "text_delta", text: " thirteen" } });
  const start = event("message_start", {
    message: { ...message, content: [], stop_reason: null, usage: { input_tokens: 240, output_tokens: 1 } },
  });
  const block = event("content_block_start", { index: 0, content_block: { type: "text", text: "" } });
  const end =
    event("content_block_stop", { index: 0 }) +
    event("message_delta", { delta: { stop_reason: "end_turn", stop_sequence: null }, usage: { output_tokens: 160 } }) +
    event("message_stop", {});
  const usage = { input_tokens: 240, output_tokens: 160 };
  return {
    answer: whole({ ...message, content: [{ type: "text", text }], stop_reason: "end_turn", usage }),
    head: streamHead,
    first: chunk(start + block + content),
    frame: chunk(content),
    last: lastChunk(end),
    lastWithUsage: lastChunk(end),
  };
}

function whole(body: object): Buffer {
  const json = JSON.stringify(body);
  return Buffer.from(
    `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${json.length}\r\n\r\n${json}`,
  );
}

function chunk(data: string): Buffer {
  return Buffer.from(`${data.length.toString(16)}\r\n${data}\r\n`);
}

function lastChunk(data: string): Buffer {
  return Buffer.concat([chunk(data), Buffer.from("0\r\n\r\n")]);
}
