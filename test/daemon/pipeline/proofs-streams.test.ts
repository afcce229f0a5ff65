/** Proofs of thinking in streams, split, escaped and of two attempts at once: they go back to whoever made them. */
import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { type Lab, startLab, startUpstream, type Upstream } from "./lab.ts";

let one: Upstream;
let other: Upstream;
let lab: Lab;
let key: string;
const proof = (maker: string): string => `CpcB${maker}${"x".repeat(70)}${maker}==`;
const dialects = { gemini: "gemini", claude: "anthropic", chat: "openai-chat" } as const;

before(async () => {
  [one, other] = [await startUpstream(), await startUpstream()];
  const pair = (dialect: string) =>
    [one, other].map(({ origin }) => ({
      base_url: dialect === "openai-chat" ? `${origin}/v1` : origin,
      dialect,
      api_key: "env.SECRET",
    }));
  const named = Object.entries(dialects).map(([name, dialect]) => [name, pair(dialect)] as const);
  lab = await startLab({
    providers: Object.fromEntries(
      named.flatMap(([name, [first, second]]) => [
        [name, first],
        [`${name}2`, second],
      ]),
    ),
    groups: {
      ...Object.fromEntries(named.map(([name]) => [`${name}-pair`, { targets: [`${name}/m`, `${name}2/m`] }])),
      raced: { strategy: "ordered", targets: ["claude/m", "claude2/m"] },
    },
    routing: { streams: { release_tokens: 100, release_after: "60s" } },
    hedging: { raced: { after: "30ms", min: "1ms", max_share: 1 } },
  });
  key = lab.createKey();
});
after(async () => {
  assert.deepEqual(lab.logged, []);
  await lab.stop();
  await Promise.all([one.stop(), other.stop()]);
});
afterEach(() => {
  for (const upstream of [one, other]) upstream.seen.length = 0;
});

type Turn = { readonly path: string; readonly body: object };
/** Each vendor's own paths, and what its client sends back after an answer with a proof. */
const languages = {
  gemini: {
    first: (stream: boolean): Turn => ({
      path: `/v1beta/models/gemini-pair:${stream ? "streamGenerateContent?alt=sse" : "generateContent"}`,
      body: { contents: [{ role: "user", parts: [{ text: "Hi" }] }] },
    }),
    next: (stream: boolean, made: string): Turn => {
      const call = { functionCall: { name: "ls", args: {} }, thoughtSignature: made };
      const answer = { functionResponse: { name: "ls", response: { files: [] } } };
      const said = [
        { role: "user", parts: [{ text: "Hi" }] },
        { role: "model", parts: [call] },
        { role: "user", parts: [answer] },
      ];
      return { ...languages.gemini.first(stream), body: { contents: said } };
    },
  },
  claude: {
    first: (stream: boolean): Turn => ({
      path: "/v1/messages",
      body: { model: "claude-pair", max_tokens: 99, stream, messages: [{ role: "user", content: "Hi" }] },
    }),
    next: (stream: boolean, made: string): Turn => {
      const content = [
        { type: "thinking", thinking: "…", signature: made },
        { type: "text", text: "Hi." },
      ];
      const messages = [
        { role: "user", content: "Hi" },
        { role: "assistant", content },
        { role: "user", content: "Go on" },
      ];
      return { path: "/v1/messages", body: { model: "claude-pair", max_tokens: 99, stream, messages } };
    },
  },
};

const event = (type: string, more: object) => `event: ${type}\ndata: ${JSON.stringify({ type, ...more })}\n\n`;
const start = event("message_start", {
  message: { id: "m", type: "message", role: "assistant", model: "m", content: [], usage: { input_tokens: 1 } },
});
const delta = (index: number, value: object) => event("content_block_delta", { index, delta: value });
const ending = [
  event("content_block_stop", { index: 0 }),
  event("content_block_start", { index: 1, content_block: { type: "text", text: "" } }),
  delta(1, { type: "text_delta", text: "Hi." }),
  event("content_block_stop", { index: 1 }),
  event("message_delta", { delta: { stop_reason: "end_turn" }, usage: { output_tokens: 3 } }),
  event("message_stop", {}),
];
/** A signature in so many pieces, the first of them too short to be one. */
function claudeStream(made: string, pieces: number): readonly string[] {
  const size = Math.ceil(made.length / pieces);
  const parts = Array.from({ length: pieces }, (_, at) => made.slice(at * size, (at + 1) * size));
  return [
    start,
    event("content_block_start", { index: 0, content_block: { type: "thinking", thinking: "", signature: "" } }),
    delta(0, { type: "thinking_delta", thinking: "…" }),
    ...parts.map((signature) => delta(0, { type: "signature_delta", signature })),
    ...ending,
  ];
}
const claude =
  (made: string, pieces: number): Upstream["answer"] =>
  (_request, reply) => {
    reply.writeHead(200, { "content-type": "text/event-stream" });
    for (const frame of claudeStream(made, pieces)) reply.write(frame);
    reply.end();
  };
/** @param escaped as Google writes `=` */
const gemini =
  (made: string, escaped: boolean): Upstream["answer"] =>
  (request, reply) => {
    const parts = [{ functionCall: { name: "ls", args: {} }, thoughtSignature: made }];
    const usageMetadata = { promptTokenCount: 1, candidatesTokenCount: 1, totalTokenCount: 2 };
    const value = {
      candidates: [{ content: { role: "model", parts }, finishReason: "STOP", index: 0 }],
      usageMetadata,
    };
    const written = escaped ? JSON.stringify(value).replaceAll("=", "\\u003d") : JSON.stringify(value);
    const isStream = String(request.url).includes("streamGenerateContent");
    reply.writeHead(200, { "content-type": isStream ? "text/event-stream" : "application/json" });
    reply.end(isStream ? `data: ${written}\r\n\r\n` : written);
  };

const ask = ({ path, body }: Turn) => lab.call({ path, key, body });

/** Its first turn goes anywhere until the one that is wanted has answered; each later one must go there. */
async function returns(language: keyof typeof languages, stream: boolean, made: string): Promise<void> {
  while (other.seen.length === 0) assert.equal((await ask(languages[language].first(stream))).status, 200);
  const before = [one.seen.length, other.seen.length] as const;
  for (let turn = 0; turn < 12; turn++) assert.equal((await ask(languages[language].next(stream, made))).status, 200);
  assert.deepEqual([one.seen.length - before[0], other.seen.length - before[1]], [0, 12]);
  assert.ok(other.seen.at(-1)!.body.includes(made), "it is sent back as it was");
}

for (const stream of [false, true])
  for (const escaped of [false, true])
    test(`watchProofs() brings Gemini's thought signatures back, ${stream ? "streamed" : "whole"}, ${escaped ? "written with escapes" : "as they are"}`, async () => {
      const tag = `${stream}${escaped}`;
      one.answer = gemini(proof(`one${tag}`), escaped);
      other.answer = gemini(proof(`two${tag}`), escaped);
      await returns("gemini", stream, proof(`two${tag}`));
    });

for (const pieces of [1, 2, 5])
  test(`rememberPieces() puts a signature together that comes in ${pieces} events`, async () => {
    one.answer = claude(proof(`one${pieces}`), pieces);
    other.answer = claude(proof(`two${pieces}`), pieces);
    await returns("claude", true, proof(`two${pieces}`));
  });

test("decodeStream() tells a signature in pieces as one, to a client of another dialect", async () => {
  other.answer = claude(proof("told"), 3);
  const { text } = await lab.call({
    key,
    body: { model: "claude2/m", stream: true, messages: [{ role: "user", content: "Hi" }] },
  });
  const details = text.match(/"signature":"[^"]*"/g);
  assert.deepEqual(details, [`"signature":"${proof("told")}"`]);
});

test("rememberPieces() knows which of two attempts at once made a proof", async () => {
  // The first shows less than a stream must show before it is let go, and says nothing more.
  const [slowly, quickly] = [proof("slow"), proof("quick")];
  one.answer = (_request, reply) => {
    reply.writeHead(200, { "content-type": "text/event-stream" });
    for (const frame of claudeStream(slowly, 2).slice(0, 5)) reply.write(frame);
  };
  other.answer = claude(quickly, 2);
  const turn = { model: "raced", max_tokens: 99, stream: true };
  const first = await ask({ path: "/v1/messages", body: { ...turn, messages: [{ role: "user", content: "Hi" }] } });
  assert.equal(first.headers["x-bifrost-hedge"], "won");
  one.answer = claude(slowly, 1);
  const { messages } = languages.claude.next(true, quickly).body as { messages: object[] };
  other.seen.length = 0;
  await ask({ path: "/v1/messages", body: { ...turn, messages } });
  assert.equal(other.seen.length, 1, "it goes to who answered, though another comes first");
});
