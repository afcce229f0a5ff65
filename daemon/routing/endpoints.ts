/**
 * Where at a provider one call goes: which of its endpoints, and the path there. Hides that a host may serve an operation
 * in several languages, that some serve a model in one language only, and that some hosts want the model in the path.
 */
import { dialects } from "../../providers/dialects/index.ts";
import type { Dialect, EncodeOptions, Framing, Operation } from "../../providers/exchange.ts";
import { GatewayError } from "../../providers/gateway-error.ts";
import type { Endpoint, Host } from "../../providers/hosts.ts";
import type { ProviderData } from "../config/generation.ts";

/** An endpoint of one provider, ready to be called. */
export type ReadyEndpoint = {
  readonly dialect: Dialect;
  readonly framing: Framing;
  /** Models that are served here; undefined: all. */
  readonly models: RegExp | undefined;
  readonly path: PathTemplate;
  readonly streamPath: PathTemplate;
  /** Flat pairs that the endpoint wants unless the caller says otherwise. */
  readonly headers: readonly string[];
  /** What its body must not hold and what it must. */
  readonly body: Endpoint["body"];
  /** See `Endpoint.folders`. */
  readonly folders: boolean;
  /** See `Endpoint.predict`. */
  readonly predict: boolean;
  /** See `Endpoint.voice`. */
  readonly voice: Endpoint["voice"];
  /** Text completions are asked for here as a chat: the host has no others. */
  readonly asChat: boolean;
  /** How it wants a translated request. */
  readonly encoding: EncodeOptions;
};

/** A path around the model's name; where that does not stand in the path, `after` is undefined. */
export type PathTemplate = { readonly before: string; readonly after: string | undefined };

export type Endpoints = Readonly<Partial<Record<Operation, readonly ReadyEndpoint[]>>>;

export function readyEndpoints(host: Host, data: ProviderData): Endpoints {
  const base = data.baseUrl.startsWith("echo:") ? "" : new URL(data.baseUrl).pathname.replace(/\/+$/, "");
  const { usageUnasked = false, extensions = false, thinkingBack = false, customTools = false, fields } = host.quirks;
  const encoding = {
    usageUnasked,
    extensions,
    thinkingBack,
    functionsOnly: !customTools,
    ...(fields === undefined ? {} : { fields }),
  };
  const ready: Partial<Record<Operation, readonly ReadyEndpoint[]>> = {};
  for (const [operation, endpoints] of Object.entries(host.operations)) {
    const offered = endpoints.flatMap((endpoint) => {
      const dialect = dialects[endpoint.dialect];
      if (data.dialectOnly && operation === "chat" && endpoint.dialect !== data.dialect) return [];
      // From the root means at the host's own address; another one may lie anywhere.
      if (endpoint.path.startsWith("//") && !isOwnAddress(host, data)) return [];
      const { where } = endpoint;
      if (where !== undefined && !where[1].test(data.parameters[where[0]] ?? "")) return [];
      return {
        dialect,
        framing: endpoint.framing ?? dialect.framing,
        models: endpoint.models,
        path: template(endpoint.path, base, data.parameters),
        streamPath: template(endpoint.streamPath ?? endpoint.path, base, data.parameters),
        headers: Object.entries(endpoint.headers ?? {}).flat(),
        body: endpoint.body,
        folders: endpoint.folders === true,
        predict: endpoint.predict === true,
        voice: endpoint.voice,
        asChat: false,
        encoding,
      };
    });
    if (offered.length > 0) ready[operation as Operation] = offered;
  }
  if (ready.completions === undefined && ready.chat !== undefined)
    ready.completions = ready.chat.map((endpoint) => ({ ...endpoint, asChat: true }));
  return ready;
}

function isOwnAddress(host: Host, { baseUrl, parameters }: ProviderData): boolean {
  if (host.baseUrl === "") return true;
  return new URL(baseUrl).origin === new URL(filled(host.baseUrl, parameters)).origin;
}

function template(written: string, base: string, parameters: ProviderData["parameters"]): PathTemplate {
  const whole = written.startsWith("//")
    ? written.slice(1)
    : written.startsWith("../")
      ? base.replace(/\/[^/]*$/, "") + written.slice(2)
      : base + written;
  const [before = "", after] = filled(whole, parameters).split("{model}");
  return { before, after };
}

function filled(written: string, parameters: ProviderData["parameters"]): string {
  return written.replace(/\{(\w+)\}/g, (hole, name: string) =>
    name === "model" ? hole : encodeURIComponent(parameters[name] ?? ""),
  );
}

/** Where the caller's own language is spoken, else the usual place; undefined where the operation is not offered. */
export function findEndpoint(
  endpoints: Endpoints,
  operation: Operation,
  caller: Dialect,
  { deployment, model }: { readonly deployment: string; readonly model: string },
): ReadyEndpoint | undefined {
  let usual: ReadyEndpoint | undefined;
  for (const endpoint of endpoints[operation] ?? []) {
    const { models } = endpoint;
    if (models !== undefined && !models.test(deployment) && (deployment === model || !models.test(model))) continue;
    if (endpoint.dialect.id === caller.id) return endpoint;
    usual ??= endpoint;
  }
  return usual;
}

export function noEndpoint(
  { name, instead }: { readonly name: string; readonly instead: Host["instead"] },
  operation: Operation,
): GatewayError {
  const hint = instead?.[operation]?.replaceAll("{provider}", name);
  return new GatewayError("unsupported_parameter", `${name} does not offer ${operation}${hint ? `: ${hint}` : ""}`, {
    source: "client",
    param: "model",
  });
}

export function pathFor({ path, streamPath, folders }: ReadyEndpoint, model: string, streamed: boolean): string {
  const { before, after } = streamed ? streamPath : path;
  if (after === undefined) return before;
  const name = encodeURIComponent(model);
  return before + (folders ? name.replace("%2F", "/") : name) + after;
}
