/**
 * What the SDK tests share: a mock of both vendors, the misbehaving upstream for slow streams, and a daemon in front.
 * The SDKs get a base URL and a key, as a person would give them, and nothing else.
 */
import type { Server } from "node:http";
import { LLMock } from "@copilotkit/aimock";
import { type Daemon, patientLedger, startDaemon } from "./daemon.ts";
import { type FaultUpstream, startFaultUpstream } from "./fault-upstream.ts";
import { type Fault, type Hop, startHop } from "./sdks/hop.ts";
import type { Wire } from "./wire-frames.ts";

export type Lab = {
  readonly mock: LLMock;
  readonly upstream: FaultUpstream;
  readonly daemon: Daemon;
  readonly key: string;
  /** Its budget does not cover a call of `echo-paid`. */
  readonly spentKey: string;
  /** OpenAI's SDKs want the version in it, Anthropic's do not. */
  readonly openaiBase: string;
  readonly anthropicBase: string;
  /** Body of the last call that the mock saw, as text. */
  readonly lastBody: () => string;
  /** Bodies of the calls that the mock saw for this model, as chat completions, whatever it was asked in. */
  readonly asked: (model: string) => readonly MockBody[];
  /** What reached the misbehaving upstream for this behaviour, as text. */
  readonly sent: (behaviour: string) => Promise<string>;
  readonly stop: () => Promise<void>;
};

export type MockBody = {
  readonly messages: readonly { readonly role: string; readonly content: unknown; readonly tool_call_id?: string }[];
  readonly tools?: readonly { readonly function: { readonly name: string; readonly parameters: unknown } }[];
};

export const upstreams: readonly Wire[] = ["openai-chat", "anthropic"];

export const greeting = "Hello from the mock, with ümlauts and 🌍.";
export const recipe = { name: "Soup", minutes: 25 };
export const toolAnswer = "Paris 18, Rome 24, both at noon.";
/** One red pixel. */
export const pixel = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg==";

/** `behind` names providers that are the misbehaving one behind a hop that adds a fault of its own. */
export async function startLab(behind: Readonly<Record<string, Fault>> = {}): Promise<Lab> {
  const mock = new LLMock({ port: 0, logLevel: "silent" });
  const refusal = { message: "does not take this kindly", type: "invalid_request_error" };
  mock.on({ model: "refusing" }, { error: refusal, status: 400 });
  const limit = { message: "too many", type: "rate_limit_error" };
  mock.on({ model: /^limited/ }, { error: limit, status: 429, retryAfter: 3 });
  mock.onMessage("say hello", {
    content: greeting,
    usage: { prompt_tokens: 9, completion_tokens: 12, input_tokens: 9, output_tokens: 12 },
  });
  mock.onTurn(0, "weather", {
    toolCalls: [
      { id: "call_paris", name: "get_weather", arguments: '{"city":"Paris"}' },
      { id: "call_rome", name: "get_weather", arguments: '{"city":"Rome"}' },
    ],
  });
  mock.onTurn(1, "weather", { toolCalls: [{ id: "call_time", name: "get_time", arguments: '{"zone":"CET"}' }] });
  mock.onTurn(2, "weather", { content: toolAnswer });
  mock.onMessage("dish by tool", {
    toolCalls: [{ id: "call_recipe", name: "recipe", arguments: JSON.stringify(recipe) }],
  });
  mock.onMessage("dish in json", {
    toolCalls: [{ id: "call_recipe", name: "json", arguments: JSON.stringify(recipe) }],
  });
  mock.onMessage("recipe", { content: JSON.stringify(recipe) });
  mock.onMessage("be wrong", {
    error: { message: "max_tokens is too large", type: "invalid_request_error" },
    status: 400,
  });
  mock.onMessage("slow down", { error: { message: "too many", type: "rate_limit_error" }, status: 429, retryAfter: 3 });
  mock.onMessage("count for ever", { content: "one ".repeat(2000) }, { latency: 30, chunkSize: 4 });
  await mock.start();
  // Node's server closes what was idle for 5 s; on a busy machine that is the moment in which a call is on its way.
  const { serverInstance } = mock as unknown as { serverInstance: { server: Server } };
  serverInstance.server.keepAliveTimeout = 120_000;
  const upstream = await startFaultUpstream();
  const hops = new Map<string, Hop>();
  for (const [name, fault] of Object.entries(behind)) hops.set(name, await startHop(upstream.origin, fault));
  const provider = (origin: string, dialect: Wire) => ({
    base_url: `${origin}/v1`,
    dialect,
    api_key: "env.UPSTREAM_KEY",
  });
  const daemon = await startDaemon({
    env: { UPSTREAM_KEY: "upstream-secret" },
    config: {
      server: { keep_alive_comment: "50ms" },
      ledger: patientLedger,
      providers: Object.fromEntries(
        upstreams.flatMap((wire) => [
          [wire, provider(mock.url, wire)],
          [`slow-${wire}`, provider(upstream.origin, wire)],
          ...[...hops].map(([name, { origin }]) => [`${name}-${wire}`, provider(origin, wire)]),
        ]),
      ),
    },
  });
  return {
    mock,
    upstream,
    daemon,
    key: await daemon.createKey(),
    spentKey: await daemon.createKey({ budget: "0.000001/1d" }),
    openaiBase: `${daemon.url}/v1`,
    anthropicBase: daemon.url,
    asked: (model) =>
      mock.getRequests().flatMap(({ body }) => (body?.model === model ? [body as unknown as MockBody] : [])),
    lastBody: () => JSON.stringify(mock.getLastRequest()?.body),
    sent: async (behaviour) => (await upstream.body((await upstream.call(behaviour)).index)).toString(),
    stop: async () => {
      await daemon.stop();
      for (const hop of hops.values()) await hop.stop();
      await upstream.stop();
      await mock.stop();
    },
  };
}
