/** Frames that are known by the frame before them are read as if they were parsed. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { alike } from "../../../providers/dialects/alike.ts";
import { dialects } from "../../../providers/dialects/index.ts";
import type { DialectId, Event, StreamDecoder } from "../../../providers/exchange.ts";

type Sent = readonly [event: string, data: string];
type Frames = { readonly of: (text: string, lead: string, more: string) => Sent; readonly last: Sent };

/** A frame with a text in it and with other fields before and after; and the frame after which no text counts. */
const frames: Partial<Record<DialectId, Frames>> = {
  "openai-chat": {
    of: (text, lead, more) => ["", `{"model":"${lead}","choices":[{"index":0,"delta":{"content":${text}${more}}}]}`],
    last: ["", "[DONE]"],
  },
  anthropic: {
    of: (text, lead, more) => [
      "content_block_delta",
      `{"x":"${lead}","type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":${text}${more}}}`,
    ],
    last: ["message_stop", `{"type":"message_stop"}`],
  },
  gemini: {
    of: (text, lead, more) => [
      "",
      `{"modelVersion":"${lead}","candidates":[{"content":{"parts":[{"text":${text}${more}}]}}],"usageMetadata":{"promptTokenCount":3}}`,
    ],
    last: ["", `{"candidates":[{"finishReason":"STOP"}]}`],
  },
  cohere: {
    of: (text, lead, more) => [
      "content-delta",
      `{"id":"${lead}","type":"content-delta","index":0,"delta":{"message":{"content":{"text":${text}${more}}}}}`,
    ],
    last: ["message-end", `{"type":"message-end","delta":{"finish_reason":"COMPLETE"}}`],
  },
};
/** After the texts: what tells what a decoder kept of them. */
const grounding = `{"candidates":[{"groundingMetadata":{"groundingSupports":[{"segment":{"startIndex":1,"endIndex":999},"groundingChunkIndices":[0]}],"groundingChunks":[{"web":{"uri":"https://a.example","title":"a"}}]},"finishReason":"STOP"}]}`;

const literal = fc.oneof(
  fc.constantFrom(`"m"`, `"a"`),
  fc
    .constantFrom(...["a", "text", "content", "m", "", ",", ":", "}", "é", "日本", "🙂", " ", "b c"])
    .map((text) => JSON.stringify(text)),
  fc.string({ unit: "grapheme", maxLength: 12 }).map((text) => JSON.stringify(text)),
  fc.constantFrom(String.raw`"\u0061"`, String.raw`"\""`, String.raw`"\\"`, "null", "7", `["a"]`),
);
const more = fc.constantFrom("", "", "", "", `,"x":"a"`, `,"text":"late"`, String.raw`,"y":"\u0061"`, " ");

const lead = fc.constantFrom("m", "m", "m", "a");
const piece = fc.oneof(
  { weight: 15, arbitrary: fc.tuple(literal, lead, more) },
  { weight: 1, arbitrary: fc.constantFrom("last" as const, "error" as const) },
);

for (const [id, { of, last }] of Object.entries(frames)) {
  test(`${id}: a stream is read as one whose frames never begin alike`, () => {
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 24 }), (pieces) => {
        const failed: Sent = ["error", of(`"m"`, "m", "")[1]];
        const sent = pieces.map((words) => (words === "last" ? last : words === "error" ? failed : of(...words)));
        if (id === "gemini") sent.push(["", grounding]);
        const unlike = sent.map(
          ([name, data], at): Sent => [name, data === "[DONE]" ? data : `${" ".repeat(1 + (at % 2))}${data}`],
        );
        const decoder = () => dialects[id as DialectId].decodeStream();
        assert.deepEqual(read(decoder(), sent), read(decoder(), unlike));
      }),
      { numRuns: 500 },
    );
  });
}

test("a frame that differs in its text only does not reach the decoder", () => {
  const pushed: string[] = [];
  const told: string[] = [];
  const decoder: StreamDecoder = {
    finished: () => false,
    push(_, data) {
      pushed.push(data);
      const { text } = JSON.parse(data) as { text: string };
      return [{ type: "text", delta: text }];
    },
    end: () => [],
  };
  const reader = alike(decoder, (text) => told.push(text));
  const sent = [`{"text":"one"}`, `{"text":"two"}`, String.raw`{"text":"\n"}`, `{"text":"three"}`, `{"text":"four"}`];
  assert.deepEqual(
    read(
      reader,
      sent.map((data): Sent => ["", data]),
    ),
    ["one", "two", "\n", "three", "four"].map((delta) => ({ type: "text", delta })),
  );
  assert.deepEqual(pushed, [sent[0], sent[2], sent[3]]);
  assert.deepEqual(told, ["two", "four"]);
});

/** What comes of it, up to where it fails. */
function read(decoder: StreamDecoder, sent: readonly Sent[]): readonly (Event | string)[] {
  const read: (Event | string)[] = [];
  try {
    for (const [name, data] of sent) read.push(...decoder.push(name, data));
  } catch (error) {
    read.push(String(error));
  }
  return read;
}
