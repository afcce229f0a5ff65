/**
 * Usage as OpenAI tells it of pictures and sound: the counts of its Responses API beside the answer, not within one; or
 * seconds that were listened to; or nothing but the pictures themselves. And as Mistral tells the pages that it read.
 */
import type { Usage } from "../exchange.ts";
import { count, known, parseJson, shape } from "../json.ts";

/** Of a whole answer or the data of one event, as text; undefined: it tells nothing. */
export function mediaUsage(text: string): Usage | undefined {
  const answer = shape(parseJson(text));
  if (Array.isArray(answer["predictions"])) return predictedUsage(answer["predictions"]);
  const pages = count(shape(answer["usage_info"])["pages_processed"]);
  if (pages !== undefined) return { pages };
  const usage = shape(answer["usage"]);
  const input = count(usage["input_tokens"]) ?? count(usage["prompt_tokens"]);
  const output = count(usage["output_tokens"]) ?? count(usage["completion_tokens"]);
  const audioMs = milliseconds(usage["seconds"] ?? answer["duration"]);
  const images = Array.isArray(answer["data"]) ? answer["data"].length : undefined;
  if (input === undefined && output === undefined) {
    return audioMs === undefined && images === undefined ? undefined : known({ audioMs, images });
  }
  const asked = shape(usage["input_tokens_details"] ?? usage["input_token_details"]);
  const cached = shape(asked["cached_tokens_details"]);
  const told = shape(usage["output_tokens_details"] ?? usage["output_token_details"]);
  return known({
    input,
    output: output ?? 0,
    audioMs,
    images,
    cacheRead: count(asked["cached_tokens"]),
    audioInput: count(asked["audio_tokens"]),
    audioCacheRead: count(cached["audio_tokens"]),
    imageInput: count(asked["image_tokens"]),
    imageCacheRead: count(cached["image_tokens"]),
    audioOutput: count(told["audio_tokens"]),
    imageOutput: count(told["image_tokens"]),
  });
}

/** Google's: a picture each, or a vector that tells its tokens. */
function predictedUsage(predictions: readonly unknown[]): Usage {
  const tokens = predictions.map((each) => count(shape(shape(shape(each)["embeddings"])["statistics"])["token_count"]));
  const input = tokens.reduce((sum, some) => (sum === undefined || some === undefined ? undefined : sum + some), 0);
  if (input !== undefined && tokens.length > 0) return { input, output: 0 };
  return { images: predictions.filter((each) => shape(each)["bytesBase64Encoded"] !== undefined).length };
}

/** Whisper writes the length as a number or as its text. */
function milliseconds(seconds: unknown): number | undefined {
  const value = typeof seconds === "string" && seconds !== "" ? Number(seconds) : seconds;
  return typeof value === "number" && Number.isFinite(value) && value >= 0 ? Math.round(value * 1000) : undefined;
}
