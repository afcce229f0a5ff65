/**
 * Stage 2: bytes → Request view. Hides the caps on what one worker holds at once, and the few looks at the body that
 * pricing needs.
 */
import { GatewayError } from "../../providers/gateway-error.ts";
import { readBody, tooMuch } from "../http/body.ts";
import { type RequestView, scanRequest } from "../http/scan.ts";
import type { Exchange } from "./exchange.ts";
import { mixedDialect } from "./mixed.ts";
import type { Plane } from "./plane.ts";
import { readPreferences } from "./preferences.ts";

/** Above this a body is scanned in a turn of its own: joining and scanning take about 2 ms a megabyte. */
const scanAtOnceBytesMax = 2 * 1024 * 1024;

export function read(exchange: Exchange, plane: Plane): Promise<RequestView> {
  const { server } = exchange.generation.data;
  return new Promise((resolve, reject) => {
    const taken = (error: GatewayError | undefined, body: Buffer | undefined): void => {
      try {
        if (error !== undefined || body === undefined)
          throw error ?? new GatewayError("invalid_json", "the body is empty", { source: "client" });
        resolve(take(exchange, plane, body));
      } catch (failure) {
        reject(failure);
      }
    };
    const reserve = (bytes: number): boolean => holdBytes(exchange, plane, bytes);
    readBody(exchange.request, { bytesMax: server.bodyBytesMax, reserve }, (error, body) => {
      // Joining a large one has taken a while already: others come before it is scanned.
      if (body !== undefined && body.length > scanAtOnceBytesMax) setImmediate(taken, error, body);
      else taken(error, body);
    });
  });
}

function take(exchange: Exchange, plane: Plane, body: Buffer): RequestView {
  // One that was compressed is longer now.
  if (!holdBytes(exchange, plane, body.length - exchange.bodyBytesHeld)) throw tooMuch();
  exchange.bytesIn = body.length;
  exchange.body = body;
  const view = completed(exchange, scanRequest(body), body);
  const { form } = exchange.route;
  if (view.model === undefined && form !== "object" && form !== "secret" && form !== "nested" && form !== "any")
    throw new GatewayError("invalid_request", "model is required", { source: "client", param: "model" });
  exchange.view = view;
  exchange.mixed = mixedDialect(exchange.route, view, body);
  return view;
}

/**
 * What the path says is what counts, and what a provider gets to read: a model in the body is replaced on the way there.
 * `stream` is never the body's where the path has a call for each.
 */
function completed({ request, pathModel, route }: Exchange, view: RequestView, body: Buffer): RequestView {
  const preferences = readPreferences(body, view.noted, request.rawHeaders);
  const { stream } = route;
  if (pathModel === undefined && stream === undefined && preferences === undefined) return view;
  return {
    ...view,
    preferences,
    model: pathModel ?? view.model,
    bodyModel: pathModel === undefined ? undefined : view.model,
    bodyStream: view.stream,
    stream: stream ?? view.stream,
  };
}

/** In place of what was read, by what was known of it: it is read again, since what decides must be what is sent. */
export function replaceBody(exchange: Exchange, plane: Plane, body: Buffer): void {
  const { bodyBytesMax } = exchange.generation.data.server;
  if (body.length > bodyBytesMax) {
    const message = `the response and what it goes on from are larger than ${bodyBytesMax} bytes`;
    throw new GatewayError("payload_too_large", message, { source: "client", param: "previous_response_id" });
  }
  take(exchange, plane, body);
}

/** Counted as they come, or slow senders could together bring any amount. */
export function holdBytes(exchange: Exchange, plane: Plane, bytes: number): boolean {
  if (plane.bodyBytes + bytes > exchange.generation.data.server.bodiesBytesMax) return false;
  plane.bodyBytes += bytes;
  exchange.bodyBytesHeld += bytes;
  return true;
}

/** The counted bytes are given back once, whatever became of the request. */
export function releaseBody(exchange: Exchange, plane: Plane): void {
  plane.bodyBytes -= exchange.bodyBytesHeld;
  exchange.bodyBytesHeld = 0;
  exchange.body = undefined;
  exchange.parsed = undefined;
}
