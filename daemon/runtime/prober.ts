/**
 * Asks providers how they are when nobody else does, and tells their breakers. Hides how a probe is sent: as every other
 * call is, by the same connections, proxies and certificates, with the first credential that has a weight.
 *
 * A list of models says that the provider is there, and nothing of a model: an open target may be asked sooner, and one
 * that cannot be reached is one fault more for each of its targets. A short answer of a model closes that model's breaker.
 */
import type { Dispatcher } from "undici";
import { openCatalog } from "../../providers/catalog/catalog.ts";
import { dialects } from "../../providers/dialects/index.ts";
import type { GatewayError } from "../../providers/gateway-error.ts";
import type { ProbeView } from "../admin/contract/routing.ts";
import type { GenerationData, ProbeData } from "../config/generation.ts";
import type { Log } from "../log.ts";
import { withQuery } from "../pipeline/attempt.ts";
import { encodeRequest, parseRequest } from "../pipeline/translate.ts";
import { type Receiver, UpstreamCall } from "../pipeline/upstream-call.ts";
import { findEndpoint, pathFor } from "../routing/endpoints.ts";
import { buildGeneration, type Provider } from "../routing/generation.ts";
import { openRouting, type SharedRouting } from "../routing/routing.ts";
import { Origins } from "./upstream-clients.ts";
import { Wheel } from "./wheel.ts";

export type Prober = {
  /** @param isSame its providers with probes are those of before: what is under way goes on */
  use(data: GenerationData, isSame?: boolean): void;
  view(provider: string): { readonly probe?: ProbeView };
  close(): void;
};

type Result = { readonly status: number | undefined; readonly error: string | undefined; readonly isFault: boolean };
type Probed = {
  readonly provider: Provider;
  readonly probe: ProbeData;
  timer: NodeJS.Timeout | undefined;
  last: Result | undefined;
  latencyMs: number;
  at: number;
  sent: number;
  failed: number;
  call: UpstreamCall | undefined;
};

/** Some models count no fewer, and a longer answer would only cost more. */
const outputTokens = 16;
/** What is read of an answer before its connection is given up. */
const answerBytesMax = 256 * 1024;

export function createProber(shared: SharedRouting, log: Log): Prober {
  const origins = new Origins();
  const wheel = new Wheel();
  let routing: ReturnType<typeof openRouting> | undefined;
  let probed = new Map<string, Probed>();

  function use(data: GenerationData, isSame = false): void {
    if (routing === undefined) routing = openRouting({ shared, worker: 0, settings: data.routing });
    routing.settings = data.routing;
    if (isSame) return;
    stop();
    const before = probed;
    const providers = data.providers.filter(({ probe }) => probe !== undefined);
    const { providers: ready } = buildGeneration(
      { ...data, providers, routing: { ...data.routing, rules: [] } },
      openCatalog([]),
      (each) => origins.get(each),
    );
    probed = new Map(
      [...ready.values()].map((provider) => {
        const { sent = 0, failed = 0 } = before.get(provider.name) ?? {};
        const none = { timer: undefined, last: undefined, call: undefined, latencyMs: 0, at: 0 };
        return [provider.name, { provider, probe: provider.data.probe!, ...none, sent, failed }];
      }),
    );
    origins.retain(providers);
    for (const each of probed.values()) ask(each);
  }

  function ask(each: Probed): void {
    const startedAt = performance.now();
    each.sent++;
    send(each, wheel, (result) => {
      each.call = undefined;
      each.latencyMs = performance.now() - startedAt;
      each.at = Date.now();
      if (probed.get(each.provider.name) !== each) return;
      take(each, result);
      // From end to end: one that takes long is not asked again meanwhile.
      each.timer = setTimeout(() => ask(each), each.probe.intervalMs).unref();
    });
  }

  function take(each: Probed, result: Result): void {
    const { provider, probe } = each;
    const before = each.last;
    each.last = result;
    if (result.error !== undefined) each.failed++;
    if ((before?.error === undefined) !== (result.error === undefined)) {
      if (result.error === undefined) log.info("a provider answers its probe again", { provider: provider.name });
      else log.warn("a provider fails its probe", { provider: provider.name, reason: result.error });
    }
    const { breaker, table } = routing!;
    const target = probe.kind === "request" ? `${provider.name}/${probe.model}` : undefined;
    for (const { row, name } of table.rows()) {
      if (!name.startsWith(`${provider.name}/`) || name.length === provider.name.length + 1) continue;
      if (target !== undefined && name !== target) continue;
      if (result.isFault) breaker.failed(row, each.at);
      else if (result.error !== undefined) continue;
      else if (target !== undefined) breaker.proved(row, each.at);
      else breaker.sooner(row, each.at, before?.isFault === true);
    }
  }

  function stop(): void {
    for (const each of probed.values()) {
      clearTimeout(each.timer);
      each.call?.enough();
    }
  }

  return {
    use,
    view(name) {
      const each = probed.get(name);
      if (each === undefined) return {};
      const { probe, last, latencyMs, at, sent, failed } = each;
      const isAsked = last !== undefined;
      return {
        probe: {
          kind: probe.kind,
          ok: isAsked ? last.error === undefined : null,
          status: last?.status ?? null,
          error: last?.error ?? null,
          latency_ms: isAsked ? Math.round(latencyMs) : null,
          ms_ago: isAsked ? Math.max(0, Date.now() - at) : null,
          sent,
          failed,
        },
      };
    },
    close() {
      stop();
      probed = new Map();
      origins.retain([]);
    },
  };
}

function send(each: Probed, wheel: Wheel, done: (result: Result) => void): void {
  let status: number | undefined;
  let bytes = 0;
  let over = false;
  const end = (result: Result): void => {
    if (over) return;
    over = true;
    done(result);
  };
  const receiver: Receiver = {
    head: (told) => {
      status = told;
    },
    chunk(chunk) {
      bytes += chunk.length;
      if (bytes > answerBytesMax) each.call?.enough();
    },
    end: () => end(judged(status)),
    fail: (error: GatewayError) => end({ status, error: error.code, isFault: error.details.source === "provider" }),
  };
  try {
    const { timeoutMs } = each.probe;
    const { timers, name } = { ...each.provider.data };
    const own = { ...timers, connectMs: timeoutMs, firstByteMs: timeoutMs, idleMs: timeoutMs, totalMs: 2 * timeoutMs };
    each.call = new UpstreamCall(requestOf(each), receiver, own, false, wheel);
    if (!each.provider.origin.dispatch(each.call)) end({ status, error: `${name} is busy`, isFault: false });
  } catch (error) {
    end({ status, error: error instanceof Error ? error.message : String(error), isFault: false });
  }
}

/** A refused key or an unknown path says that somebody is there. */
function judged(status: number | undefined): Result {
  if (status === undefined || status < 300) return { status, error: undefined, isFault: false };
  return { status, error: `answers ${status}`, isFault: status >= 500 };
}

function requestOf({ provider, probe }: Probed): Dispatcher.DispatchOptions {
  const credential = provider.credentials.find(({ weight }) => weight > 0) ?? provider.credentials[0]!;
  const { pairs } = credential.headers;
  if (probe.kind === "models") {
    const base = new URL(provider.data.baseUrl).pathname.replace(/\/+$/, "");
    const headers = pairs.filter((_, index) => pairs[index - (index % 2)] !== "content-type");
    return { method: "GET", path: withQuery(base + probe.path, credential.query), headers };
  }
  const chat = dialects["openai-chat"];
  const { model } = probe;
  const deployment = provider.data.deployments[model] ?? model;
  const endpoint = findEndpoint(provider.endpoints, "chat", provider.dialect, { deployment, model });
  if (endpoint === undefined) throw new Error(`${provider.name} does not offer chat`);
  const asked = { model, max_tokens: outputTokens, messages: [{ role: "user", content: "Hi" }] };
  const parsed = parseRequest(chat, Buffer.from(JSON.stringify(asked)), { model, stream: false });
  const { body, headers } = encodeRequest(parsed, endpoint.dialect, {
    model: deployment,
    known: model,
    injectCap: undefined,
    encoding: endpoint.encoding,
  });
  return {
    method: "POST",
    path: withQuery(pathFor(endpoint, deployment, false), credential.query),
    headers: [...pairs, ...headers, ...endpoint.headers],
    body,
  };
}
