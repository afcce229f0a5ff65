/**
 * The providers of the pair benchmark, one for every wire, in one process over bare sockets. Prints its port on the first
 * line of standard output. A model named `stream-N-G` streams N content frames, one a packet, G milliseconds apart; any
 * other gets one body of about 1 KB.
 */
import { createServer, type Socket } from "node:net";
import { talkOf, wireAt } from "../test/support/wire-frames.ts";
import type { StreamOptions } from "../test/support/wires/wire.ts";

const usage = { input: 240, output: 160 };
const sentence = "It was a bright cold day in April, and the clocks were striking thirteen. ";
type Answer = { readonly packets: readonly Buffer[]; readonly gapMs: number };
/** By the path and the model that were asked. */
const answers = new Map<string, Answer>();
/** Streams that get a packet at every tick of one gap: one timer for all of them. */
type Stream = { readonly socket: Socket; readonly packets: readonly Buffer[]; next: number };
const tickers = new Map<number, Set<Stream>>();

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
    pending += String(chunk);
    for (;;) {
      const headEnd = pending.indexOf("\r\n\r\n");
      if (headEnd < 0) return;
      const length = headEnd + 4 + Number(/\r\ncontent-length: *(\d+)/i.exec(pending)?.[1] ?? 0);
      if (pending.length < length) return;
      const request = pending.slice(0, length);
      pending = pending.slice(length);
      send(socket, answerFor(request));
    }
  });
}

function send(socket: Socket, { packets, gapMs }: Answer): void {
  socket.write(packets[0]!);
  if (packets.length > 1) tickerOf(gapMs).add({ socket, packets, next: 1 });
}

function tickerOf(gapMs: number): Set<Stream> {
  const known = tickers.get(gapMs);
  if (known !== undefined) return known;
  const streams = new Set<Stream>();
  tickers.set(gapMs, streams);
  setInterval(() => {
    for (const stream of streams) {
      if (!stream.socket.destroyed) stream.socket.write(stream.packets[stream.next++]!);
      if (stream.socket.destroyed || stream.next === stream.packets.length) streams.delete(stream);
    }
  }, gapMs);
  return streams;
}

function answerFor(request: string): Answer {
  const path = request.slice(5, request.indexOf(" ", 5));
  const [, frames, gap] = /stream-(\d+)-(\d+)/.exec(request) ?? [];
  const key = `${path} ${frames ?? ""}`;
  let answer = answers.get(key);
  if (answer === undefined) {
    answer = frames === undefined ? whole(path) : { packets: streamed(path, Number(frames)), gapMs: Number(gap) };
    answers.set(key, answer);
  }
  return answer;
}

function whole(path: string): Answer {
  const options: StreamOptions = { model: "bench", pieces: [sentence.repeat(9)], usage };
  const body = Buffer.from(talkOf(wireAt(path).wire).whole(options));
  const head = `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n`;
  return { packets: [Buffer.concat([Buffer.from(head), body])], gapMs: 0 };
}

/** Head and preamble with the first frame, the end with the last. */
function streamed(path: string, count: number): Buffer[] {
  const talk = talkOf(wireAt(path).wire);
  const pieces = Array.from({ length: count }, () => " thirteen");
  const { preamble, content, finish, terminal } = talk.parts({ model: "bench", pieces, usage, includeUsage: true });
  const head = `HTTP/1.1 200 OK\r\ncontent-type: ${talk.contentType}\r\ntransfer-encoding: chunked\r\n\r\n`;
  const chunk = (frame: string | Buffer): Buffer => {
    const bytes = Buffer.from(frame);
    return Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from("\r\n")]);
  };
  const [first, ...rest] = content.map(chunk);
  const end = Buffer.concat([...[...finish, ...terminal].map(chunk), Buffer.from("0\r\n\r\n")]);
  return [Buffer.concat([Buffer.from(head), ...preamble.map(chunk), first!]), ...rest, end];
}
