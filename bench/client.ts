/**
 * The load: a closed loop over bare keep-alive sockets, one request at a time on each. Hides how an answer is
 * recognised as complete with as little work as possible, since the client shares two cores with what it measures.
 */
import { connect, type Socket } from "node:net";

export type Load = {
  readonly port: number;
  /** One whole request, head and body. */
  readonly request: Buffer;
  readonly concurrency: number;
  readonly durationMs: number;
};

export type LoadResult = {
  readonly requests: number;
  readonly seconds: number;
  /** Milliseconds, sorted: from the first byte written to the last byte read. */
  readonly latencies: Float64Array;
  /** Streams: milliseconds to the first frame with content, sorted. */
  readonly firstFrames: Float64Array;
  /** Streams: milliseconds between the packets that carry frames, sorted. */
  readonly gaps: Float64Array;
  /** Answers that were not 200 or broke off. */
  readonly failures: number;
  readonly firstFailure: string | undefined;
};

/** Samples of one kind kept in one run; further ones are not recorded (16 MB). */
const samplesMax = 2_000_000;
/** A closed loop that gets no answer for this long is stuck. */
const stuckMs = 10_000;
/** What marks a frame with content in both dialects of the benchmark's upstream. */
const contentMark = "thirteen";

export function requestFor(
  port: number,
  path: string,
  model: string,
  options: { key?: string; bytes?: number; stream?: boolean } = {},
): Buffer {
  const { key, bytes = 1_024, stream = false } = options;
  const body = (content: string) =>
    JSON.stringify({ model, messages: [{ role: "user", content }], max_tokens: 256, ...(stream ? { stream } : {}) });
  const words = "the quick brown fox jumps over the lazy dog and ".repeat(Math.ceil(bytes / 48));
  const json = body(words.slice(0, Math.max(0, bytes - body("").length)));
  const authorization = key === undefined ? "" : `authorization: Bearer ${key}\r\n`;
  return Buffer.from(
    `POST ${path} HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\ncontent-type: application/json\r\n${authorization}content-length: ${json.length}\r\n\r\n${json}`,
  );
}

export async function runLoad(load: Load): Promise<LoadResult> {
  const recorder = newRecorder();
  const started = performance.now();
  const deadline = started + load.durationMs;
  await Promise.all(Array.from({ length: load.concurrency }, () => runConnection(load, deadline, recorder)));
  return {
    requests: recorder.requests,
    seconds: (performance.now() - started) / 1000,
    latencies: recorder.latencies.sorted(),
    firstFrames: recorder.firstFrames.sorted(),
    gaps: recorder.gaps.sorted(),
    failures: recorder.failures,
    firstFailure: recorder.firstFailure,
  };
}

/** One request on a fresh connection; the status, or undefined when nobody answers. */
export async function tryOnce(port: number, request: Buffer): Promise<number | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: "127.0.0.1", noDelay: true });
    let head = "";
    const done = (status: number | undefined) => {
      socket.destroy();
      resolve(status);
    };
    socket.setTimeout(stuckMs, () => done(undefined));
    socket.on("error", () => done(undefined));
    socket.on("close", () => done(undefined));
    socket.on("data", (data) => {
      head += data.toString("latin1");
      if (isWhole(head)) done(Number(head.slice(9, 12)));
    });
    socket.write(request);
  });
}

type Recorder = {
  requests: number;
  failures: number;
  firstFailure: string | undefined;
  readonly latencies: Samples;
  readonly firstFrames: Samples;
  readonly gaps: Samples;
};

function newRecorder(): Recorder {
  return {
    ...{ requests: 0, failures: 0, firstFailure: undefined },
    ...{ latencies: new Samples(), firstFrames: new Samples(), gaps: new Samples() },
  };
}

/** Ends when the deadline has passed and the request in flight has its answer. */
async function runConnection(load: Load, deadline: number, recorder: Recorder): Promise<void> {
  return new Promise((resolve) => {
    let socket: Socket;
    let answer = "";
    let sentAt = 0;
    let frameAt = 0;

    open();

    function open(): void {
      socket = connect({ port: load.port, host: "127.0.0.1", noDelay: true });
      socket.setEncoding("latin1");
      socket.setTimeout(stuckMs, () => socket.destroy(new Error(`no answer for ${stuckMs} ms`)));
      socket.on("data", (data: unknown) => read(String(data)));
      socket.on("connect", send);
      socket.on("error", (error) => fail(error.message));
      socket.on("close", () => {
        if (performance.now() < deadline) setTimeout(open, 20);
        else resolve();
      });
    }

    function send(): void {
      answer = "";
      frameAt = 0;
      sentAt = performance.now();
      socket.write(load.request);
    }

    function read(data: string): void {
      const now = performance.now();
      answer = answer === "" ? data : answer + data;
      if (data.includes(contentMark) && answer.includes("event-stream")) {
        if (frameAt === 0) recorder.firstFrames.add(now - sentAt);
        else recorder.gaps.add(now - frameAt);
        frameAt = now;
      }
      if (!isWhole(answer)) {
        // Of a stream only the head and the end are looked at again.
        if (frameAt !== 0 && answer.length > 4_096) answer = `${answer.slice(0, 1_024)}${answer.slice(-64)}`;
        return;
      }
      if (!answer.startsWith("HTTP/1.1 200") || answer.includes("event: error")) fail(answer.slice(0, 600));
      else recorder.latencies.add(now - sentAt);
      recorder.requests += 1;
      if (now < deadline) send();
      else socket.end();
    }

    function fail(reason: string): void {
      recorder.failures += 1;
      recorder.firstFailure ??= reason;
    }
  });
}

/** By its length, or by its last chunk. */
function isWhole(answer: string): boolean {
  const headEnd = answer.indexOf("\r\n\r\n");
  if (headEnd < 0) return false;
  const at = answer.slice(0, headEnd).toLowerCase().indexOf("\r\ncontent-length:");
  if (at < 0) return answer.endsWith("0\r\n\r\n");
  return answer.length >= headEnd + 4 + Number.parseInt(answer.slice(at + 17), 10);
}

/** Numbers without allocation while they come in. */
class Samples {
  #values = new Float64Array(4_096);
  #count = 0;

  add(value: number): void {
    if (this.#count === this.#values.length) {
      if (this.#count >= samplesMax) return;
      const larger = new Float64Array(this.#count * 2);
      larger.set(this.#values);
      this.#values = larger;
    }
    this.#values[this.#count++] = value;
  }

  sorted(): Float64Array {
    return this.#values.slice(0, this.#count).sort();
  }
}
