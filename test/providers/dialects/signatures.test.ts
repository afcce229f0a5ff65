/** Proofs of thinking over a tool loop of three turns: they come back to whoever made them, byte for byte, and to nobody else. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { dialects } from "../../../providers/dialects/index.ts";
import type { Dialect, Json, JsonObject } from "../../../providers/exchange.ts";
import { clients } from "./clients.ts";

type Upstream = {
  readonly dialect: Dialect;
  /** Names a model that thinks. */
  readonly model: string;
  readonly answer: (proof: string, turn: number) => JsonObject;
  /** What its own client would send back, results after it. */
  readonly history: (proof: string, turn: number, results: readonly [string, string]) => readonly Json[];
  readonly field: string;
  readonly first: readonly Json[];
};

const calls = ["weather", "now"] as const;

const upstreams: readonly Upstream[] = [
  {
    dialect: dialects.anthropic,
    model: "claude-sonnet-4-5",
    field: "messages",
    first: [{ role: "user", content: "q" }],
    answer: (proof, turn) => ({
      id: `msg_${turn}`,
      model: "c",
      content: blocks(proof, turn),
      stop_reason: "tool_use",
      usage: { input_tokens: 1, output_tokens: 1 },
    }),
    history: (proof, turn, results) => [
      { role: "assistant", content: blocks(proof, turn) },
      {
        role: "user",
        content: calls.map((name, index) => ({
          type: "tool_result",
          tool_use_id: `toolu_${name}_${turn}`,
          content: results[index]!,
        })),
      },
    ],
  },
  {
    dialect: dialects["openai-responses"],
    model: "gpt-5.1",
    field: "input",
    first: [{ type: "message", role: "user", content: "q" }],
    answer: (proof, turn) => ({
      id: `resp_${turn}`,
      object: "response",
      model: "gpt-5.1",
      status: "completed",
      output: [
        reasoning(proof, turn),
        ...called(turn).map((item) => ({ id: `fc_${turn}`, status: "completed", ...item })),
      ],
      usage: { input_tokens: 1, output_tokens: 1 },
    }),
    history: (proof, turn, results) => [
      reasoning(proof, turn),
      ...called(turn),
      ...calls.map((name, index) => ({
        type: "function_call_output",
        call_id: `call_${name}_${turn}`,
        output: results[index]!,
      })),
    ],
  },
  {
    dialect: dialects.gemini,
    model: "gemini-3-pro-preview",
    field: "contents",
    first: [{ role: "user", parts: [{ text: "q" }] }],
    answer: (proof, turn) => ({
      responseId: `r${turn}`,
      modelVersion: "gemini-3-pro-preview",
      candidates: [{ content: { role: "model", parts: parts(proof, turn) }, finishReason: "STOP", index: 0 }],
      usageMetadata: { promptTokenCount: 1, candidatesTokenCount: 1 },
    }),
    history: (proof, turn, results) => [
      { role: "model", parts: parts(proof, turn) },
      {
        role: "user",
        parts: calls.map((name, index) => ({
          functionResponse: { id: `${name}${turn}`, name, response: { output: results[index]! } },
        })),
      },
    ],
  },
];

function blocks(proof: string, turn: number): JsonObject[] {
  return [
    { type: "thinking", thinking: "Two calls, then.", signature: proof },
    { type: "redacted_thinking", data: `ZW5j${turn}` },
    { type: "text", text: "Looking." },
    ...calls.map((name) => ({ type: "tool_use", id: `toolu_${name}_${turn}`, name, input: { turn } })),
  ];
}

function reasoning(proof: string, turn: number): JsonObject {
  const summary = ["**One**\n\nA.", "**Two**\n\nB."].map((text) => ({ type: "summary_text", text }));
  return { type: "reasoning", id: `rs_${turn}`, summary, encrypted_content: proof };
}

function called(turn: number): JsonObject[] {
  return calls.map((name) => ({
    type: "function_call",
    call_id: `call_${name}_${turn}`,
    name,
    arguments: JSON.stringify({ turn }),
  }));
}

/** Each call is proven by itself in the third turn, and a text as well. */
function parts(proof: string, turn: number): JsonObject[] {
  const [first, second] = calls.map((name) => ({ functionCall: { id: `${name}${turn}`, name, args: { turn } } }));
  const thought = { text: "Two calls, then.", thought: true };
  if (turn < 2) return [thought, { ...first!, thoughtSignature: proof }, second!];
  return [
    thought,
    { text: "Looking.", thoughtSignature: `${proof}T` },
    { ...first!, thoughtSignature: proof },
    { ...second!, thoughtSignature: `${proof}2` },
  ];
}

const proofs = ["c2lnbmF0dXJlLTE=", "Q2lRQmdBQUFBQUFB+/8=", "gAAAAABpPDIUph8czEXzDePCV2lJ27w_-"];

for (const upstream of upstreams) {
  for (const client of clients) {
    if (client.id === upstream.dialect.id) continue;
    for (const inPieces of [false, true]) {
      const how = inPieces ? "a stream" : "a body";
      test(`A28 encode() for ${upstream.dialect.id} returns thinking byte for byte that a client of ${client.id} kept from ${how}`, () => {
        const history: Json[] = [...client.question("q")];
        const expected: Json[] = [...upstream.first];
        for (const [turn, proof] of proofs.entries()) {
          const kept = client.keep(upstream.dialect.decode(upstream.answer(proof, turn)), inPieces);
          const results = client.results(kept, () => `result of ${turn}`);
          history.push(...JSON.parse(JSON.stringify([...kept, ...results])));
          expected.push(...upstream.history(proof, turn, [`result of ${turn}`, `result of ${turn}`]));
          const asked = dialects[client.id].parse(client.ask(history), { model: "m", stream: false });
          const { body, dropped } = upstream.dialect.encode({ ...asked, model: upstream.model });
          assert.deepEqual(body[upstream.field], expected);
          assert.deepEqual(dropped, []);
        }
      });
    }

    for (const other of upstreams) {
      if (other === upstream) continue;
      test(`A28 encode() for ${other.dialect.id} is sent no proof of ${upstream.dialect.id}'s by a client of ${client.id}`, () => {
        const kept = client.keep(upstream.dialect.decode(upstream.answer(proofs[0]!, 2)), false);
        const history = [...client.question("q"), ...kept, ...client.results(kept, () => "r")];
        const asked = dialects[client.id].parse(client.ask(JSON.parse(JSON.stringify(history))), {
          model: "m",
          stream: false,
        });
        const { body, dropped } = other.dialect.encode({ ...asked, model: other.model });
        assert.doesNotMatch(JSON.stringify(body), /c2lnbmF0dXJlLTE|ZW5j/);
        assert.ok(
          dropped.some((name) => /thinking|reasoning/.test(name)),
          dropped.join(),
        );
      });
    }
  }
}
