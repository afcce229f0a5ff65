/** Text completions of models that are asked in chat, as their callers see them. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import OpenAI from "openai";
import {
  answers,
  call,
  chunk,
  completion,
  done,
  errorOf,
  type Lab,
  role,
  startLab,
  startUpstream,
  stop,
  streams,
  type Upstream,
  usageChunk,
} from "./lab.ts";

let upstream: Upstream;
let lab: Lab;
before(async () => {
  upstream = await startUpstream();
  const at = { base_url: `${upstream.origin}/v1`, api_key: "env.SECRET" };
  lab = await startLab({
    auth: { inference: "open" },
    providers: {
      claude: { ...at, dialect: "anthropic" },
      strict: { ...at, dialect: "anthropic", strict: true },
      goog: { ...at, dialect: "gemini" },
      native: { ...at, dialect: "openai-chat" },
      compatible: { ...at, host: "deepseek" },
    },
    ledger: { no_cap: "inject", inject_cap: 77 },
    prices: Object.fromEntries(
      ["claude/*", "strict/*", "goog/*", "native/*", "compatible/*"].map((name) => [name, { input: 2, output: 10 }]),
    ),
  });
});
after(async () => {
  await lab?.stop();
  await upstream?.stop();
});

const ask = (body: object, headers: Readonly<Record<string, string>> = {}) =>
  call(lab.url, { path: "/v1/completions", body, headers });
const openai = () => new OpenAI({ baseURL: `${lab.url}/v1`, apiKey: "none", maxRetries: 0 });
const sent = () => {
  const { path, body } = upstream.seen.at(-1)!;
  return [path, JSON.parse(body) as unknown];
};

const event = (data: { readonly type: string }) => `event: ${data.type}\ndata: ${JSON.stringify(data)}\n\n`;
const usage = { input_tokens: 9, output_tokens: 3 };
const message = {
  id: "msg_1",
  type: "message",
  role: "assistant",
  model: "m",
  content: [
    { type: "thinking", thinking: "Hm.", signature: "s" },
    { type: "text", text: "there was" },
  ],
  stop_reason: "max_tokens",
  usage,
};
const opening = { type: "message_start", message: { ...message, content: [], stop_reason: null, usage } };
const delta = (text: string) =>
  event({ type: "content_block_delta", index: 0, delta: { type: "text_delta", text } } as { type: string });
const claudeFrames = [
  event(opening),
  event({ type: "content_block_start", index: 0, content_block: { type: "text", text: "" } } as { type: string }),
  delta("there"),
  delta(" was"),
  event({ type: "content_block_stop", index: 0 } as { type: string }),
  event({ type: "message_delta", delta: { stop_reason: "end_turn" }, usage: { output_tokens: 3 } } as { type: string }),
  event({ type: "message_stop" }),
];
const told = { prompt_tokens: 9, completion_tokens: 3, total_tokens: 12 };

test("a completion of an Anthropic model is a chat of one message, and its answer a completion", async () => {
  upstream.answer = answers(message);
  const asked = { max_tokens: 20, temperature: 0.5, top_p: 0.9, stop: ["END"], user: "u", suffix: "", echo: false };
  const answer = await openai().completions.create({ model: "claude/m", prompt: "Once", best_of: 1, ...asked });
  const { created, ...rest } = answer;
  assert.equal(typeof created, "number");
  assert.deepEqual(rest, {
    id: "msg_1",
    object: "text_completion",
    model: "m",
    choices: [{ text: "there was", index: 0, logprobs: null, finish_reason: "length" }],
    usage: told,
  });
  const [path, body] = sent();
  assert.equal(path, "/v1/messages");
  assert.deepEqual(body, {
    model: "m",
    max_tokens: 20,
    messages: [{ role: "user", content: "Once" }],
    temperature: 0.5,
    top_p: 0.9,
    stop_sequences: ["END"],
    metadata: { user_id: "u" },
  });
  const row = (await lab.rows()).at(-1)!;
  assert.deepEqual([row["route"], row["cost_nano"], row["status"]], ["completions", 9 * 2_000 + 3 * 10_000, 200]);
});

test("its stream is pieces of text, then the usage that was asked for, then the last word", async () => {
  upstream.answer = streams(...claudeFrames);
  const asked = { model: "claude/m", prompt: ["Once"], stream_options: { include_usage: true } };
  const pieces: OpenAI.Completion[] = [];
  for await (const piece of await openai().completions.create({ ...asked, stream: true })) pieces.push(piece);
  assert.deepEqual(
    pieces.map(({ object, choices }) => [object, choices[0]?.text, choices[0]?.finish_reason]),
    [
      ["text_completion", "there", null],
      ["text_completion", " was", null],
      ["text_completion", "", "stop"],
      ["text_completion", undefined, undefined],
    ],
  );
  assert.deepEqual(pieces.at(-1)?.usage, told);
  assert.equal((sent()[1] as { max_tokens: number }).max_tokens, 77, "the cap that was set aside is sent");
  const plain = await ask({ model: "claude/m", prompt: "Once", stream: true });
  assert.match(plain.text, /"finish_reason":"stop"\}\]\}\n\ndata: \[DONE\]\n\n$/, "nobody asked for usage");
});

test("a stream that breaks is told so, and has no finish reason", async () => {
  upstream.answer = streams(...claudeFrames.slice(0, 4));
  const { text } = await ask({ model: "claude/m", prompt: "Once", stream: true });
  assert.match(
    text,
    /"text":" was"[^\n]*\n\ndata: \{"error":\{[^\n]*"upstream_truncated"[^\n]*\n\ndata: \[DONE\]\n\n$/,
  );
  assert.doesNotMatch(text, /"finish_reason":"/);
});

test("a completion of a Gemini model keeps several choices, seed and penalties", async () => {
  const candidate = (index: number, text: string) => ({ index, content: { parts: [{ text }] }, finishReason: "STOP" });
  const body = {
    responseId: "g1",
    candidates: [candidate(0, "a"), candidate(1, "b")],
    usageMetadata: { promptTokenCount: 9, candidatesTokenCount: 3, totalTokenCount: 12 },
  };
  upstream.answer = answers(body);
  const asked = { model: "goog/m", prompt: "Once", max_tokens: 5, n: 2, seed: 7 };
  const answer = await ask({ ...asked, frequency_penalty: 0.1, presence_penalty: 0.2 });
  const { choices } = JSON.parse(answer.text) as OpenAI.Completion;
  assert.deepEqual(
    choices.map(({ text, index, finish_reason }) => [text, index, finish_reason]),
    [
      ["a", 0, "stop"],
      ["b", 1, "stop"],
    ],
  );
  const { generationConfig } = sent()[1] as { generationConfig: object };
  const penalties = { frequencyPenalty: 0.1, presencePenalty: 0.2 };
  assert.deepEqual(generationConfig, { maxOutputTokens: 5, candidateCount: 2, seed: 7, ...penalties });
  upstream.answer = streams(`data: ${JSON.stringify(body)}\n\n`);
  const { text } = await ask({ ...asked, stream: true });
  assert.equal(sent()[0], "/v1/models/m:streamGenerateContent?alt=sse");
  assert.deepEqual(
    [...text.matchAll(/"text":"(\w)","index":(\d)/g)].map(([, ...found]) => found),
    [
      ["a", "0"],
      ["b", "1"],
    ],
  );
});

test("a compatible host without completions is asked in chat, without what only completions have", async () => {
  upstream.answer = answers();
  const asked = { model: "compatible/m", prompt: "Once", max_tokens: 5, logprobs: 1, min_p: 0.1 };
  const whole = await ask(asked);
  assert.equal((JSON.parse(whole.text) as OpenAI.Completion).choices[0]?.text, "Hello.");
  const messages = [{ role: "user", content: "Once" }];
  assert.deepEqual(sent(), ["/v1/chat/completions", { model: "m", messages, max_tokens: 5, min_p: 0.1 }]);
  assert.equal(whole.headers["x-bifrost-dropped-params"], "logprobs");
  upstream.answer = streams(role, chunk({ content: "Hel" }), chunk({ content: "lo." }), stop, usageChunk, done);
  const { text } = await ask({ ...asked, stream: true });
  assert.deepEqual([...text.matchAll(/"text":"([^"]*)"/g)].map(([, found]) => found).join("|"), "Hel|lo.|");
  assert.doesNotMatch(text, /chat\.completion|"delta"|usage/);
  upstream.answer = answers();
  const unstreamed = await ask({ ...asked, stream: true });
  assert.match(unstreamed.text, /"object":"text_completion".*"text":"Hello\."/, "a server that does not stream");
  upstream.answer = streams(role, chunk({ content: "Hello." }), stop, done);
  assert.match((await ask(asked)).text, /"object":"text_completion".*"text":"Hello\."/, "one that always streams");
});

test("where completions are served bytes pass unchanged", async () => {
  const body = `{"id":"c", "object":"text_completion","choices":[],"odd":1,"usage":${JSON.stringify(completion.usage)}}`;
  upstream.answer = answers(body);
  const answer = await ask({ model: "native/m", prompt: ["One", "Two"], echo: true, max_tokens: 5 });
  assert.equal(answer.text, body);
  assert.deepEqual(sent(), ["/v1/completions", { model: "m", prompt: ["One", "Two"], echo: true, max_tokens: 5 }]);
});

test("what a chat cannot be told is named, or refused where that is wanted", async () => {
  upstream.answer = answers(message);
  const more = { suffix: "end", echo: true, best_of: 2, logprobs: 0, seed: 1 };
  const asked = { prompt: "Once", max_tokens: 5, ...more };
  const lenient = await ask({ model: "claude/m", ...asked });
  assert.equal(lenient.headers["x-bifrost-dropped-params"], "suffix,echo,best_of,logprobs,seed");
  const before = upstream.seen.length;
  const strict = await ask({ model: "strict/m", ...asked });
  assert.deepEqual(
    [strict.status, errorOf(strict).code, errorOf(strict)["param"]],
    [400, "unsupported_parameter", "suffix"],
  );
  assert.equal(upstream.seen.length, before);
});

const prompts = [
  [["One", "Two"], "unsupported_parameter", "prompt"],
  [[1, 2], "unsupported_parameter", "prompt"],
  [[[1, 2]], "unsupported_parameter", "prompt"],
  [[], "invalid_request", "prompt"],
  [[null], "invalid_request", "prompt[0]"],
  [undefined, "invalid_request", "prompt"],
  [{ text: "x" }, "invalid_request", "prompt"],
] as const;
for (const [prompt, code, param] of prompts) {
  test(`a prompt of ${JSON.stringify(prompt)} is refused and nobody is asked`, async () => {
    const before = upstream.seen.length;
    const answer = await ask({ model: "claude/m", prompt, max_tokens: 5 });
    assert.deepEqual([answer.status, errorOf(answer).code, errorOf(answer)["param"]], [400, code, param]);
    assert.equal(upstream.seen.length, before);
  });
}

test("an upstream's failure is told in OpenAI's words", async () => {
  upstream.answer = answers({ type: "error", error: { type: "invalid_request_error", message: "too long" } }, 400);
  const answer = await ask({ model: "claude/m", prompt: "Once", max_tokens: 5 });
  assert.equal(answer.status, 400);
  assert.match(errorOf(answer)["message"] as string, /too long/);
});

/** Long, and not over before whoever asked hangs up. */
const endless: Readonly<Record<string, string>> = {
  claude: [...claudeFrames.slice(0, 2), delta("word ".repeat(4_000))].join(""),
  native: `data: {"id":"c","choices":[{"index":0,"text":"${"word ".repeat(4_000)}","finish_reason":null}]}\n\n`,
};
for (const [provider, frames] of Object.entries(endless)) {
  test(`a stream of ${provider} that outruns what was set aside is cut where that is wanted`, async () => {
    const at = { base_url: `${upstream.origin}/v1`, api_key: "env.SECRET" };
    const cutting = await startLab({
      providers: { claude: { ...at, dialect: "anthropic" }, native: { ...at, dialect: "openai-chat" } },
      ledger: { no_cap: "estimate", on_exhaust: "cut" },
      prices: { [`${provider}/*`]: { input: 2, output: 10 } },
    });
    try {
      upstream.answer = (_request, response) => {
        response.writeHead(200, { "content-type": "text/event-stream" });
        response.write(frames);
      };
      const key = cutting.createKey({ budgetNano: 1e12 });
      const body = { model: `${provider}/m`, prompt: "Once", stream: true };
      const { text } = await cutting.call({ path: "/v1/completions", key, body });
      assert.match(text, /"budget_exceeded"/);
    } finally {
      await cutting.stop();
    }
  });
}
