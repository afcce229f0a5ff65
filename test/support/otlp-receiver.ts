/** An OpenTelemetry receiver of our own, over HTTP and over gRPC. Hides protobuf's wire format and gRPC's framing. */
import { createServer, type IncomingHttpHeaders } from "node:http";
import { createServer as createHttp2Server } from "node:http2";
import type { AddressInfo } from "node:net";

type Received = string | number | boolean | readonly Received[];

export type ReceivedSpan = {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentId: string;
  readonly name: string;
  /** 2 server, 3 client. */
  readonly kind: number;
  /** Milliseconds since 1970. */
  readonly start: number;
  readonly end: number;
  readonly attributes: Readonly<Record<string, Received>>;
  /** 2: error. */
  readonly status: number;
  readonly schema: string;
  readonly service: string;
};

export type OtlpReceiver = {
  readonly url: string;
  readonly spans: ReceivedSpan[];
  readonly headers: IncomingHttpHeaders[];
  /** Every byte that came, for a search. */
  readonly bytes: () => Buffer;
  close(): void;
};

export async function openOtlpReceiver(protocol: "http" | "grpc"): Promise<OtlpReceiver> {
  const spans: ReceivedSpan[] = [];
  const headers: IncomingHttpHeaders[] = [];
  const chunks: Buffer[] = [];
  const take = (body: Buffer): void => {
    chunks.push(body);
    spans.push(...decodeRequest(body));
  };
  const server =
    protocol === "http"
      ? createServer((request, response) => {
          headers.push(request.headers);
          const parts: Buffer[] = [];
          request.on("data", (part: Buffer) => parts.push(part));
          request.on("end", () => {
            take(Buffer.concat(parts));
            response.writeHead(200, { "content-type": "application/x-protobuf" }).end();
          });
        })
      : createHttp2Server();
  const sessions = new Set<{ destroy(): void }>();
  if (protocol === "grpc") {
    server.on("session", (session) => sessions.add(session));
    server.on("stream", (stream, head) => {
      headers.push(head);
      const parts: Buffer[] = [];
      stream.on("data", (part: Buffer) => parts.push(part));
      stream.on("end", () => {
        // One message: a flag, its length, itself.
        take(Buffer.concat(parts).subarray(5));
        stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
        stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
        stream.end(Buffer.from([0, 0, 0, 0, 0]));
      });
    });
  }
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}${protocol === "http" ? "/v1/traces" : ""}`,
    ...{ spans, headers, bytes: () => Buffer.concat(chunks) },
    close() {
      server.close();
      for (const session of sessions) session.destroy();
      if ("closeAllConnections" in server) server.closeAllConnections();
    },
  };
}

type Field = { readonly number: number; readonly value: number | bigint | Buffer };

function* fields(bytes: Buffer): Generator<Field> {
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes[at++]!;
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return value;
    }
  };
  while (at < bytes.length) {
    const tag = Number(varint());
    const number = tag >> 3;
    switch (tag & 7) {
      case 0:
        yield { number, value: varint() };
        break;
      case 1:
        yield { number, value: bytes.subarray(at, at + 8) };
        at += 8;
        break;
      case 2: {
        const length = Number(varint());
        yield { number, value: bytes.subarray(at, at + length) };
        at += length;
        break;
      }
      case 5:
        at += 4;
        break;
      default:
        throw new Error(`no wire type ${tag & 7}`);
    }
  }
}

const all = (bytes: Buffer, number: number): Buffer[] =>
  [...fields(bytes)].filter((field) => field.number === number).map(({ value }) => value as Buffer);
const text = (bytes: Buffer, number: number): string => all(bytes, number)[0]?.toString("utf8") ?? "";
const integer = (bytes: Buffer, number: number): number =>
  Number([...fields(bytes)].find((field) => field.number === number)?.value ?? 0);

function decodeRequest(body: Buffer): ReceivedSpan[] {
  return all(body, 1).flatMap((resourceSpans) => {
    const resource = attributesOf(all(resourceSpans, 1)[0] ?? Buffer.alloc(0), 1);
    return all(resourceSpans, 2).flatMap((scopeSpans) =>
      all(scopeSpans, 2).map((span) => decodeSpan(span, text(scopeSpans, 3), String(resource["service.name"]))),
    );
  });
}

function decodeSpan(span: Buffer, schema: string, service: string): ReceivedSpan {
  const hex = (number: number): string => all(span, number)[0]?.toString("hex") ?? "";
  const time = (number: number): number => Number(all(span, number)[0]!.readBigUInt64LE() / 1_000n) / 1_000;
  return {
    ...{ traceId: hex(1), spanId: hex(2), parentId: hex(4), name: text(span, 5), kind: integer(span, 6) },
    ...{ start: time(7), end: time(8), attributes: attributesOf(span, 9), schema, service },
    status: integer(all(span, 15)[0] ?? Buffer.alloc(0), 3),
  };
}

function attributesOf(bytes: Buffer, number: number): Record<string, Received> {
  return Object.fromEntries(all(bytes, number).map((pair) => [text(pair, 1), plainValue(all(pair, 2)[0]!)]));
}

function plainValue(bytes: Buffer): Received {
  const [field] = fields(bytes);
  if (field === undefined) return "";
  if (field.number === 1) return (field.value as Buffer).toString("utf8");
  if (field.number === 2) return field.value === 1n;
  if (field.number === 5) return all(field.value as Buffer, 1).map(plainValue);
  return field.number === 4 ? (field.value as Buffer).readDoubleLE() : Number(field.value);
}
