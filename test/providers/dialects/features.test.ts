/**
 * Nothing is lost silently: of each feature that a client of one dialect can ask for, and of each that an upstream can
 * tell, every pair says what becomes of it. What is asked is passed on, reported or refused; docs/carried.md says which.
 */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { dialects } from "../../../providers/dialects/index.ts";
import type { DialectId, Event, JsonObject, Request } from "../../../providers/exchange.ts";
import { GatewayError } from "../../../providers/gateway-error.ts";
import { answerFeatures } from "./answer-features.ts";
import { type Feature, plain } from "./features/build.ts";
import { messages } from "./features/messages.ts";
import { settings } from "./features/settings.ts";
import { thinking } from "./features/thinking.ts";
import { tools } from "./features/tools.ts";
import { replay } from "./replay.ts";

/**
 * One feature a row: how a client of each dialect asks for it, and by which mark in what is sent one sees that it was
 * passed on. A dialect that is absent from a row has no word for it.
 */
const features: Readonly<Record<string, Feature>> = { ...messages, ...tools, ...thinking, ...settings };
const ids = Object.keys(dialects) as readonly DialectId[];
/** One that takes most of what its dialect has words for. */
const models: Readonly<Record<DialectId, string>> = {
  "openai-chat": "gpt-5.1",
  "openai-responses": "gpt-5.1",
  anthropic: "claude-sonnet-4-5",
  gemini: "gemini-3-pro",
  "bedrock-converse": "anthropic.claude-sonnet-4-5",
  cohere: "command-a-reasoning",
};

type Verdict = "carried" | "reported" | "refused" | "lost";

function asked(from: DialectId, body: JsonObject, stream: boolean): Request {
  return dialects[from].parse({ model: "m", ...body, ...(stream ? { stream } : {}) }, { model: "m", stream });
}

function verdictOf(feature: Feature, from: DialectId, to: DialectId, stream: boolean): Verdict {
  const model = models[to];
  const { encode } = dialects[to];
  const usual = new Set(encode({ ...asked(from, plain(from), stream), model }).dropped);
  try {
    const { body, dropped } = encode({ ...asked(from, feature.said[from]!, stream), model });
    const mark = feature.mark instanceof RegExp ? feature.mark : (feature.mark[to] ?? feature.mark.else);
    if (mark.test(JSON.stringify(body))) return "carried";
    return dropped.some((name) => !usual.has(name)) ? "reported" : "lost";
  } catch (error) {
    if (error instanceof GatewayError && error.details.param !== undefined) return "refused";
    throw error;
  }
}

/** The verdicts of one feature, by who is asked and then by who asks. */
type Row = Readonly<Record<DialectId, ReadonlyMap<DialectId, Verdict>>>;
const rows = new Map<string, Row>();

for (const [name, feature] of Object.entries(features)) {
  const row = Object.fromEntries(ids.map((id) => [id, new Map<DialectId, Verdict>()])) as Record<
    DialectId,
    Map<DialectId, Verdict>
  >;
  rows.set(name, row);
  for (const from of ids) {
    if (feature.said[from] === undefined) continue;
    for (const to of ids) {
      if (to === from) continue; // bytes go by as they are
      test(`encode() for ${to} passes on, reports or refuses what a client of ${from} asks: ${name}`, () => {
        const verdict = verdictOf(feature, from, to, false);
        row[to].set(from, verdict);
        assert.notEqual(verdict, "lost");
        assert.equal(verdictOf(feature, from, to, true), verdict, "streamed");
      });
    }
  }
}

/** Whether a text says it, or holds it in the base64 in which one issuer's proof travels in another's field. */
function holds(text: string, mark: RegExp, depth = 2): boolean {
  if (mark.test(text)) return true;
  if (depth === 0) return false;
  return [...text.matchAll(/[A-Za-z0-9+/]{16,}={0,2}/g)].some(([sealed]) =>
    holds(Buffer.from(sealed, "base64").toString("latin1"), mark, depth - 1),
  );
}

const context = { id: "id_1", model: "m", created: 1, includeUsage: true };
const streamed = (id: DialectId, events: readonly Event[]): string => {
  const renderer = dialects[id].renderStream(context);
  return events.map((event) => renderer.push(event)).join("") + renderer.end();
};
const whole = (id: DialectId, events: readonly Event[]): string => JSON.stringify(dialects[id].render(events, context));

for (const [name, { events, mark, untold, unread }] of Object.entries(answerFeatures)) {
  for (const upstream of ids) {
    for (const client of ids) {
      if (client === upstream) continue;
      test(`a client of ${client} is told what ${upstream} answers, whole and streamed: ${name}`, () => {
        const body = whole(upstream, events);
        const frames = streamed(upstream, events);
        const told = {
          whole: holds(whole(client, dialects[upstream].decode(JSON.parse(body))), mark),
          streamed: holds(streamed(client, replay(dialects[upstream], frames)), mark),
        };
        const isTold = untold?.includes(client) !== true && unread !== upstream;
        // What the upstream's own words cannot say, nobody is told.
        assert.deepEqual(told, { whole: isTold && holds(body, mark), streamed: isTold && holds(frames, mark) });
      });
    }
  }
}

const page = new URL("../../../docs/carried.md", import.meta.url);

test("docs/carried.md says what becomes of what is asked", () => {
  const written = rendered();
  if (process.env["UPDATE"] === "1") writeFileSync(page, written);
  assert.equal(
    readFileSync(page, "utf8"),
    written,
    "write it anew: UPDATE=1 node --test test/providers/dialects/features.test.ts",
  );
});

function rendered(): string {
  const head = `# What is carried

A row is what a client asks for, a column the language that the model's provider speaks. "yes": it is asked the same;
"reported": it is left out and named in \`x-bifrost-dropped-params\`, or refused with \`strict\`; "refused": the answer would be one
to another question. Where it depends on who asks, the exceptions are named. Between equal languages the bytes go by as
they are, and a dash is where nobody else can ask. [Dialects](dialects.md) says the rest; this page is written by
\`test/providers/dialects/features.test.ts\`, which also fails on anything that is lost without a word.

| | ${ids.map((id) => `\`${id}\``).join(" | ")} |
|---|${ids.map(() => "---|").join("")}
`;
  const lines = [...rows].map(([name, row]) => `| ${name} | ${ids.map((id) => cell(row[id])).join(" | ")} |\n`);
  return head + lines.join("");
}

const words: Readonly<Record<Verdict, string>> = {
  carried: "yes",
  reported: "reported",
  refused: "refused",
  lost: "LOST",
};

/** What most of them get, and who else gets what. */
function cell(verdicts: ReadonlyMap<DialectId, Verdict>): string {
  const count = (verdict: Verdict): number => [...verdicts.values()].filter((one) => one === verdict).length;
  const [usual, ...others] = [...new Set(verdicts.values())].sort((a, b) => count(b) - count(a));
  if (usual === undefined) return "–";
  const rest = others.map((verdict) => {
    const who = [...verdicts].filter(([, one]) => one === verdict).map(([id]) => id);
    return `; ${words[verdict]} from ${who.join(", ")}`;
  });
  return words[usual] + rest.join("");
}
