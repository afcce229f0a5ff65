/** Claude cites what it was sent the same in Anthropic's words and in Bedrock's. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { dialects } from "../../../providers/dialects/index.ts";
import type { Event, JsonObject } from "../../../providers/exchange.ts";
import { replay } from "./replay.ts";

const { anthropic, "bedrock-converse": bedrock } = dialects;
const context = { id: "id_1", model: "m", created: 1, includeUsage: true };

/** The same place in both. What answers say of a file has no counterpart at Bedrock. */
const places: readonly (readonly [JsonObject, JsonObject])[] = [
  [
    {
      type: "search_result_location",
      cited_text: "words",
      search_result_index: 1,
      source: "https://s.example/",
      title: "T",
      start_block_index: 0,
      end_block_index: 2,
    },
    {
      title: "T",
      source: "https://s.example/",
      sourceContent: [{ text: "words" }],
      location: { searchResultLocation: { searchResultIndex: 1, start: 0, end: 2 } },
    },
  ],
  ...(
    [
      ["char_location", "char_index", "documentChar"],
      ["page_location", "page_number", "documentPage"],
      ["content_block_location", "block_index", "documentChunk"],
    ] as const
  ).map(
    ([type, unit, member]) =>
      [
        {
          type,
          cited_text: "words",
          document_index: 1,
          document_title: "T",
          [`start_${unit}`]: 3,
          [`end_${unit}`]: 4,
          file_id: null,
        },
        {
          title: "T",
          sourceContent: [{ text: "words" }],
          location: { [member]: { documentIndex: 1, start: 3, end: 4 } },
        },
      ] as const,
  ),
];

const told = (value: JsonObject): readonly Event[] => [
  { type: "start", id: "m_1", model: "m" },
  { type: "text", delta: "so" },
  { type: "citation", value },
  { type: "finish", reason: "stop", usage: { input: 7, output: 3 } },
];
const citations = (events: readonly Event[]) =>
  events.flatMap((event) => (event.type === "citation" ? [event.value] : []));

for (const [ofAnthropic, ofBedrock] of places) {
  const name = String(ofAnthropic["type"]);

  test(`render() and renderStream() tell ${name} in the client's words`, () => {
    for (const [dialect, theirs, ours] of [
      [anthropic, ofBedrock, ofAnthropic],
      [bedrock, ofAnthropic, ofBedrock],
    ] as const) {
      const whole = dialect.decode(JSON.parse(JSON.stringify(dialect.render(told(theirs), context))));
      const renderer = dialect.renderStream(context);
      const frames = told(theirs)
        .map((event) => renderer.push(event))
        .join("");
      const streamed = replay(dialect, frames + renderer.end());
      assert.deepEqual([citations(whole), citations(streamed)], [[ours], [ours]]);
    }
  });

  test(`encode() sends ${name} of what was said before in the provider's words`, () => {
    const { file_id: _, ...sent } = ofAnthropic;
    const question = { role: "user", content: [{ type: "text", text: "?" }] };
    const said = { role: "assistant", content: [{ type: "text", text: "so", citations: [sent] }] };
    const asked = anthropic.parse(
      { model: "m", max_tokens: 9, messages: [question, said, question] },
      { model: "m", stream: false },
    );
    const { body, dropped } = bedrock.encode({ ...asked, model: "anthropic.claude-sonnet-4-5" });
    const [, turn] = (body as { messages: { content: JsonObject[] }[] }).messages;
    assert.deepEqual(turn!.content, [{ citationsContent: { content: [{ text: "so" }], citations: [ofBedrock] } }]);
    assert.deepEqual(dropped, []);
    const back = bedrock.parse(
      {
        messages: [
          { role: "user", content: [{ text: "?" }] },
          { role: "assistant", content: turn!.content },
          { role: "user", content: [{ text: "?" }] },
        ],
      },
      { model: "m", stream: false },
    );
    const again = anthropic.encode({ ...back, model: "claude-sonnet-4-5" }).body as {
      messages: { content: unknown }[];
    };
    assert.deepEqual(again.messages[1]!.content, [{ type: "text", text: "so", citations: [sent] }]);
  });
}

test("render() leaves a citation that does not say where as it came", () => {
  const vague = { title: "T", location: { searchResultLocation: { searchResultIndex: 1 } } };
  const [citation] = citations(anthropic.decode(JSON.parse(JSON.stringify(anthropic.render(told(vague), context)))));
  assert.deepEqual(citation, vague);
});
