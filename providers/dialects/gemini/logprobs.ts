/** Log probabilities ⇄ the shape of chat completions. Hides that the chosen tokens and their rivals stand in two lists. */
import type { Json, JsonObject } from "../../exchange.ts";
import { isObject, list, type Shape, shape, text } from "../../json.ts";

export function decodeLogprobs(result: Shape): JsonObject | undefined {
  const chosen = list(result["chosenCandidates"]);
  if (chosen.length === 0) return undefined;
  const rivals = list(result["topCandidates"]);
  return {
    content: chosen.map((token, index) => ({
      ...decodeToken(shape(token)),
      top_logprobs: list(shape(rivals[index])["candidates"]).map((rival) => decodeToken(shape(rival))),
    })),
    refusal: null,
  };
}

function decodeToken(token: Shape): { token: string; logprob: number; bytes: number[] } {
  const written = text(token["token"]) ?? "";
  const logprob = typeof token["logProbability"] === "number" ? token["logProbability"] : 0;
  return { token: written, logprob, bytes: [...new TextEncoder().encode(written)] };
}

/** Undefined where none of the values tells a token. */
export function renderLogprobs(values: readonly Json[]): JsonObject | undefined {
  const tokens = values.flatMap((value) => (isObject(value) ? list(value["content"]).filter(isObject) : []));
  if (tokens.length === 0) return undefined;
  return {
    chosenCandidates: tokens.map(renderToken),
    topCandidates: tokens.map((token) => ({
      candidates: list(token["top_logprobs"]).filter(isObject).map(renderToken),
    })),
  };
}

function renderToken(token: Shape): JsonObject {
  return {
    token: text(token["token"]) ?? "",
    logProbability: typeof token["logprob"] === "number" ? token["logprob"] : 0,
  };
}
