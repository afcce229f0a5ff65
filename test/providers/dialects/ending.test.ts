/** How an answer ended is read off the bytes as off its events: what the dialects write, and what vendors were recorded to. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { anthropic } from "../../../providers/dialects/anthropic.ts";
import { endingOfEvents } from "../../../providers/dialects/ending.ts";
import { dialects } from "../../../providers/dialects/index.ts";
import { openaiChat } from "../../../providers/dialects/openai-chat.ts";
import type { Dialect, DialectId, Ending, Event, FinishReason } from "../../../providers/exchange.ts";
import { frames, noCorpora, recordings, replay, sse } from "./replay.ts";

const start: Event = { type: "start", id: "answer_1", model: "m", usage: { input: 9 } };
const text = (delta: string): Event => ({ type: "text", delta });
const call = (index: number, name: string): readonly Event[] => [
  { type: "tool_call_start", index, id: `call_${index}`, name },
  { type: "tool_call_delta", index, delta: '{"name":"nobody",' },
  { type: "tool_call_delta", index, delta: '"tool_calls":[{"name":"no_tool"}]}' },
];
const finish = (reason: FinishReason): readonly Event[] => [
  { type: "finish", reason },
  { type: "usage", usage: { input: 9, output: 4 } },
];
const tricky = 'he wrote "finish_reason": "length", "stop_reason":"max_tokens", "tool_calls" and "functionCall"';

const answers: readonly (readonly [what: string, events: readonly Event[], ending: Ending])[] = [
  ["a text", [start, text("Hello"), text(tricky), ...finish("stop")], { reason: "stop", tools: [] }],
  ["a long text", [start, text(tricky.repeat(300)), ...finish("stop")], { reason: "stop", tools: [] }],
  ["a text cut short", [start, text("Hel"), ...finish("length")], { reason: "length", tools: [] }],
  [
    "one call",
    [start, ...call(0, "get_weather"), ...finish("tool_calls")],
    { reason: "tool_calls", tools: ["get_weather"] },
  ],
  [
    "two calls of two tools, and one again, after a text",
    [
      start,
      text("Let me see."),
      ...call(0, "get_weather"),
      ...call(1, "get_time"),
      ...call(2, "get_time"),
      ...finish("tool_calls"),
    ],
    { reason: "tool_calls", tools: ["get_weather", "get_time"] },
  ],
];

const context = {
  id: "answer_1",
  model: "m",
  created: 1_700_000_000,
  includeUsage: true,
  framing: undefined,
  echo: undefined,
};

/** The words of each provider are its own: what matters is that a tap reads those that a decoder does. */
function asEventsTell(found: Ending | undefined, events: readonly Event[]): Ending | undefined {
  if (found === undefined) return undefined;
  const { native, id, ...rest } = found;
  const expected = endingOfEvents(events);
  assert.deepEqual({ native, id }, { native: expected?.native, id: expected?.id });
  assert.notEqual(native, undefined);
  return rest;
}

function streamed(dialect: Dialect, events: readonly Event[]): Ending | undefined {
  const renderer = dialect.renderStream(context);
  const written = events.map((event) => renderer.push(event)).join("") + renderer.end();
  const tap = dialect.tap();
  for (const frame of written.split(/\r?\n\r?\n/)) if (frame !== "") tap.frame(Buffer.from(frame).toString("latin1"));
  return asEventsTell(tap.ending(), replay(dialect, written));
}

function whole(dialect: Dialect, events: readonly Event[]): Ending | undefined {
  const tap = dialect.tap();
  const rendered = dialect.render(events, context);
  tap.body(Buffer.from(JSON.stringify(rendered)).toString("latin1"));
  return asEventsTell(tap.ending(), dialect.decode(rendered));
}

for (const id of Object.keys(dialects) as DialectId[]) {
  for (const [what, events, ending] of answers) {
    test(`tap() of ${id} tells how ${what} ended, streamed and whole`, () => {
      assert.deepEqual(
        { streamed: streamed(dialects[id], events), whole: whole(dialects[id], events) },
        { streamed: ending, whole: ending },
      );
    });
  }
}

test("tap() tells no ending of a stream that was cut", () => {
  for (const dialect of Object.values(dialects)) {
    const renderer = dialect.renderStream(context);
    const tap = dialect.tap();
    const written = [start, text("Hel")].map((event) => renderer.push(event)).join("");
    for (const frame of written.split("\n\n")) if (frame !== "") tap.frame(frame);
    assert.equal(tap.ending(), undefined, dialect.id);
  }
});

test("tap() reads the same ending off recordings as their events tell", { skip: noCorpora }, () => {
  let told = 0;
  const compare = (found: Ending | undefined, events: readonly Event[], name: string): void => {
    const expected = endingOfEvents(events);
    assert.deepEqual(
      found && { ...found, tools: found.tools.toSorted() },
      expected && { ...expected, tools: expected.tools.toSorted() },
      name,
    );
    if (expected !== undefined && expected.tools.length > 0) told += 1;
  };
  const streams: readonly [Dialect, string, string][] = [
    [openaiChat, "vercel-ai/*/*.chunks.txt", '"chat.completion'],
    [anthropic, "vercel-ai/anthropic/*.chunks.txt", "message_stop"],
  ];
  for (const [dialect, pattern, mark] of streams) {
    for (const recording of recordings([pattern]).filter((each) => each.text.includes(mark))) {
      const all = frames(recording.text);
      const last = all.findIndex(({ data }) => /"type":\s*"message_stop"/.test(data));
      const first = last === -1 ? all : all.slice(0, last + 1);
      let events: readonly Event[];
      try {
        events = replay(dialect, first);
      } catch {
        continue; // a recorded failure
      }
      const tap = dialect.tap();
      for (const frame of first) tap.frame(Buffer.from(sse(frame).trimEnd()).toString("latin1"));
      compare(tap.ending(), events, recording.name);
    }
  }
  assert.ok(told >= 10, `${told} recordings call tools`);
});
