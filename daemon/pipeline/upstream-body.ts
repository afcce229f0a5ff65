/**
 * The request body an upstream gets: the client's own bytes with the few splices we are allowed (same dialect), or
 * the request encoded in the upstream's dialect. Hides which of the two it is.
 */
import type { Operation, PathWords } from "../../providers/exchange.ts";
import { GatewayError } from "../../providers/gateway-error.ts";
import { editMembers, renameMembers } from "../http/members.ts";
import { spliceRequest } from "../http/splice.ts";
import { noEndpoint, type ReadyEndpoint } from "../routing/endpoints.ts";
import type { Target } from "../routing/generation.ts";
import { type Translator, translateInlineBytesMax } from "../runtime/translator.ts";
import { encodeCompletion, encodeOperation } from "./codecs.ts";
import type { Exchange } from "./exchange.ts";
import { withoutForeignProofs } from "./proofs.ts";
import { ours, requestEdits } from "./request-edits.ts";
import { encodeRequest, parseRequest, type Translated } from "./translate.ts";

export type UpstreamBody = {
  readonly bytes: Buffer;
  /** Flat pairs the dialect needs. */
  readonly headers: readonly string[];
};

const none: readonly string[] = [];

export function upstreamBody(
  exchange: Exchange,
  target: Target,
  endpoint: ReadyEndpoint,
  injectCap: number | undefined,
): UpstreamBody {
  const same =
    endpoint.dialect.id === exchange.route.dialect.id &&
    !endpoint.predict &&
    !endpoint.asChat &&
    exchange.mixed === undefined;
  exchange.droppedHeader = []; // of the hop before this one
  if (!same) return checked(exchange, target, endpoint, encoded(exchange, target, endpoint, injectCap));
  if (exchange.trip?.plan.unhonoured !== undefined) report(exchange, target, []);
  const bytes = shaped(exchange, endpoint, spliced(exchange, target, endpoint, injectCap));
  return {
    bytes: inItsWords(exchange, target, endpoint, readable(exchange, target, endpoint, bytes)),
    headers: told(exchange, endpoint),
  };
}

/** A host that speaks the language with some words of its own, or without some. */
function inItsWords(exchange: Exchange, target: Target, { encoding, dialect }: ReadyEndpoint, body: Buffer): Buffer {
  if (encoding.fields === undefined || dialect.id !== "openai-chat" || !isText(exchange.route.operation)) return body;
  const { bytes, leftOut } = renameMembers(body, encoding.fields);
  if (leftOut.length > 0) report(exchange, target, leftOut);
  return bytes;
}

function isText(operation: Operation): boolean {
  return operation === "chat" || operation === "completions";
}

/** Without the proofs of thinking that this provider did not make, which it would refuse the request for. */
function readable(exchange: Exchange, target: Target, { dialect }: ReadyEndpoint, bytes: Buffer): Buffer {
  if (exchange.issuers === undefined || dialect.id !== "openai-responses") return bytes;
  const without = withoutForeignProofs(exchange, bytes);
  if (without === undefined) return bytes;
  report(exchange, target, ["input.reasoning"]);
  return without;
}

/** Does this body have to be translated, and is it so large that others would feel it? */
export function isLargeTranslation(exchange: Exchange, { dialect }: ReadyEndpoint): boolean {
  return (
    exchange.body!.length > translateInlineBytesMax &&
    (dialect.id !== exchange.route.dialect.id || exchange.mixed !== undefined) &&
    exchange.route.operation === "chat"
  );
}

/** The same as `upstreamBody`, by the helper thread. The function it returns gives it up. */
export function translateLarge(
  exchange: Exchange,
  target: Target,
  endpoint: ReadyEndpoint,
  injectCap: number | undefined,
  translator: Translator,
  done: (error: unknown, body: UpstreamBody | undefined) => void,
): () => void {
  const { dialect, encoding } = endpoint;
  return translator.translate(
    {
      kind: "request",
      client: exchange.route.dialect.id,
      upstream: dialect.id,
      model: target.deployment,
      known: target.model,
      injectCap,
      encoding,
      asked: asked(exchange),
    },
    exchange.body!,
    (error, translated) => {
      if (translated === undefined) {
        done(error, undefined);
        return;
      }
      let body: UpstreamBody;
      try {
        body = checked(exchange, target, endpoint, translated);
      } catch (refused) {
        done(refused, undefined);
        return;
      }
      done(undefined, body);
    },
  );
}

function checked(
  exchange: Exchange,
  target: Target,
  endpoint: ReadyEndpoint,
  { body, headers, dropped, echo }: Translated,
): UpstreamBody {
  if (exchange.rendering !== undefined) exchange.rendering.echo = echo;
  report(exchange, target, dropped);
  return { bytes: shaped(exchange, endpoint, body), headers };
}

/** Leaves out what the path says already, and says what this host wants to read in the body. */
function shaped(exchange: Exchange, { body: wanted, dialect }: ReadyEndpoint, body: Buffer): Buffer {
  if (wanted === undefined) {
    const { foreign, dialect: own } = exchange.route;
    if (foreign === undefined || own.id !== dialect.id) return body;
    return editMembers(body, [...foreign.omit, ...Object.keys(foreign.headers)], {});
  }
  const { headers } = exchange.request;
  const add = { ...wanted.add };
  for (const [header, member] of Object.entries(wanted.headers ?? {})) {
    const told = dialect.id === exchange.route.dialect.id ? headers[header] : undefined;
    if (typeof told !== "string" || told === "") continue;
    add[member] = JSON.stringify(told.split(",").map((word) => word.trim()));
  }
  return editMembers(body, wanted.omit, add);
}

/** What the path's vendor has in the body and the dialect's own in a header. */
function told(exchange: Exchange, { body: wanted }: ReadyEndpoint): readonly string[] {
  const { foreign } = exchange.route;
  if (foreign === undefined || wanted !== undefined) return none;
  const body = JSON.parse(exchange.body!.toString("utf8")) as Readonly<Record<string, unknown>>;
  return Object.entries(foreign.headers).flatMap(([member, header]) => {
    const value = body[member];
    return Array.isArray(value) && value.length > 0 ? [header, value.join(",").replace(/[^\x20-\x7e]/g, "")] : [];
  });
}

function spliced(exchange: Exchange, target: Target, endpoint: ReadyEndpoint, injectCap: number | undefined): Buffer {
  return spliceRequest(exchange.body!, exchange.view!, requestEdits(exchange, target, endpoint, injectCap));
}

function encoded(
  exchange: Exchange,
  target: Target,
  { dialect, encoding, predict, asChat }: ReadyEndpoint,
  injectCap: number | undefined,
): Translated {
  const job = { model: target.deployment, known: target.model, injectCap, encoding };
  if (asChat) {
    exchange.coded = encodeCompletion(exchange, dialect, asked(exchange), job);
    return exchange.coded.request;
  }
  if (exchange.route.operation !== "chat") {
    exchange.coded = encodeOperation(exchange, dialect, target.deployment, asked(exchange), { predict });
    if (exchange.coded === undefined) throw noEndpoint(target.provider, exchange.route.operation);
    return exchange.coded.request;
  }
  exchange.parsed ??= parseRequest(exchange.route.dialect, exchange.body!, asked(exchange));
  return encodeRequest(exchange.parsed, dialect, job);
}

function asked({ view }: Exchange): PathWords {
  return { model: view!.model!, stream: view!.stream };
}

export function report(exchange: Exchange, target: Target, unexpressed: readonly string[]): void {
  const { foreign } = exchange.route;
  const dropped = unexpressed.filter((name) => !ours.has(name) && foreign?.omit.includes(name) !== true);
  const suffix = exchange.trip?.plan.unhonoured;
  if (suffix !== undefined) dropped.unshift(suffix);
  if (dropped.length === 0) return;
  if (isStrict(exchange, target)) {
    throw new GatewayError("unsupported_parameter", `${target.name} cannot express: ${dropped.join(", ")}`, {
      source: "client",
      param: dropped[0]!,
    });
  }
  exchange.droppedHeader = ["x-bifrost-dropped-params", dropped.join(",").replace(/[^\x20-\x7e]/g, "?")];
}

/** Who is nearest decides: the request, its key, then the provider. */
function isStrict({ trip, view, caller }: Exchange, { provider }: Target): boolean {
  if (trip?.plan.strict === true) return true;
  const said = view?.preferences?.unsupported ?? caller?.unsupported;
  return said === undefined ? provider.data.strict : said === "strict";
}
