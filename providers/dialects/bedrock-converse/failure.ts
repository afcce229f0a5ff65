/** Errors in Bedrock's words: a name and a message. Hides where the name stands, which differs between answers and streams. */
import type { JsonObject } from "../../exchange.ts";
import { GatewayError } from "../../gateway-error.ts";
import { shape, text, words } from "../../json.ts";
import { failureExtras, upstreamFailure } from "../failure.ts";
import { exceptionFor, exceptionStatus } from "./exceptions.ts";

export function decodeFailure(status: number, body: unknown): GatewayError {
  const answer = shape(body);
  const named = exceptionStatus(words(answer["__type"]) ?? words(answer["code"]) ?? "");
  const real = status >= 400 ? status : (named ?? status);
  const message = text(answer["message"]) ?? text(answer["Message"]);
  return translated(real, message === undefined ? body : { message });
}

/** An exception in a stream, by its name. */
export function decodeException(name: string, data: unknown): GatewayError {
  const answer = shape(data);
  const message = text(answer["message"]) ?? text(answer["originalMessage"]) ?? name;
  return translated(exceptionStatus(name) ?? 500, { message });
}

/** 424 says that the model failed, which is no fault of the request. */
function translated(status: number, body: unknown): GatewayError {
  const error = upstreamFailure(status === 424 ? 500 : status, body);
  if (error.code !== "upstream_rejected" || !/input is too long|too many (input )?tokens/i.test(error.message))
    return error;
  return new GatewayError("context_length_exceeded", error.message, { ...error.details, status: 400 });
}

/** Bedrock's clients take the name from `__type` where no header has it; a field `code` would go before it. */
export function renderFailure(error: GatewayError, requestId: string): JsonObject {
  const name = exceptionFor(error.code);
  const param = error.details.param === undefined ? {} : { param: error.details.param };
  return {
    __type: name.charAt(0).toUpperCase() + name.slice(1),
    message: error.message,
    bifrost: { code: error.code, ...param, ...failureExtras(error), request_id: requestId },
  };
}
