/** Log probabilities between Cohere's pieces of text and the list of tokens that the others have. */
import type { Json, JsonObject } from "../../exchange.ts";
import { isObject, list, shape, text } from "../../json.ts";

/** One piece may hold several tokens; its first probability stands for it. */
export function decodeLogprobs(value: unknown): JsonObject | undefined {
  const pieces = Array.isArray(value) ? value : isObject(value) ? [value] : [];
  const content = pieces.flatMap((piece) => {
    const { text: token, logprobs } = shape(piece);
    const [logprob] = list(logprobs);
    if (typeof token !== "string" || typeof logprob !== "number") return [];
    return [{ token, logprob, bytes: null, top_logprobs: [] }];
  });
  return content.length === 0 ? undefined : { content, refusal: null };
}

export function renderLogprobs(value: Json): JsonObject[] {
  return list(shape(value)["content"]).map((item) => {
    const { token, logprob } = shape(item);
    return { text: text(token) ?? "", token_ids: [], logprobs: [typeof logprob === "number" ? logprob : 0] };
  });
}
