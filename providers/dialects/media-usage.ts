/** Usage as OpenAI tells it of pictures and sound: the counts of its Responses API beside the answer, not within one. */
import type { Usage } from "../exchange.ts";
import { count, known, parseJson, shape } from "../json.ts";

/** Of a whole answer or the data of one event, as text; undefined: it tells no tokens (Whisper tells seconds). */
export function mediaUsage(text: string): Usage | undefined {
  const usage = shape(shape(parseJson(text))["usage"]);
  const input = count(usage["input_tokens"]) ?? count(usage["prompt_tokens"]);
  const output = count(usage["output_tokens"]) ?? count(usage["completion_tokens"]);
  if (input === undefined && output === undefined) return undefined;
  const asked = shape(usage["input_tokens_details"] ?? usage["input_token_details"]);
  const told = shape(usage["output_tokens_details"] ?? usage["output_token_details"]);
  return known({
    input,
    output: output ?? 0,
    cacheRead: count(asked["cached_tokens"]),
    audioInput: count(asked["audio_tokens"]),
    audioOutput: count(told["audio_tokens"]),
    imageOutput: count(told["image_tokens"]),
  });
}
