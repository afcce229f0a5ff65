/** Failures in OpenAI's envelope: ours as they are written, and theirs as they are found inside a 200. */
import type { JsonObject } from "../../exchange.ts";
import type { GatewayError } from "../../gateway-error.ts";
import { isObject, list, type Shape, shape, words } from "../../json.ts";
import { failureExtras } from "../failure.ts";
import { failedReasons } from "./usage.ts";

export function renderFailure(error: GatewayError, requestId: string): JsonObject {
  return {
    error: {
      message: error.message,
      type: error.type,
      param: error.details.param ?? null,
      code: error.code,
      ...failureExtras(error),
      request_id: requestId,
    },
  };
}

/** A top-level error, one in a choice, or a finish reason that means one. Also holds for a chunk without choices. */
export function holdsFailure(chunk: Shape): boolean {
  if (isFailure(chunk["error"]) || chunk["object"] === "error") return true;
  return list(chunk["choices"]).some((choice) => {
    const { error, finish_reason: reason } = shape(choice) as { error?: unknown; finish_reason?: unknown };
    return isFailure(error) || (typeof reason === "string" && failedReasons.has(reason));
  });
}

function isFailure(error: unknown): boolean {
  return isObject(error) || words(error) !== undefined;
}
