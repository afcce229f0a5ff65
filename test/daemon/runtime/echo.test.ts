/** The built-in upstream, as a value and through the whole data plane. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { echoAnswer } from "../../../daemon/runtime/echo-answer.ts";
import { errorOf, type Lab, startLab } from "../pipeline/lab.ts";

const say = (content: unknown, more: object = {}) =>
  echoAnswer("/chat/completions", JSON.stringify({ model: "echo", messages: [{ role: "user", content }], ...more }), 7);
const parsed = (frames: Iterable<string>) => JSON.parse([...frames].join("")) as Record<string, unknown>;
const deltas = (frames: Iterable<string>) =>
  [...frames].flatMap((frame) =>
    [...frame.matchAll(/"content":("(?:[^"\\]|\\.)*")/g)].map(([, text]) => JSON.parse(text!) as string),
  );

test("echoAnswer() refuses messages that are no list of objects, as a provider does", () => {
  for (const messages of [1, "x", {}, true, [null], ["x"], [[], 1]]) {
    const { status, frames } = echoAnswer("/chat/completions", JSON.stringify({ model: "echo", messages }), 7);
    assert.deepEqual([status, Object.keys(parsed(frames))], [400, ["error"]], JSON.stringify(messages));
  }
});

test("echoAnswer() says what it was asked, and counts four bytes a token", () => {
  const { frames, ...rest } = say("Grüße");
  assert.deepEqual(rest, {
    status: 200,
    contentType: "application/json",
    delayMs: 0,
    gapMs: 0,
    cut: undefined,
    hang: false,
  });
  assert.deepEqual(parsed(frames), {
    id: "chatcmpl-echo-7",
    object: "chat.completion",
    created: 7,
    model: "echo",
    choices: [
      {
        index: 0,
        message: { role: "assistant", content: "Grüße", refusal: null },
        logprobs: null,
        finish_reason: "stop",
      },
    ],
    usage: { prompt_tokens: 2, completion_tokens: 2, total_tokens: 4 },
  });
});

test("echoAnswer() streams the same words, and usage where it is asked for", () => {
  const streamed = say([{ type: "text", text: "one two\nthree" }], {
    stream: true,
    stream_options: { include_usage: true },
  });
  const frames = [...streamed.frames];
  assert.equal(deltas(frames).join(""), "one two\nthree");
  assert.match(frames.at(-2)!, /"choices":\[\],"usage":\{"prompt_tokens":4,"completion_tokens":4,"total_tokens":8\}/);
  assert.equal(frames.at(-1), "data: [DONE]\n\n");
  assert.equal(
    [...say("x", { stream: true }).frames].some((frame) => frame.includes("usage")),
    false,
  );
});

test("echoAnswer() keeps to its cap, and cuts no character in two", () => {
  const { choices } = parsed(say("ööööö", { max_tokens: 1 }).frames) as {
    choices: { message: { content: string }; finish_reason: string }[];
  };
  assert.deepEqual(choices[0], {
    index: 0,
    message: { role: "assistant", content: "öö", refusal: null },
    logprobs: null,
    finish_reason: "length",
  });
  const three = parsed(say("aaaaa", { max_completion_tokens: 1, n: 2 }).frames) as {
    choices: unknown[];
    usage: unknown;
  };
  assert.deepEqual(
    [three.choices.length, three.usage],
    [2, { prompt_tokens: 2, completion_tokens: 2, total_tokens: 4 }],
  );
});

test("echoAnswer() takes directives from the last message of the user, and leaves them out", () => {
  const { frames, ...rest } = say("#echo delay=200ms gap=20ms cut=3\nHi", { stream: true });
  assert.deepEqual(rest, {
    status: 200,
    contentType: "text/event-stream",
    delayMs: 200,
    gapMs: 20,
    cut: 3,
    hang: false,
  });
  assert.equal(deltas(frames).join(""), "Hi");
  assert.equal(say("#echo hang=1").hang, true);
  assert.equal([...say("#echo error=2", { stream: true }).frames].length, 3);
  assert.deepEqual([say("#echo fail=503").status, say("#echo fail=404").status], [503, 404]);
  for (const odd of ["0", "99", "200", "600", "1e9", "-1"]) assert.equal(say(`#echo fail=${odd}`).status, 200, odd);
});

test("echoAnswer() says many words without holding them all at once, and no more than is allowed", () => {
  const many = say("#echo words=100000", { stream: true, n: 16 });
  let count = 0;
  for (const frame of many.frames) {
    if (count++ === 10) break;
    assert.ok(frame.length < 1_000);
  }
  assert.ok(!Array.isArray(many.frames));
  const words = parsed(say("#echo words=999999999").frames) as { choices: { message: { content: string } }[] };
  assert.equal(words.choices[0]?.message.content.split(" ").length, 100_000);
});

test("echoAnswer() answers what is no request with 400, as a provider does", () => {
  for (const text of ["{", "null", '{"messages":"x"}', '{"messages":[null]}', '{"messages":{}}']) {
    assert.equal(echoAnswer("/chat/completions", text, 7).status, 400, text);
  }
});

test("echoAnswer() embeds equal texts equally, in vectors of length one", () => {
  const embed = (body: object) =>
    parsed(echoAnswer("/embeddings", JSON.stringify(body), 7).frames) as {
      data: { embedding: number[] | string }[];
      usage: unknown;
    };
  const { data, usage } = embed({ input: ["a", "b", "a"], dimensions: 8 });
  assert.deepEqual(data[0]?.embedding, data[2]?.embedding);
  assert.notDeepEqual(data[0]?.embedding, data[1]?.embedding);
  const length = (data[0]!.embedding as number[]).reduce((sum, value) => sum + value * value, 0);
  assert.ok(Math.abs(length - 1) < 1e-5);
  assert.deepEqual(usage, { prompt_tokens: 1, total_tokens: 1 });
  const packed = Buffer.from(
    embed({ input: "a", dimensions: 8, encoding_format: "base64" }).data[0]!.embedding as string,
    "base64",
  );
  assert.equal(packed.length, 32);
  assert.ok(Math.abs(packed.readFloatLE(0) - (data[0]!.embedding as number[])[0]!) < 1e-7);
});

describe("echoOrigin", () => {
  let lab: Lab;
  before(async () => {
    lab = await startLab({
      auth: { inference: "open" },
      timeouts: { first_byte: "200ms", first_byte_stream: "200ms" },
    });
  });
  after(() => lab?.stop());
  const ask = (content: string, stream = false) =>
    lab.call({ body: { model: "echo/echo", stream, messages: [{ role: "user", content }] } });

  test("goes through the same relay, timers and ledger as a provider", async () => {
    assert.match((await ask("Hi")).text, /"content":"Hi"/);
    assert.match((await ask("Hi there", true)).text, /"content":"there"[\s\S]*data: \[DONE\]\n\n$/);
    const failed = await ask("#echo fail=503");
    assert.deepEqual([failed.status, errorOf(failed).code], [503, "upstream_overloaded"]);
    const hung = await ask("#echo hang=1");
    assert.deepEqual([hung.status, errorOf(hung).code], [504, "upstream_timeout"]);
    const cut = (await ask("#echo cut=2\none two three", true)).text;
    assert.match(cut, /the upstream broke off its answer \(ECHO_CUT\).*upstream_truncated/);
    assert.match((await ask("#echo error=2\none two three", true)).text, /told to fail in mid-stream/);
    const bad = await lab.call({ body: '{"model":"echo/echo","messages":"x"}' });
    assert.equal(bad.status, 400);
    assert.deepEqual(
      (await lab.rows()).map(({ status }) => status),
      [200, 200, 503, 504, 200, 200, 400],
    );
  });
});
