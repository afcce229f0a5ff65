/**
 * Traces as OpenTelemetry's own collector reads them, in a process of its own. Where none is installed this is skipped:
 * `otelcol` in the path, or BIFROST_OTELCOL with the path of one that has the `otlp` receiver and the `debug` exporter.
 */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { ask } from "../support/client.ts";
import { startDaemon, temporaryHome } from "../support/daemon.ts";
import { until } from "../support/until.ts";

const program = process.env["BIFROST_OTELCOL"] ?? "otelcol";
const skip = spawnSync(program, ["--version"]).status === 0 ? false : "no OpenTelemetry collector is installed";
const readyMs = 30_000;

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
    if (child.kill("SIGTERM")) await ended;
    rmSync(folder, { recursive: true, force: true });
  });
  await until("the collector", () => said.includes("Everything is ready"), readyMs);
  return { grpc: `http://127.0.0.1:${grpc}`, http: `http://127.0.0.1:${http}/v1/traces`, said: () => said };
}

test("openTracing() sends what OpenTelemetry's collector takes, over HTTP and over gRPC", { skip }, async (t) => {
  const collector = await startCollector(t);
  for (const protocol of ["http", "grpc"] as const) {
    const service = `gateway-${protocol}`;
    const daemon = await startDaemon({
      config: {
        auth: { inference: "open" },
        tracing: { endpoint: collector[protocol], protocol, conventions: "both", service_name: service },
      },
    });
    const answer = await ask(daemon.url, { dialect: "chat", model: "echo/echo", prompt: "canary-prompt-77" });
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
    assert.ok(!spans.includes("canary-prompt-77"));
  }
});
