import assert from "node:assert/strict";
import { test } from "node:test";
import { createAffinity, createAffinityMemory } from "../../../daemon/routing/affinity.ts";
import { findIssuer, rememberIssuer, rememberPieces } from "../../../daemon/routing/issuers.ts";

const nowMs = 1_790_000_000_000;
const proof = `EqQB${"q".repeat(300)}==`;
const maker = { row: 352, credential: 7 };

/** Where each dialect has them, in an answer and in the request after it. */
const places: Readonly<Record<string, readonly [answer: object, request: object]>> = {
  "OpenAI's encrypted reasoning": [
    { output: [{ type: "reasoning", encrypted_content: proof }] },
    { input: [{ type: "reasoning", encrypted_content: proof }] },
  ],
  "Anthropic's signatures": [
    { content: [{ type: "thinking", thinking: "…", signature: proof }] },
    { messages: [{ role: "assistant", content: [{ type: "thinking", thinking: "…", signature: proof }] }] },
  ],
  "Anthropic's redacted thinking": [
    { content: [{ type: "redacted_thinking", data: proof }] },
    { messages: [{ role: "assistant", content: [{ type: "redacted_thinking", data: proof }] }] },
  ],
  "Gemini's thought signatures, in the other spelling": [
    { candidates: [{ content: { parts: [{ functionCall: {}, thoughtSignature: proof }] } }] },
    { contents: [{ parts: [{ function_call: {}, thought_signature: proof }] }] },
  ],
  "Gemini's, through OpenAI's dialect": [
    { choices: [{ message: { tool_calls: [{ extra_content: { google: { thought_signature: proof } } }] } }] },
    { messages: [{ tool_calls: [{ extra_content: { google: { thought_signature: proof } } }] }] },
  ],
  "encrypted reasoning_details": [
    {
      choices: [{ message: { reasoning_details: [{ type: "reasoning.encrypted", id: "r", index: 0, data: proof }] } }],
    },
    { messages: [{ reasoning_details: [{ type: "reasoning.encrypted", id: "r", index: 0, data: proof }] }] },
  ],
  "Bedrock's redacted content": [
    { output: { message: { content: [{ reasoningContent: { redactedContent: proof } }] } } },
    { messages: [{ content: [{ reasoningContent: { redactedContent: proof } }] }] },
  ],
};

for (const [name, [answer, request]] of Object.entries(places))
  test(`findIssuer() knows who has made ${name}`, () => {
    const issuers = createAffinity(createAffinityMemory());
    const body = Buffer.from(JSON.stringify(request));
    assert.equal(findIssuer(issuers, body, nowMs), undefined);
    rememberIssuer(issuers, JSON.stringify(answer), maker, nowMs);
    assert.deepEqual(findIssuer(issuers, body, nowMs), { ...maker, isMixed: false });
    const another = Buffer.from(JSON.stringify(request).replaceAll("EqQB", "EqQC"));
    assert.equal(findIssuer(issuers, another, nowMs), undefined, "another proof is not known");
  });

test("findIssuer() takes data of pictures for no proof", () => {
  const issuers = createAffinity(createAffinityMemory());
  const picture = JSON.stringify({ source: { type: "base64", data: proof }, note: '"signature"' });
  rememberIssuer(issuers, picture, maker, nowMs);
  assert.equal(findIssuer(issuers, Buffer.from(picture), nowMs), undefined);
});

test("rememberPieces() keeps the pieces of each block and of each attempt apart", () => {
  const issuers = createAffinity(createAffinityMemory());
  const pieces = new Map();
  const say = (index: number, signature: string, attempt: string) =>
    rememberPieces(issuers, JSON.stringify({ index, delta: { signature } }), maker, nowMs, pieces, attempt);
  const half = proof.length / 2;
  say(0, proof.slice(0, half), "1");
  say(1, "a".repeat(40), "1");
  say(0, "b".repeat(40), "2");
  say(0, proof.slice(half), "1");
  const knows = (signature: string): boolean =>
    findIssuer(issuers, Buffer.from(JSON.stringify({ signature })), nowMs) !== undefined;
  assert.deepEqual([proof, "a".repeat(40), "b".repeat(40), `${"b".repeat(40)}${proof.slice(half)}`].map(knows), [
    true,
    true,
    true,
    false,
  ]);
});
