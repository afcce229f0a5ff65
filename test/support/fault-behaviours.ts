/**
 * How the misbehaving upstream misbehaves: a behaviour's name and the request become a list of steps, nothing is sent here.
 * Names begin with the fault of the matrix they stand for (`f7-…`); parameters follow as `+key=value`.
 */
import { embeddingBody, errorBody, streamParts, talkOf, type Wire, wholeBody } from "./wire-frames.ts";
import { answerPieces, answerUsage, type WireFrame } from "./wires/wire.ts";

export type Step =
  /** Response head; `chunked` unless the headers say a length. */
  | { readonly kind: "head"; readonly status: number; readonly headers: Readonly<Record<string, string>> }
  /** One piece of the body, in one chunk and one write. */
  | { readonly kind: "data"; readonly bytes: Buffer }
  /** Bytes as they are, no framing. */
  | { readonly kind: "raw"; readonly bytes: Buffer }
  | { readonly kind: "wait"; readonly ms: number }
  /** Until the control channel says `step`. */
  | { readonly kind: "gate" }
  /** The same bytes again and again, as fast as the reader takes them, or every `gapMs`. */
  | { readonly kind: "flood"; readonly bytes: Buffer; readonly times: number; readonly gapMs: number }
  /** The body is complete; the connection stays. */
  | { readonly kind: "end" }
  /** Closes the connection in the middle of whatever it is in. */
  | { readonly kind: "close" }
  | { readonly kind: "reset" }
  /** Says nothing more and keeps the connection. */
  | { readonly kind: "hang" };

export type FaultRequest = {
  readonly wire: Wire;
  readonly stream: boolean;
  readonly model: string;
  readonly includeUsage: boolean;
  readonly base64: boolean;
};

/** Names of every behaviour, for a test that each is used. */
export function behaviourNames(): readonly string[] {
  return Object.keys(behaviours);
}

/** `undefined`: there is no such behaviour. */
export function stepsFor(name: string, request: FaultRequest): readonly Step[] | undefined {
  const [base = "", ...pairs] = name.split("+");
  const parameters = new Map(
    pairs.map((pair) => [pair.slice(0, pair.indexOf("=")), Number(pair.slice(pair.indexOf("=") + 1))]),
  );
  const behaviour = behaviours[base];
  return behaviour?.(request, (key, otherwise) => parameters.get(key) ?? otherwise);
}

type Parameter = (key: string, otherwise: number) => number;
type Behaviour = (request: FaultRequest, parameter: Parameter) => readonly Step[];

function streamHead({ wire }: FaultRequest): Step {
  return { kind: "head", status: 200, headers: { "content-type": talkOf(wire).contentType } };
}

function errorFrame({ wire }: FaultRequest): Step {
  return data(talkOf(wire).errorFrame("upstream broke inside the stream"));
}

const behaviours: Readonly<Record<string, Behaviour>> = {
  ok: (request) => (request.stream ? [streamHead(request), ...spread(parts(request)), end()] : whole(request)),
  /** A long answer of `words` pieces, `gap` ms apart, then a good end. */
  slow: (request, parameter) => {
    const pieces = Array.from({ length: parameter("words", 10) }, (_, at) => `w${at} `);
    const gap = wait(parameter("gap", 20));
    if (!request.stream) return [wait(parameter("gap", 20) * pieces.length), ...whole(request, { pieces })];
    const { preamble, content, finish, terminal } = parts(request, { pieces });
    return [
      wait(parameter("delay", 0)),
      streamHead(request),
      ...preamble.map(data),
      ...content.flatMap((frame) => [data(frame), gap]),
      ...finish.map(data),
      ...terminal.map(data),
      end(),
    ];
  },

  embedding: (request) => json(200, embeddingBody(request.model, request.base64)),

  "f2-silent": () => [hang()],
  /** The head arrives, and then nothing: for whoever waits for meaning that is silence too. */
  "f2-head-only": (request) => (request.stream ? [streamHead(request), hang()] : [jsonHead(200, 1000), hang()]),

  "f3-reset": () => [{ kind: "reset" }],
  "f3-close": () => [{ kind: "close" }],
  "f3-half-head": () => [raw("HTTP/1.1 200 OK\r\ncontent-ty"), { kind: "close" }],
  "f3-not-http": () => [raw("220 mail.example ESMTP\r\n"), { kind: "close" }],

  ...Object.fromEntries(
    [400, 401, 403, 404, 429, 500, 503, 529].flatMap((status) => [
      [`f4-${status}`, (request: FaultRequest) => json(status, errorBody(request.wire, status))],
      [
        `f4-${status}-retry`,
        (request: FaultRequest) => json(status, errorBody(request.wire, status), { "retry-after": "7" }),
      ],
    ]),
  ),
  "f4-500-html": () => json(500, "<html><body>nginx is sorry</body></html>", {}, "text/html"),

  "f5-error-body": (request) => json(200, errorBody(request.wire, 500)),
  "f5-error-event": (request) => [streamHead(request), errorFrame(request), end()],
  "f5-error-after-preamble": (request) => [
    streamHead(request),
    ...parts(request).preamble.map(data),
    errorFrame(request),
    end(),
  ],
  "f5-empty": (request) => (request.stream ? [streamHead(request), end()] : json(200, "")),
  "f5-not-json": () => json(200, "<html>welcome to the captive portal</html>", {}, "text/html"),

  "f6-close": (request) => [streamHead(request), ...parts(request).preamble.map(data), { kind: "close" }],
  "f6-reset": (request) => [streamHead(request), ...parts(request).preamble.map(data), wait(5), { kind: "reset" }],
  "f6-end": (request) => [streamHead(request), ...parts(request).preamble.map(data), end()],

  "f7-close": (request) => [...upToContent(request), { kind: "close" }],
  "f7-reset": (request) => [...upToContent(request), wait(20), { kind: "reset" }],
  "f7-error-event": (request) => [...upToContent(request), errorFrame(request), end()],
  /** Whole bodies die too: fewer bytes than the length promised. */
  "f7-short-body": (request) => {
    const bytes = Buffer.from(wholeBody(request.wire, request));
    return [jsonHead(200, bytes.length), raw(bytes.subarray(0, bytes.length - 20)), { kind: "close" }];
  },

  "f8-stall": (request) => [...upToContent(request), hang()],
  "f8-stall-body": (request) => {
    const bytes = Buffer.from(wholeBody(request.wire, request));
    return [jsonHead(200, bytes.length), raw(bytes.subarray(0, 40)), hang()];
  },

  "f9-malformed": (request) => {
    const { preamble, content, finish, terminal } = parts(request);
    const broken = talkOf(request.wire).malformed;
    return [
      streamHead(request),
      ...[...preamble, ...content.slice(0, 2), broken, ...content.slice(2), ...finish, ...terminal].map(data),
      end(),
    ];
  },
  "f9-malformed-body": (request) => json(200, wholeBody(request.wire, request).slice(0, -9)),

  "f10-bytes": (request) => [streamHead(request), ...oneByteEach(bytesOf(request)), end()],
  "f10-crlf": (request) => [streamHead(request), ...oneByteEach(lines(request).replaceAll("\n", "\r\n")), end()],
  "f10-cr": (request) => [streamHead(request), ...oneByteEach(lines(request).replaceAll("\n", "\r")), end()],
  "f10-bom": (request) => [streamHead(request), ...oneByteEach(`\uFEFF${lines(request)}`), end()],
  "f10-split": (request, parameter) => {
    const bytes = bytesOf(request);
    const at = parameter("at", 1);
    return [streamHead(request), chunk(bytes.subarray(0, at)), wait(1), chunk(bytes.subarray(at)), end()];
  },
  "f10-comments": (request) => {
    const noise = ": keepalive\n\n";
    return [streamHead(request), data(noise), ...spread(parts(request)).flatMap((step) => [step, data(noise)]), end()];
  },

  /** Everything was said but the last word. */
  "f11-no-terminal": (request) => {
    const { preamble, content, finish } = parts(request);
    return [streamHead(request), ...[...preamble, ...content, ...finish].map(data), end()];
  },
  /** Neither a finish reason nor the last word, and yet a clean end of the body. */
  "f11-no-finish": (request) => [...upToContent(request), end()],

  "f12-usage-twice": (request) =>
    request.stream ? [streamHead(request), ...spread(parts(request, { usageTwice: true })), end()] : whole(request),
  "f12-usage-never": (request) =>
    request.stream
      ? [streamHead(request), ...spread(parts(request, { usage: undefined })), end()]
      : whole(request, { usage: undefined }),

  /** One frame every `gap` ms until the reader leaves. */
  "f13-drip": (request, parameter) => {
    const { preamble, content } = parts(request, { pieces: Array.from({ length: 2000 }, (_, at) => `d${at} `) });
    return [
      streamHead(request),
      ...preamble.map(data),
      ...content.flatMap((frame) => [data(frame), wait(parameter("gap", 20))]),
    ];
  },
  /** Half of what is said is out, the rest waits for the control channel. */
  "f13-hold-half": (request) => {
    const { preamble, content, finish, terminal } = parts(request, { pieces: ["one ", "two ", "three ", "four"] });
    const half = Math.ceil(content.length / 2);
    return [
      streamHead(request),
      ...[...preamble, ...content.slice(0, half)].map(data),
      { kind: "gate" },
      ...[...content.slice(half), ...finish, ...terminal].map(data),
      end(),
    ];
  },
  /** Finish reason and usage are out, the last word waits for the control channel. */
  "f13-hold-end": (request) => {
    const { preamble, content, finish, terminal } = parts(request);
    return [
      streamHead(request),
      ...[...preamble, ...content, ...finish].map(data),
      { kind: "gate" },
      ...terminal.map(data),
      end(),
    ];
  },

  /** More than any buffer should take: `mb` megabytes in 16 KB events. */
  "f14-flood": (request, parameter) => {
    const { preamble, content } = parts(request, { pieces: ["x".repeat(16_000)] });
    const frame = Buffer.from(content.at(-1)!);
    return [
      streamHead(request),
      ...preamble.map(data),
      ...content.map(data),
      {
        kind: "flood",
        bytes: frame,
        times: Math.ceil((parameter("mb", 32) * 2 ** 20) / frame.length),
        gapMs: parameter("gap", 0),
      },
      ...parts(request).finish.map(data),
      ...parts(request).terminal.map(data),
      end(),
    ];
  },

  "f15-big-event": (request, parameter) => {
    const options = { pieces: ["y".repeat(parameter("bytes", 4 * 2 ** 20))] };
    return request.stream ? [streamHead(request), ...spread(parts(request, options)), end()] : whole(request, options);
  },
};

type Variation = {
  pieces?: readonly string[];
  usage?: { input: number; output: number } | undefined;
  usageTwice?: boolean;
};

function parts(request: FaultRequest, variation: Variation = {}) {
  return streamParts(request.wire, { usage: answerUsage, pieces: answerPieces, ...request, ...variation });
}

function spread({ preamble, content, finish, terminal }: ReturnType<typeof parts>): Step[] {
  return [...preamble, ...content, ...finish, ...terminal].map(data);
}

function bytesOf(request: FaultRequest): Buffer {
  const { preamble, content, finish, terminal } = parts(request);
  return Buffer.concat([...preamble, ...content, ...finish, ...terminal].map((frame) => Buffer.from(frame)));
}

/** Of a wire that is made of lines. */
function lines(request: FaultRequest): string {
  return bytesOf(request).toString("utf8");
}

function upToContent(request: FaultRequest): Step[] {
  const { preamble, content } = parts(request);
  return [streamHead(request), ...preamble.map(data), ...content.slice(0, 3).map(data)];
}

function whole(request: FaultRequest, variation: Variation = {}): Step[] {
  return json(200, wholeBody(request.wire, { usage: answerUsage, ...request, ...variation }));
}

function json(status: number, body: string, headers: Record<string, string> = {}, type = "application/json"): Step[] {
  return [jsonHead(status, Buffer.byteLength(body), headers, type), raw(body), { kind: "end" }];
}

function jsonHead(
  status: number,
  length: number,
  headers: Record<string, string> = {},
  type = "application/json",
): Step {
  return { kind: "head", status, headers: { "content-type": type, "content-length": String(length), ...headers } };
}

function oneByteEach(all: string | Buffer): Step[] {
  return Array.from(Buffer.from(all), (byte) => chunk(Buffer.of(byte)));
}

const data = (frame: WireFrame): Step => ({ kind: "data", bytes: Buffer.from(frame) });
const chunk = (bytes: Buffer): Step => ({ kind: "data", bytes });
const raw = (bytes: string | Buffer): Step => ({ kind: "raw", bytes: Buffer.from(bytes) });
const wait = (ms: number): Step => ({ kind: "wait", ms });
const hang = (): Step => ({ kind: "hang" });
const end = (): Step => ({ kind: "end" });
