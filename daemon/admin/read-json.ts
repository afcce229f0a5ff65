/** A body of the admin API → its value. Hides how deep one may lie: what walks a value goes down as deep as it does. */
import { GatewayError } from "../../providers/gateway-error.ts";
import { nestingMax } from "../http/json-skip.ts";

export function readJson(text: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new GatewayError("invalid_json", "the body is not valid JSON", { cause });
  }
  if (depthOf(text) > nestingMax)
    throw new GatewayError("invalid_json", `the body is nested more than ${nestingMax} levels deep`);
  return value;
}

/** Of JSON that is valid. */
function depthOf(text: string): number {
  let [depth, deepest, isText] = [0, 0, false];
  for (let at = 0; at < text.length; at++) {
    const mark = text[at];
    if (mark === '"') isText = !isText;
    else if (isText) at += mark === "\\" ? 1 : 0;
    else if (mark === "[" || mark === "{") deepest = Math.max(deepest, ++depth);
    else if (mark === "]" || mark === "}") depth -= 1;
  }
  return deepest;
}
