/** Requests that no HTTP library would send: text on a bare socket. Hides the socket and where an answer ends. */
import net from "node:net";

export type RawAnswer = { readonly status: number; readonly head: string; readonly body: string };

const answerMsMax = 5_000;

/** Sends the text and reads until the peer closes or `content-length` is satisfied. Status 0: closed without a word. */
export function exchange(origin: string, text: string | Buffer): Promise<RawAnswer> {
  const { hostname, port } = new URL(origin);
  return new Promise((resolve, reject) => {
    const socket = net.connect(Number(port), hostname, () => socket.write(text));
    let received = Buffer.alloc(0);
    const finish = () => {
      socket.destroy();
      resolve(parsed(received));
    };
    socket.setTimeout(answerMsMax, () => reject(new Error(`no answer to ${JSON.stringify(text.toString("latin1"))}`)));
    socket.on("data", (bytes) => {
      received = Buffer.concat([received, bytes]);
      if (complete(received)) finish();
    });
    socket.on("end", finish);
    socket.on("error", finish); // a reset is an answer as well: what came before it counts
  });
}

/** A request's text with its length; headers as they are given, none added but the length. */
export function requestText(method: string, target: string, headers: readonly string[], body = ""): string {
  const length = body === "" ? [] : [`content-length: ${Buffer.byteLength(body)}`];
  return [`${method} ${target} HTTP/1.1`, ...headers, ...length, "", body].join("\r\n");
}

/** A connected socket that takes about `bytesPerSecond`, by being paused in between. */
export function slowReader(origin: string, text: string, bytesPerSecond: number): SlowReader {
  const { hostname, port } = new URL(origin);
  const socket = net.connect({ port: Number(port), host: hostname, highWaterMark: 1024 } as net.NetConnectOpts);
  let taken = 0;
  socket.on("error", () => {});
  socket.write(text);
  socket.pause();
  const timer = setInterval(() => {
    const bytes = socket.read(Math.min(bytesPerSecond, socket.readableLength)) as Buffer | null;
    taken += bytes?.length ?? 0;
  }, 1000);
  return {
    taken: () => taken,
    leave: () => {
      clearInterval(timer);
      socket.destroy();
    },
  };
}

export type SlowReader = { readonly taken: () => number; readonly leave: () => void };

function complete(bytes: Buffer): boolean {
  const headEnd = bytes.indexOf("\r\n\r\n");
  if (headEnd < 0) return false;
  const head = bytes.subarray(0, headEnd).toString("latin1");
  const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
  if (length !== undefined) return bytes.length >= headEnd + 4 + Number(length);
  return /transfer-encoding: *chunked/i.test(head) && bytes.subarray(-5).equals(Buffer.from("0\r\n\r\n"));
}

function parsed(bytes: Buffer): RawAnswer {
  const text = bytes.toString("utf8");
  const headEnd = text.indexOf("\r\n\r\n");
  return {
    status: Number(/^HTTP\/1\.1 (\d{3})/.exec(text)?.[1] ?? 0),
    head: headEnd < 0 ? text : text.slice(0, headEnd),
    body: headEnd < 0 ? "" : text.slice(headEnd + 4),
  };
}
