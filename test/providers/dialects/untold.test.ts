/** The list of what each client is not told, held against what its language renders, whole and streamed. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { dialects } from "../../../providers/dialects/index.ts";
import { noteUntold, type Told } from "../../../providers/dialects/untold.ts";
import type { Dialect, DialectId, Event, RenderContext } from "../../../providers/exchange.ts";

const context: RenderContext = { id: "req_1", model: "m", created: 1, includeUsage: true };
const usage = { input: 9, output: 5 };
const finish: Event = { type: "finish", reason: "stop", usage };
const start: Event = { type: "start", id: "a1", model: "m" };
const text: Event = { type: "text", delta: "Hi." };
const plain: readonly Event[] = [start, text, finish];

const logprobs = { content: [{ token: "Hi.", logprob: -0.1, bytes: [72], top_logprobs: [] }], refusal: null };
const charLocation = {
  type: "char_location",
  cited_text: "x",
  document_index: 0,
  start_char_index: 0,
  end_char_index: 1,
};
const cases: Readonly<Record<string, readonly Event[]>> = {
  stop_sequence: [start, text, { ...finish, stopSequence: "END" } as Event],
  logprobs: [start, text, { type: "logprobs", value: logprobs }, finish],
  choices: [start, text, { ...text, choice: 1 } as Event, finish, { type: "finish", reason: "stop", choice: 1 }],
  images: [start, text, { type: "media", mediaType: "image/png", data: "AAAA" }, finish],
  audio: [start, text, { type: "media", mediaType: "audio/wav", data: "AAAA" }, finish],
  cache_write_tokens: [start, text, { ...finish, usage: { ...usage, cacheWrite5m: 3 } } as Event],
  reasoning_tokens: [start, text, { ...finish, usage: { ...usage, reasoning: 2 } } as Event],
  service_tier: [start, text, { ...finish, usage: { ...usage, serviceTier: "priority" } } as Event],
  citations: [start, text, { type: "citation", value: charLocation }, finish],
};

function untold(client: Dialect, events: readonly Event[]): string[] {
  const told: Told = { untold: undefined };
  for (const event of events) noteUntold(told, client.id, event);
  return told.untold ?? [];
}

function streamed(client: Dialect, events: readonly Event[]): string {
  const renderer = client.renderStream(context);
  return events.map((event) => renderer.push(event)).join("") + renderer.end();
}

for (const client of Object.values(dialects)) {
  test(`noteUntold() names what ${client.id} has no place for, and nothing else`, () => {
    assert.deepEqual(untold(client, plain), []);
    for (const [name, events] of Object.entries(cases)) {
      const expected = untold(client, events).includes(name);
      // That a sequence ended it may be told without which.
      const without: readonly Event[] =
        name === "stop_sequence" ? [start, text, { ...finish, stopSequence: "OTHER" } as Event] : plain;
      const whole = [events, without].map((all) => JSON.stringify(client.render(all, context)));
      assert.equal(whole[0] === whole[1], expected, `${name}, whole`);
      assert.equal(streamed(client, events) === streamed(client, without), expected, `${name}, streamed`);
      assert.ok(untold(client, events).length <= 1, name);
    }
  });
}

test("noteUntold() tells of a tier only where it is not the usual one, and OpenAI's clients of words that OpenAI has not", () => {
  const of = (client: DialectId, serviceTier: string) =>
    untold(dialects[client], [{ ...finish, usage: { ...usage, serviceTier } } as Event]);
  assert.deepEqual(
    [of("gemini", "default"), of("cohere", "standard"), of("cohere", "flex")],
    [[], [], ["service_tier"]],
  );
  assert.deepEqual([of("openai-chat", "standard"), of("openai-chat", "batch")], [[], ["service_tier"]]);
});

test("noteUntold() tells no client of pages on the web, which all of them hear of", () => {
  const page = {
    type: "url_citation",
    url_citation: { url: "https://a.example", title: "A", start_index: 0, end_index: 1 },
  };
  for (const client of Object.values(dialects))
    assert.deepEqual(untold(client, [{ type: "citation", value: page }]), [], client.id);
});
