/** Traces of a real daemon, received by a receiver of our own over both protocols. */
import assert from "node:assert/strict";
import { createServer, type IncomingHttpHeaders } from "node:http";
import { type AddressInfo, createServer as createTcpServer, type Socket } from "node:net";
import { type TestContext, test } from "node:test";
import { hopId, readTraceparent } from "../../daemon/pipeline/span.ts";
import { ask } from "../support/client.ts";
import { startDaemon } from "../support/daemon.ts";
import { openOtlpReceiver } from "../support/otlp-receiver.ts";
import { until } from "../support/until.ts";

const canary = "canary-prompt-91c4";
const secret = "canary-secret-5577";
const given = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/** An OpenAI-shaped upstream that notes its headers; its first answer is a 529. */
async function upstream(t: TestContext): Promise<{ url: string; seen: IncomingHttpHeaders[] }> {
  const seen: IncomingHttpHeaders[] = [];
  const server = createServer((request, response) => {
    seen.push(request.headers);
    request.resume();
    const overloaded = seen.length === 1;
    const choice = { index: 0, message: { role: "assistant", content: canary }, finish_reason: "stop" };
    const usage = { prompt_tokens: 11, completion_tokens: 7, total_tokens: 18 };
    const body = overloaded
      ? { error: { message: "busy" } }
      : { id: "c", object: "chat.completion", choices: [choice], usage };
    response.writeHead(overloaded ? 529 : 200, { "content-type": "application/json" }).end(JSON.stringify(body));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  t.after(() => server.close().closeAllConnections());
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`, seen };
}

for (const protocol of ["http", "grpc"] as const) {
  test(`A41 openTracing() exports by ${protocol} one span a request and one a hop, with the client's trace and no word of it`, async (t) => {
    const receiver = await openOtlpReceiver(protocol);
    t.after(() => receiver.close());
    const { url, seen } = await upstream(t);
    const provider = { base_url: url, dialect: "openai-chat", api_key: "env.UPSTREAM_KEY", models: ["m"] };
    const daemon = await startDaemon({
      env: { UPSTREAM_KEY: secret, OTLP_TOKEN: "Bearer of-traces" },
      config: {
        providers: { first: provider, second: provider },
        fallbacks: { "first/m": ["second/m"] },
        routing: { retries: { max: 0 } },
        tracing: {
          ...{ endpoint: receiver.url, protocol, conventions: "both", service_name: "gateway" },
          headers: { authorization: "env.OTLP_TOKEN" },
        },
      },
    });
    t.after(() => daemon.stop());
    const key = await daemon.createKey({ name: "traced" });
    const headers = { traceparent: given, "x-bifrost-session": "s-1" };
    const body = { temperature: 0.2, max_tokens: 64, stop: ["END"], n: 2 };
    const answer = await ask(daemon.url, { dialect: "chat", model: "first/m", key, prompt: canary, headers, body });
    assert.equal(answer.status, 200);
    await until("three spans", () => receiver.spans.length === 3);
    const server = receiver.spans.find(({ kind }) => kind === 2)!;
    const hops = receiver.spans.filter(({ kind }) => kind === 3).toSorted((a, b) => a.start - b.start);
    assert.deepEqual(
      [server.traceId, server.parentId, server.name, server.service, server.status],
      ["4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7", "chat.completions", "gateway", 0],
    );
    assert.equal(server.attributes["http.response.status_code"], 200);
    assert.deepEqual(
      hops.map(({ parentId, name, status, traceId }) => [parentId, name, status, traceId]),
      [
        [server.spanId, "chat m", 2, server.traceId],
        [server.spanId, "chat m", 0, server.traceId],
      ],
    );
    assert.equal(hops[0]!.attributes["error.type"], "upstream_overloaded");
    const { attributes, schema, start, end } = hops[1]!;
    assert.equal(schema, "https://opentelemetry.io/schemas/1.37.0");
    assert.ok(start >= server.start && end <= server.end + 1 && end > start, JSON.stringify([server, start, end]));
    for (const [name, value] of Object.entries({
      "gen_ai.operation.name": "chat",
      "gen_ai.provider.name": "second",
      "gen_ai.request.model": "m",
      "gen_ai.request.temperature": 0.2,
      "gen_ai.request.max_tokens": 64,
      "gen_ai.request.choice.count": 2,
      "server.address": "127.0.0.1",
      "server.port": Number(new URL(url).port),
      "llm.invocation_parameters": '{"temperature":0.2,"max_tokens":64,"stop":["END"],"n":2}',
      "gen_ai.conversation.id": "s-1",
      "gen_ai.response.id": "c",
      "gen_ai.usage.input_tokens": 11,
      "gen_ai.usage.output_tokens": 7,
      "openinference.span.kind": "LLM",
      "llm.token_count.total": 18,
    }))
      assert.equal(attributes[name], value, name);
    assert.deepEqual(attributes["gen_ai.request.stop_sequences"], ["END"]);
    assert.deepEqual(attributes["gen_ai.response.finish_reasons"], ["stop"]);
    // What each upstream was told is the hop's own span.
    assert.deepEqual(
      seen.map((head) => head["traceparent"]),
      hops.map(({ spanId }) => `00-${server.traceId}-${spanId}-01`),
    );
    assert.equal(receiver.headers[0]?.["authorization"], "Bearer of-traces");
    const bytes = receiver.bytes();
    for (const word of [canary, secret, key.slice(6)]) assert.ok(!bytes.includes(word), word);
    const [row] = await daemon.rows("first/m");
    assert.equal(row?.trace, server.traceId);
    assert.equal((await daemon.admin<{ traces: number }>("GET", "/api/logs/dropped")).traces, 0);
    // Not sampled: passed on as such, and not exported.
    const off = `${given.slice(0, -1)}0`;
    await ask(daemon.url, { dialect: "chat", model: "second/m", key, headers: { traceparent: off } });
    assert.match(String(seen.at(-1)?.["traceparent"]), /^00-4bf92f3577b34da6a3ce929d0e0e4736-[0-9a-f]{16}-00$/);
    await until("the row of what is not sampled", async () => (await daemon.rows("second/m"))[0]?.trace === null);
    assert.equal(receiver.spans.length, 3);
  });
}

test("tracing.conventions says whose names a span has, from the next request on", async (t) => {
  const receiver = await openOtlpReceiver("http");
  t.after(() => receiver.close());
  const config = (conventions: string) => ({
    auth: { inference: "open" },
    tracing: { endpoint: receiver.url, conventions },
  });
  const daemon = await startDaemon({ config: config("genai") });
  t.after(() => daemon.stop());
  const names = async (): Promise<readonly string[]> => {
    receiver.spans.length = 0;
    await ask(daemon.url, { dialect: "chat", model: "echo" });
    const span = await until("a call's span", () => receiver.spans.find(({ kind }) => kind === 3));
    return [...new Set(Object.keys(span.attributes).map((name) => name.split(".")[0]!))];
  };
  const first = await names();
  assert.ok(first.includes("gen_ai") && !first.includes("llm") && !first.includes("openinference"), first.join());
  daemon.writeConfig(config("openinference"));
  const second = await until("the other names", async () => {
    const found = await names();
    return !found.includes("gen_ai") && found;
  });
  assert.ok(second.includes("llm") && second.includes("openinference"), second.join());
});

test("A57 a receiver that takes connections and answers nothing costs spans, no request and no memory", async (t) => {
  const sockets: Socket[] = [];
  const dead = createTcpServer((socket) => void sockets.push(socket.on("error", () => undefined)));
  await new Promise<void>((resolve) => dead.listen(0, "127.0.0.1", () => resolve()));
  t.after(() => {
    dead.close();
    for (const socket of sockets) socket.destroy();
  });
  const endpoint = `http://127.0.0.1:${(dead.address() as AddressInfo).port}/v1/traces`;
  const daemon = await startDaemon({
    config: { auth: { inference: "open" }, tracing: { endpoint, queue_max: 64, timeout: "60s" } },
  });
  t.after(() => daemon.stop());
  for (let round = 0; round < 10; round++) {
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => ask(daemon.url, { dialect: "chat", model: "echo" })),
    );
    assert.ok(answers.every(({ status }) => status === 200));
  }
  const dropped = await until("what did not fit to be counted", async () => {
    const { traces } = await daemon.admin<{ traces: number }>("GET", "/api/logs/dropped");
    return traces >= 400 - 64 - 2 && traces;
  });
  assert.ok(dropped <= 400, `${dropped}`);
  await until("connections to the receiver", () => sockets.length > 0);
  assert.ok(sockets.length < 5, `${sockets.length} connections`);
});

test("readTraceparent() reads what the standard allows and nothing else", () => {
  const [trace, span] = ["4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"];
  assert.deepEqual(readTraceparent(given), { traceId: trace, parentId: span, sampled: true });
  assert.deepEqual(readTraceparent(`cc-${trace}-${span}-00-more`), { traceId: trace, parentId: span, sampled: false });
  for (const bad of [
    undefined,
    "",
    `00-${trace}-${span}`,
    `00-${trace}-${span}-01-more`,
    `ff-${trace}-${span}-01`,
    `00-${"0".repeat(32)}-${span}-01`,
    `00-${trace}-${"0".repeat(16)}-01`,
    `00-${trace.toUpperCase()}-${span}-01`,
  ])
    assert.equal(readTraceparent(bad), undefined, String(bad));
  assert.equal(hopId("00f067aa0ba902ff", 0), "00f067aa0ba90200");
});
