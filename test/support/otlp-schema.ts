/** The receiver of `otlp-schema-process.ts`, from outside: where it listens, and what it was sent, in the protocol's words. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { TestContext } from "node:test";
import { until } from "./until.ts";

type Value = {
  readonly stringValue?: string;
  readonly intValue?: string;
  readonly boolValue?: boolean;
  readonly doubleValue?: number;
};
type Attribute = { readonly key: string; readonly value: Value };

/** Ids are bytes, here in base64; times and integers are of 64 bits, here decimal. */
export type WireSpan = {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind: string;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: readonly Attribute[];
  readonly status?: { readonly code?: string; readonly message?: string };
};

export type TraceRequest = {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly Attribute[] };
    readonly scopeSpans: readonly {
      readonly scope: { readonly name: string; readonly version: string };
      readonly schemaUrl?: string;
      readonly spans: readonly WireSpan[];
    }[];
  }[];
};

export type Export = {
  readonly transport: "http" | "grpc";
  readonly authorization: string;
  readonly request: TraceRequest;
  /** Bytes of fields that the published schema does not have. */
  readonly unknownBytes: number;
};

const readyMs = 30_000;

export async function startSchemaReceiver(t: TestContext) {
  const child = spawn(process.execPath, [new URL("./otlp-schema-process.ts", import.meta.url).pathname], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  t.after(async () => {
    const ended = once(child, "exit");
    child.stdin.end();
    if (child.exitCode === null) await ended;
  });
  const lines: string[] = [];
  createInterface(child.stdout).on("line", (line) => void lines.push(line));
  const ports = JSON.parse(await until("the receiver", () => lines[0], readyMs)) as { http: number; grpc: number };
  return {
    endpoint: { http: `http://127.0.0.1:${ports.http}/v1/traces`, grpc: `http://127.0.0.1:${ports.grpc}` },
    exports: () => lines.slice(1).map((line) => JSON.parse(line) as Export),
  };
}

export const hex = (id: string | undefined): string => Buffer.from(id ?? "", "base64").toString("hex");

/** By name, with the type that each has on the wire. */
export function plain(attributes: readonly Attribute[]): Readonly<Record<string, Value>> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, value]));
}
