/**
 * Traces as OpenTelemetry reads them, in a process of its own: always a receiver whose messages are read by the classes
 * that OpenTelemetry generates from the protocol's schema, over HTTP and over gRPC; and where a collector is installed
 * (`otelcol` in the path, or BIFROST_OTELCOL with the path of one that has the `otlp` receiver and the `debug`
 * exporter), that too.
 */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { rmSync, writeFileSync } from "node:fs";
import { createServer as createHttpServer } from "node:http";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { ask } from "../support/client.ts";
import { startDaemon, temporaryHome } from "../support/daemon.ts";
import { type Export, hex, plain, startSchemaReceiver, type WireSpan } from "../support/otlp-schema.ts";
import { until } from "../support/until.ts";

const program = process.env["BIFROST_OTELCOL"] ?? "otelcol";
const readyMs = 30_000;
const canary = "canary-prompt-77";
const [traceId, clientSpan] = ["4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"];

/** An OpenAI-shaped upstream: under /busy overloaded, else well. Notes what trace it was told. */
async function upstream(t: TestContext) {
  const told: (string | undefined)[] = [];
  const server = createHttpServer((request, response) => {
    told.push(request.headers["traceparent"] as string | undefined);
    request.resume();
    const choice = { index: 0, message: { role: "assistant", content: canary }, finish_reason: "stop" };
    const usage = { prompt_tokens: 11, completion_tokens: 7, total_tokens: 18 };
    const [status, body] = request.url?.startsWith("/busy/")
      ? [529, { error: { message: "busy" } }]
      : [200, { id: "c", object: "chat.completion", choices: [choice], usage }];
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  t.after(() => server.close().closeAllConnections());
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, told };
}

for (const protocol of ["http", "grpc"] as const) {
  test(`openTracing() sends by ${protocol} what OpenTelemetry's own schema reads, and nothing that it has no field for`, async (t) => {
    const receiver = await startSchemaReceiver(t);
    const { url, told } = await upstream(t);
    const provider = (path: string) => ({
      ...{ base_url: `${url}/${path}/v1`, dialect: "openai-chat", api_key: "env.UPSTREAM_KEY", models: ["m"] },
    });
    const daemon = await startDaemon({
      env: { UPSTREAM_KEY: "canary-secret-77", OTLP_TOKEN: "Bearer of-traces" },
      config: {
        auth: { inference: "open" },
        providers: { first: provider("busy"), second: provider("well") },
        fallbacks: { "first/m": ["second/m"] },
        routing: { retries: { max: 0 } },
        tracing: {
          ...{ endpoint: receiver.endpoint[protocol], protocol, conventions: "both", service_name: "gateway" },
          headers: { authorization: "env.OTLP_TOKEN" },
        },
      },
    });
    const headers = { traceparent: `00-${traceId}-${clientSpan}-01`, "x-bifrost-session": "s-1" };
    const answer = await ask(daemon.url, { dialect: "chat", model: "first/m", prompt: canary, headers });
    assert.equal(answer.status, 200);
    const failed = await ask(daemon.url, { dialect: "chat", model: "first/alone", prompt: canary, headers });
    assert.ok(failed.status >= 500, `${failed.status}`);
    await daemon.stop();

    const exports = await until("the spans of both requests", () => {
      const came = receiver.exports();
      return spansOf(came).length >= 5 && came;
    });
    for (const { transport, authorization, unknownBytes } of exports)
      assert.deepEqual([transport, authorization, unknownBytes], [protocol, "Bearer of-traces", 0]);
    for (const word of [canary, "canary-secret-77"]) assert.ok(!JSON.stringify(exports).includes(word), word);

    const groups = exports.flatMap(({ request }) => request.resourceSpans);
    for (const { resource, scopeSpans } of groups) {
      const { "service.name": name, "service.version": version } = plain(resource.attributes);
      assert.deepEqual(name, { stringValue: "gateway" });
      for (const { scope, schemaUrl } of scopeSpans)
        assert.deepEqual(
          [scope.name, scope.version, schemaUrl],
          ["bifrost", version?.stringValue, "https://opentelemetry.io/schemas/1.37.0"],
        );
    }
    const spans = spansOf(exports);
    const server = spans.find((span) => idOf(span) === answer.headers["x-request-id"])!;
    const hops = spans
      .filter(({ parentSpanId }) => parentSpanId === server.spanId)
      .toSorted((a, b) => Number(BigInt(a.startTimeUnixNano) - BigInt(b.startTimeUnixNano)));
    assert.deepEqual([server, ...hops].map(outline), [
      [traceId, clientSpan, "chat.completions", "SPAN_KIND_SERVER", "STATUS_CODE_UNSET", undefined],
      [traceId, hex(server.spanId), "chat m", "SPAN_KIND_CLIENT", "STATUS_CODE_ERROR", "upstream_overloaded"],
      [traceId, hex(server.spanId), "chat m", "SPAN_KIND_CLIENT", "STATUS_CODE_UNSET", undefined],
    ]);
    // What each upstream was told is the hop's own span.
    assert.deepEqual(
      told.slice(0, 2),
      hops.map(({ spanId }) => `00-${traceId}-${hex(spanId)}-01`),
    );
    for (const { startTimeUnixNano: start, endTimeUnixNano: end } of [server, ...hops])
      assert.ok(BigInt(start) <= BigInt(end) && Math.abs(Number(BigInt(end) / 1_000_000n) - Date.now()) < 600_000, end);
    assert.deepEqual(plain(hops[0]!.attributes)["http.response.status_code"], { intValue: "529" });
    const attributes = plain(hops[1]!.attributes);
    for (const [name, value] of Object.entries({
      "gen_ai.operation.name": { stringValue: "chat" },
      "gen_ai.provider.name": { stringValue: "second" },
      "gen_ai.request.model": { stringValue: "m" },
      "gen_ai.conversation.id": { stringValue: "s-1" },
      "gen_ai.usage.input_tokens": { intValue: "11" },
      "gen_ai.usage.output_tokens": { intValue: "7" },
      "openinference.span.kind": { stringValue: "LLM" },
      "llm.token_count.total": { intValue: "18" },
    }))
      assert.deepEqual(attributes[name], value, name);
    const refused = spans.find((span) => idOf(span) === failed.headers["x-request-id"])!;
    const [code, attempt] = ["upstream_overloaded", spans.find((span) => span.parentSpanId === refused.spanId)!];
    assert.deepEqual([refused, attempt].map(outline), [
      [traceId, clientSpan, "chat.completions", "SPAN_KIND_SERVER", "STATUS_CODE_ERROR", code],
      [traceId, hex(refused.spanId), "chat alone", "SPAN_KIND_CLIENT", "STATUS_CODE_ERROR", code],
    ]);
    assert.deepEqual(plain(refused.attributes)["error.type"], { stringValue: code });
    assert.equal(spans.length, 5);
  });
}

test("startSchemaReceiver() refuses what is no export, and counts what the schema has no field for", async (t) => {
  const receiver = await startSchemaReceiver(t);
  const post = async (body: readonly number[], type = "application/x-protobuf", url = receiver.endpoint.http) =>
    (await fetch(url, { method: "POST", headers: { "content-type": type }, body: Uint8Array.from(body) })).status;
  const statuses = [
    await post([], "application/json"),
    await post([], "application/x-protobuf", receiver.endpoint.http.replace("/v1/", "/v2/")),
    await post([0x0a, 0x7f]), // longer than it is
    await post([0x0a, 0]), // nothing of one resource
    await post([0x0a, 0, 0x4a, 2, 1, 2]), // and field 9
  ];
  assert.deepEqual(statuses, [415, 404, 400, 200, 200]);
  const unknown = await until("both that were taken", () => {
    const came = receiver.exports();
    return came.length === 2 && came.map(({ unknownBytes }) => unknownBytes);
  });
  assert.deepEqual(unknown, [0, 4]);
});

function spansOf(exports: readonly Export[]): readonly WireSpan[] {
  const groups = exports.flatMap(({ request }) => request.resourceSpans);
  return groups.flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans));
}

const idOf = (span: WireSpan) => plain(span.attributes)["bifrost.request.id"]?.stringValue;

function outline({ traceId, parentSpanId, name, kind, status }: WireSpan) {
  return [hex(traceId), hex(parentSpanId), name, kind, status?.code, status?.message];
}

// Not a test that is skipped: where there is no collector, there is no such test.
if (spawnSync(program, ["--version"]).status === 0)
  test("openTracing() sends what OpenTelemetry's collector takes, over HTTP and over gRPC", async (t) => {
    const collector = await startCollector(t);
    for (const protocol of ["http", "grpc"] as const) {
      const service = `gateway-${protocol}`;
      const daemon = await startDaemon({
        config: {
          auth: { inference: "open" },
          tracing: { endpoint: collector[protocol], protocol, conventions: "both", service_name: service },
        },
      });
      const answer = await ask(daemon.url, { dialect: "chat", model: "echo/echo", prompt: canary });
      assert.equal(answer.status, 200);
      await daemon.stop();
      const spans = await until("both spans", () => {
        const [, mine] = collector.said().split(`service.name: Str(${service})`);
        return mine?.includes("Kind           : Server") && mine;
      });
      for (const word of [
        "ScopeSpans SchemaURL: https://opentelemetry.io/schemas/1.37.0",
        "Name           : chat echo",
        "Kind           : Client",
        "gen_ai.operation.name: Str(chat)",
        "gen_ai.usage.output_tokens: Int(",
        "openinference.span.kind: Str(LLM)",
        "Name           : chat.completions",
        `bifrost.request.id: Str(${answer.headers["x-request-id"]})`,
      ])
        assert.ok(spans.includes(word), `${word} in ${spans}`);
      assert.ok(!spans.includes(canary));
    }
  });

/** The collector takes its ports as numbers. */
async function freePorts(): Promise<readonly [number, number]> {
  const servers = [createServer(), createServer()] as const;
  const ports = await Promise.all(
    servers.map(async (server) => {
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      return (server.address() as AddressInfo).port;
    }),
  );
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return [ports[0]!, ports[1]!];
}

async function startCollector(t: TestContext) {
  const folder = temporaryHome();
  const [grpc, http] = await freePorts();
  const file = join(folder, "collector.yaml");
  const endpoint = (port: number) => ({ endpoint: `127.0.0.1:${port}` });
  const config = {
    receivers: { otlp: { protocols: { grpc: endpoint(grpc), http: endpoint(http) } } },
    exporters: { debug: { verbosity: "detailed" } },
    service: {
      telemetry: { metrics: { level: "none" } },
      pipelines: { traces: { receivers: ["otlp"], exporters: ["debug"] } },
    },
  };
  writeFileSync(file, JSON.stringify(config)); // which YAML includes
  const child = spawn(program, ["--config", `file:${file}`], { stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (part: string) => {
      said += part;
    });
  t.after(async () => {
    const ended = once(child, "exit");
    if (child.exitCode === null && child.kill("SIGTERM")) await ended;
    rmSync(folder, { recursive: true, force: true });
  });
  const ready = (): boolean => {
    assert.equal(child.exitCode, null, said); // one that ends is not waited for
    return said.includes("Everything is ready");
  };
  await until("the collector", ready, readyMs);
  return { grpc: `http://127.0.0.1:${grpc}`, http: `http://127.0.0.1:${http}/v1/traces`, said: () => said };
}
