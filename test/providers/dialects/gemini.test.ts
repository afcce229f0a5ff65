/** What an upstream of Gemini answers and what a client of it is told. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { gemini } from "../../../providers/dialects/gemini.ts";
import { openaiChat } from "../../../providers/dialects/openai-chat.ts";
import type { Event, JsonObject } from "../../../providers/exchange.ts";
import { GatewayError } from "../../../providers/gateway-error.ts";
import { replay, seen } from "./replay.ts";

const context = { id: "req_1", model: "m", created: 1 };

const chunk = (parts: readonly JsonObject[], more: JsonObject = {}, usage?: JsonObject) => ({
  event: "",
  data: JSON.stringify({
    responseId: "r1",
    modelVersion: "g",
    candidates: [{ content: { role: "model", parts }, index: 0, ...more }],
    ...(usage === undefined ? {} : { usageMetadata: usage }),
  }),
});
const stop = chunk([{ text: "" }], { finishReason: "STOP" });

test("decodeStream() tells thinking, text, proofs where they stand, and the usage of the end", () => {
  const begun = { promptTokenCount: 9, candidatesTokenCount: 1, cachedContentTokenCount: 4 };
  const whole = {
    ...begun,
    candidatesTokenCount: 5,
    thoughtsTokenCount: 7,
    toolUsePromptTokenCount: 2,
    promptTokensDetails: [
      { modality: "TEXT", tokenCount: 6 },
      { modality: "AUDIO", tokenCount: 3 },
    ],
    candidatesTokensDetails: [{ modality: "IMAGE", tokenCount: 1 }],
    cacheTokensDetails: [{ modality: "AUDIO", tokenCount: 2 }],
  };
  const events = replay(gemini, [
    chunk([{ text: "hm", thought: true }], {}, begun),
    chunk([{ text: "Hel" }], {}, begun),
    chunk([{ text: "lo", thoughtSignature: "c2ln" }], {}, begun),
    chunk([{ inlineData: { mimeType: "image/png", data: "iVBO" } }, { executableCode: { code: "1" } }], {}, begun),
    chunk([], { finishReason: "MAX_TOKENS" }, whole),
  ]);
  assert.deepEqual(events, [
    { type: "start", id: "r1", model: "g" },
    { type: "thinking", delta: "hm" },
    { type: "usage", usage: { input: 9, cacheRead: 4 } },
    { type: "text", delta: "Hel" },
    { type: "thinking_signature", signature: "gemini#c2ln" },
    { type: "text", delta: "lo" },
    { type: "media", mediaType: "image/png", data: "iVBO" },
    { type: "opaque", dialect: "gemini", value: { executableCode: { code: "1" } } },
    { type: "finish", reason: "length", native: "MAX_TOKENS" },
    {
      type: "usage",
      usage: {
        input: 11,
        output: 12,
        cacheRead: 4,
        reasoning: 7,
        audioInput: 3,
        audioCacheRead: 2,
        imageOutput: 1,
      },
    },
  ] satisfies Event[]);
});

test("A27 decodeStream() makes ids for calls that have none, and none twice in a conversation", () => {
  const call = (name: string, id?: string) => ({
    functionCall: { name, args: {}, ...(id === undefined ? {} : { id }) },
  });
  const { tools, finish } = seen(replay(gemini, [chunk([call("f"), call("f")]), chunk([call("g", "x1")]), stop]));
  assert.deepEqual(
    tools.map(({ id }) => id),
    ["call_r1_0", "call_r1_1", "gm_x1"],
  );
  assert.deepEqual(finish, ["tool_calls"]);
});

test("A27 decodeStream() puts the pieces of a call's arguments together", () => {
  const piece = (jsonPath: string, value: JsonObject, more = true) =>
    chunk([{ functionCall: { partialArgs: [{ jsonPath, ...value }], ...(more ? { willContinue: true } : {}) } }]);
  const { tools } = seen(
    replay(gemini, [
      chunk([{ functionCall: { name: "f", willContinue: true } }]),
      piece("$.items[0].name", { stringValue: "Bo", willContinue: true }),
      piece("$.items[0].name", { stringValue: "ston" }),
      piece("$.items[0].price", { numberValue: 0.5 }),
      piece("$.items[1]['a b']", { boolValue: true }),
      piece("$.__proto__.polluted", { numberValue: 1 }),
      piece("$.items[9]", { numberValue: 1 }),
      piece("$.none", { nullValue: "NULL_VALUE" }, false),
      chunk([{ functionCall: { name: "g", willContinue: true } }]),
      chunk([{ functionCall: {} }]),
      stop,
    ]),
  );
  assert.deepEqual(
    tools.map(({ input }) => input),
    [{ items: [{ name: "Boston", price: 0.5 }, { "a b": true }], none: null }, {}],
  );
  assert.equal(({} as { polluted?: number }).polluted, undefined);
  const decoder = gemini.decodeStream();
  decoder.push("", chunk([{ functionCall: { name: "f", willContinue: true } }]).data);
  // Told with its last piece, not with whatever comes next.
  assert.equal(decoder.push("", chunk([{ functionCall: {} }]).data).at(-1)?.type, "tool_call_delta");
});

test("decode() tells a refused prompt as filtered and paid for, and keeps why", () => {
  const body = {
    promptFeedback: { blockReason: "PROHIBITED_CONTENT" },
    usageMetadata: { promptTokenCount: 7, totalTokenCount: 7 },
  };
  const events = gemini.decode(body);
  assert.deepEqual(events, [
    { type: "start", id: undefined, model: undefined },
    { type: "opaque", dialect: "gemini", value: { promptFeedback: { blockReason: "PROHIBITED_CONTENT" } } },
    { type: "finish", reason: "content_filter", native: "PROHIBITED_CONTENT" },
    { type: "usage", usage: { input: 7, output: 0 } },
  ]);
  assert.deepEqual(gemini.render(events, context)["promptFeedback"], body.promptFeedback);
  const chat = openaiChat.render(events, context)["choices"] as { finish_reason: string }[];
  assert.equal(chat[0]!.finish_reason, "content_filter");
});

test("decode() keeps candidates apart", () => {
  const candidate = (index: number, text: string) => ({ index, content: { parts: [{ text }] }, finishReason: "STOP" });
  const events = gemini.decode({ candidates: [candidate(0, "a"), candidate(1, "b")] });
  const chat = openaiChat.render(events, context)["choices"] as { message: { content: string } }[];
  assert.deepEqual(
    chat.map(({ message }) => message.content),
    ["a", "b"],
  );
});

test("decode() tells log probabilities in the shape of chat completions, and render() tells them back", () => {
  const logprobsResult = {
    chosenCandidates: [{ token: "ü", logProbability: -0.1 }],
    topCandidates: [{ candidates: [{ token: "u", logProbability: -2 }] }],
  };
  const body = {
    candidates: [{ content: { parts: [{ text: "ü" }] }, finishReason: "STOP", logprobsResult, index: 0 }],
  };
  const events = gemini.decode(body);
  assert.deepEqual(events.find((event) => event.type === "logprobs")?.value, {
    content: [
      {
        token: "ü",
        logprob: -0.1,
        bytes: [195, 188],
        top_logprobs: [{ token: "u", logprob: -2, bytes: [117] }],
      },
    ],
    refusal: null,
  });
  const back = gemini.render(events, context)["candidates"] as (typeof body)["candidates"];
  assert.deepEqual(back[0]!.logprobsResult, logprobsResult);
});

test("decode() finds what a grounded text cites, though Google counts in bytes, and counts the searches", () => {
  const groundingMetadata = {
    webSearchQueries: ["a", "b"],
    groundingChunks: [{ web: { uri: "https://a", title: "A" } }, { web: { uri: "https://b", title: "B" } }],
    groundingSupports: [{ segment: { startIndex: 8, endIndex: 11, text: "wet" }, groundingChunkIndices: [0] }],
  };
  const events = gemini.decode({
    candidates: [{ content: { parts: [{ text: "Zürich wet" }] }, finishReason: "STOP", groundingMetadata }],
    usageMetadata: { promptTokenCount: 1, candidatesTokenCount: 2 },
  });
  const message = (openaiChat.render(events, context)["choices"] as { message: JsonObject }[])[0]!.message;
  assert.deepEqual(message["annotations"], [
    { type: "url_citation", url_citation: { url: "https://a", title: "A", start_index: 7, end_index: 10 } },
    { type: "url_citation", url_citation: { url: "https://b", title: "B", start_index: 10, end_index: 10 } },
  ]);
  assert.equal(seen(events).usage.serverToolRequests, 2);
  const same = gemini.render(events, context)["candidates"] as JsonObject[];
  assert.deepEqual(same[0]!["groundingMetadata"], groundingMetadata);
  // From another upstream's citation, in bytes again.
  const told = gemini.render(openaiChat.decode(openaiChat.render(events, context)), context)[
    "candidates"
  ] as JsonObject[];
  assert.deepEqual((told[0]!["groundingMetadata"] as typeof groundingMetadata).groundingSupports, [
    { segment: { startIndex: 8, endIndex: 11, text: "wet" }, groundingChunkIndices: [0] },
  ]);
});

const quota = {
  error: {
    code: 429,
    message: "quota",
    status: "RESOURCE_EXHAUSTED",
    details: [{ "@type": "type.googleapis.com/google.rpc.RetryInfo", retryDelay: "34.4s" }],
  },
};

test("A22 decode(), decodeStream() and tap() report an error in a 200, and a finish reason that means one", () => {
  const malformed = { finishReason: "MALFORMED_FUNCTION_CALL", finishMessage: "bad call" };
  const cases: readonly [object, string, string][] = [
    [quota, "rate_limit_exceeded", "quota"],
    [{ error: { code: 503, message: "busy", status: "UNAVAILABLE" } }, "upstream_overloaded", "busy"],
    [
      { candidates: [{ content: {}, ...malformed }] },
      "upstream_error",
      "the model ended with MALFORMED_FUNCTION_CALL: bad call",
    ],
  ];
  for (const [body, code, message] of cases) {
    assert.throws(() => gemini.decode(body), { code, message });
    assert.throws(() => replay(gemini, [chunk([{ text: "x" }]), { event: "", data: JSON.stringify(body) }]), {
      code,
      message,
    });
    for (const before of [[], [`data: ${chunk([{ text: "x" }]).data}`]]) {
      const tap = gemini.tap();
      assert.equal([...before, `data: ${JSON.stringify(body)}`].map((raw) => tap.frame(raw)).at(-1), "error");
      assert.deepEqual([tap.failure()?.code, tap.failure()?.message], [code, message]);
    }
    const tap = gemini.tap();
    assert.equal(tap.body(JSON.stringify(body)), "error");
    assert.equal(tap.failure()?.message, message);
  }
});

test("A20 decodeStream() refuses a stream cut before its finish reason, and a frame that is none", () => {
  assert.throws(() => replay(gemini, [chunk([{ text: "x" }])]), { code: "upstream_truncated" });
  assert.throws(() => replay(gemini, [{ event: "", data: "{" }]), { code: "upstream_protocol" });
  assert.throws(() => gemini.decode({ candidates: [] }), { code: "upstream_protocol" });
});

test("decodeFailure() tells a bad key from a bad request, and how long to wait", () => {
  const bad = {
    error: {
      code: 400,
      message: "API key not valid",
      status: "INVALID_ARGUMENT",
      details: [{ reason: "API_KEY_INVALID" }],
    },
  };
  assert.equal(gemini.decodeFailure(400, bad).code, "upstream_credential");
  assert.equal(gemini.decodeFailure(400, { error: { ...bad.error, details: [] } }).code, "upstream_rejected");
  const long = "The input token count (2000000) exceeds the maximum number of tokens allowed (1048576).";
  assert.equal(gemini.decodeFailure(400, { error: { code: 400, message: long } }).code, "context_length_exceeded");
  assert.equal(gemini.decodeFailure(429, [quota]).details.retryAfterMs, 34_400);
});

test("renderFailure() is in Google's form", () => {
  const error = new GatewayError("rate_limit_exceeded", "slow down", {
    source: "gateway",
    retryAfterMs: 1_500,
    scope: "key:a",
  });
  assert.deepEqual(gemini.renderFailure(error, "req_1"), {
    error: {
      code: 429,
      message: "slow down",
      status: "RESOURCE_EXHAUSTED",
      details: [
        {
          "@type": "type.googleapis.com/google.rpc.ErrorInfo",
          reason: "RATE_LIMIT_EXCEEDED",
          domain: "bifrost",
          metadata: { request_id: "req_1", source: "gateway", scope: "key:a", retry_after_ms: "1500" },
        },
        { "@type": "type.googleapis.com/google.rpc.RetryInfo", retryDelay: "1.5s" },
      ],
    },
  });
});

test("tap() tells content from the end in events and in the elements of an array, and knows where it stands", () => {
  const usage = { promptTokenCount: 3, candidatesTokenCount: 5 };
  const source = [
    chunk([{ text: "" }]),
    chunk([{ text: "Hel" }]),
    chunk([{ text: 'say "finish"' }]),
    chunk([], { finishReason: "STOP" }, usage),
  ];
  const events = source.map(({ data }) => `data: ${data}`);
  const array = source.map(
    ({ data }, index) => `${index === 0 ? "[" : ",\r\n"}${JSON.stringify(JSON.parse(data), null, 2)}`,
  );
  for (const framed of [events, array]) {
    const tap = gemini.tap();
    assert.deepEqual(
      framed.map((raw) => tap.frame(raw)),
      ["preamble", "content", "content", "finish"],
    );
    assert.deepEqual([tap.usage(), tap.finished], [{ input: 3, output: 5 }, true]);
    assert.equal(tap.outputBytes, "Hel".length + String.raw`say \"finish\"`.length);
    assert.deepEqual(tap.position?.(), { sequence: 4 });
  }
});

test("tap() knows the input of a stream that is cut, and takes no output that is still growing", () => {
  const tap = gemini.tap();
  tap.frame(`data: ${chunk([{ text: "x" }], {}, { promptTokenCount: 3, candidatesTokenCount: 1 }).data}`);
  assert.deepEqual([tap.usage(), tap.finished], [{ input: 3 }, false]);
});
