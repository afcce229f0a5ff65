/**
 * ElevenLabs' speech and transcriptions, asked for in OpenAI's words. Hides that the voice stands in the path, the
 * format in the query, and that its transcripts have the pauses between the words as well.
 * elevenlabs.io/docs/api-reference/text-to-speech/stream, /speech-to-text/convert
 */
import type { Json, JsonObject } from "../exchange.ts";
import { GatewayError } from "../gateway-error.ts";
import { isObject, jsonObject, list, lookup, type Shape, shape, words } from "../json.ts";
import type { Voice } from "./host.ts";

export const elevenlabs: Voice = {
  speak,
  heard,
  fields: { model: "model_id", language: "language_code" },
  lacks: new Set(["prompt", "chunking_strategy", "include[]", "known_speaker_names[]", "known_speaker_references[]"]),
  refused: { stream: /^(true|1)$/i, response_format: /^(srt|vtt|diarized_json)$/ },
};

/** OpenAI's names, at the rates that OpenAI's clients expect; any other is taken for one of ElevenLabs' own. */
const formats: Readonly<Record<string, string>> = {
  mp3: "mp3_44100_128",
  opus: "opus_48000_128",
  pcm: "pcm_24000",
  wav: "wav_24000",
};
const ownFormat = /^[a-z0-9]+_\d+(_\d+)?$/;

/** ElevenLabs' own, which a caller may put beside OpenAI's. */
const ownFields = [
  "language_code",
  "voice_settings",
  "seed",
  "previous_text",
  "next_text",
  "apply_text_normalization",
  "pronunciation_dictionary_locators",
] as const;
const read: ReadonlySet<string> = new Set([
  ...ownFields,
  ...["model", "input", "voice", "response_format", "speed", "stream_format"],
]);

function speak(asked: Shape, model: string): ReturnType<Voice["speak"]> {
  const input = words(asked["input"]) ?? refuse("invalid_request", "input", "is required and must be a text");
  const voice =
    words(asked["voice"]) ??
    words(shape(asked["voice"])["id"]) ??
    refuse("invalid_request", "voice", "is required: the id of one of ElevenLabs' voices");
  const format = words(asked["response_format"]) ?? "mp3";
  const theirs = lookup(formats, format) ?? (ownFormat.test(format) ? format : undefined);
  if (theirs === undefined)
    refuse("unsupported_parameter", "response_format", `"${format.slice(0, 32)}" is not made by ElevenLabs`);
  if (asked["stream_format"] === "sse")
    refuse("unsupported_parameter", "stream_format", "ElevenLabs streams sound only");
  const own = jsonObject(asked);
  const body: Record<string, Json> = { text: input, model_id: model };
  for (const name of ownFields) if (own[name] !== undefined) body[name] = own[name];
  if (own["speed"] !== undefined) {
    const settings = isObject(own["voice_settings"]) ? (own["voice_settings"] as JsonObject) : {};
    body["voice_settings"] = { ...settings, speed: own["speed"] };
  }
  return {
    path: `/${encodeURIComponent(voice)}/stream?output_format=${theirs}`,
    body,
    dropped: Object.keys(own).filter((name) => !read.has(name)),
  };
}

function heard(answer: unknown, format: string): ReturnType<Voice["heard"]> {
  const told = shape(answer);
  const text = words(told["text"]);
  if (text === undefined)
    throw new GatewayError("upstream_protocol", "elevenlabs: the answer has no text", { source: "provider" });
  const pieces = list(told["words"]).map(shape);
  const spoken = pieces.filter(({ type }) => type !== "spacing" && type !== "audio_event");
  const seconds = Math.max(0, ...pieces.map(({ end }) => (typeof end === "number" ? end : 0)));
  const audioMs = pieces.length === 0 ? undefined : Math.round(seconds * 1000);
  if (format === "text") return { body: `${text}\n`, audioMs };
  if (format !== "verbose_json") return { body: { text }, audioMs };
  const timed = spoken.map(({ text: word, start, end }) => jsonObject({ word, start, end }));
  const language = words(told["language_code"]);
  return {
    body: {
      task: "transcribe",
      ...(language === undefined ? {} : { language }),
      duration: seconds,
      text,
      words: timed,
    },
    audioMs,
  };
}

function refuse(code: "invalid_request" | "unsupported_parameter", param: string, why: string): never {
  throw new GatewayError(code, `${param}: ${why}`, { source: "client", param });
}
