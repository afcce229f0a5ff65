/**
 * An OTLP receiver, a process of its own: node's HTTP and gRPC's own server, and messages read by the classes which
 * OpenTelemetry generates from the protocol's .proto files, nothing of ours. Prints `{"http":PORT,"grpc":PORT}` when it
 * listens, then a line for each export that it takes, and ends when its standard input does.
 */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { type handleUnaryCall, Server, ServerCredentials, type ServiceDefinition } from "@grpc/grpc-js";
import schema from "otlp-schema/build/src/generated/root.js";
import type { Export, TraceRequest } from "./otlp-schema.ts";

const { ExportTraceServiceRequest: request, ExportTraceServiceResponse: response } =
  schema.opentelemetry.proto.collector.trace.v1;

/** Throws at what is not the message. */
function read(bytes: Uint8Array): Pick<Export, "request" | "unknownBytes"> {
  const message = request.decode(bytes);
  return {
    request: request.toObject(message, { longs: String, enums: String, bytes: String, arrays: true }) as TraceRequest,
    unknownBytes: bytes.length - request.encode(message).finish().length, // fields that the schema lacks are not kept
  };
}

function print(line: Export | { readonly http: number; readonly grpc: number }): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

const http = createServer(async (incoming, answer) => {
  const parts: Buffer[] = [];
  for await (const part of incoming) parts.push(part as Buffer);
  const { method, url, headers } = incoming;
  if (method !== "POST" || url !== "/v1/traces") return void answer.writeHead(404).end();
  if (headers["content-type"] !== "application/x-protobuf" || headers["content-encoding"] !== undefined)
    return void answer.writeHead(415).end();
  try {
    print({ transport: "http", authorization: headers.authorization ?? "", ...read(Buffer.concat(parts)) });
  } catch (error) {
    return void answer.writeHead(400).end(String(error));
  }
  answer.writeHead(200, { "content-type": "application/x-protobuf" }).end(response.encode({}).finish());
});

type Read = ReturnType<typeof read>;
const definition: ServiceDefinition = {
  export: {
    path: "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
    ...{ requestStream: false, responseStream: false },
    requestSerialize: (message: object) => Buffer.from(request.encode(message).finish()),
    requestDeserialize: read,
    responseSerialize: (message: object) => Buffer.from(response.encode(message).finish()),
    responseDeserialize: (bytes: Buffer) => response.decode(bytes),
  },
};
const take: handleUnaryCall<Read, object> = (call, done) => {
  print({ transport: "grpc", authorization: String(call.metadata.get("authorization")[0] ?? ""), ...call.request });
  done(null, {});
};
const grpc = new Server();
grpc.addService(definition, { export: take });

http.listen(0, "127.0.0.1", () => {
  grpc.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) => {
    if (error) throw error;
    print({ http: (http.address() as AddressInfo).port, grpc: port });
  });
});
process.stdin.on("end", () => process.exit(0)).resume();
