/** Whatever a client or an upstream sends, the only thing a dialect throws is a failure we meant to report. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { dialects } from "../../../providers/dialects/index.ts";
import type { Event } from "../../../providers/exchange.ts";
import { GatewayError } from "../../../providers/gateway-error.ts";
import { fixture, frames } from "./replay.ts";

const runs = { numRuns: 300, seed: 20_261_123 };
const context = { id: "id_1", model: "m", created: 1, includeUsage: true };

function onlyGatewayErrors<T>(action: () => T): T | undefined {
  try {
    return action();
  } catch (error) {
    assert.ok(error instanceof GatewayError, String((error as Error).stack));
    return undefined;
  }
}

/** Objects whose keys are the ones that a dialect looks for, with values of any type. */
const words =
  `choices delta message content role tool_calls index id function name arguments usage prompt_tokens finish_reason
  error code type text reasoning_details logprobs thinking signature data citations input content_block stop_reason messages
  model tools tool_choice system stream source url file image_url tool_use_id max_tokens stop metadata output_config format schema
  reasoning prompt_tokens_details cache_control object constructor __proto__ toString output item response output_index
  summary encrypted_content annotations call_id status incomplete_details candidates parts functionCall functionResponse args
  partialArgs jsonPath stringValue thoughtSignature thought finishReason promptFeedback usageMetadata promptTokenCount
  groundingMetadata groundingChunks groundingSupports groundingChunkIndices segment logprobsResult chosenCandidates web
  inlineData contents generationConfig toolConfig functionDeclarations parameters properties thinkingConfig`.split(
    /\s+/,
  );
const values =
  `message_start content_block_start content_block_delta content_block_stop message_delta message_stop error text
  tool_use tool_result thinking text_delta input_json_delta function image image_url document file user assistant tool system
  json_schema enabled auto base64 constructor hasOwnProperty stop response.created response.output_item.added
  response.output_item.done response.output_text.delta response.function_call_arguments.delta response.completed
  response.failed reasoning message function_call function_call_output input_text output_text item_reference STOP SAFETY
  MALFORMED_FUNCTION_CALL $.a[0].b OBJECT STRING ANY model`.split(/\s+/);

const { value: odd } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: "medium", withCrossShrink: true },
    fc.constantFrom<unknown>(null, true, 0, -1, Number.POSITIVE_INFINITY, 2 ** 60, "", ...values),
    fc.string(),
    fc.array(tie("value"), { maxLength: 4 }),
    fc.dictionary(fc.constantFrom(...words), tie("value"), { maxKeys: 6 }),
  ),
}));

for (const dialect of Object.values(dialects)) {
  test(`parse() and encode() of ${dialect.id} bear any body`, () => {
    const body = fc.record(
      {
        model: fc.constant("m"),
        messages: fc.array(
          fc.record(
            {
              role: fc.constantFrom("user", "assistant", "system", "tool"),
              content: odd,
              tool_calls: odd,
              tool_call_id: fc.constant("a"),
            },
            { requiredKeys: ["role"] },
          ),
        ),
        tools: odd,
        tool_choice: odd,
        output_config: odd,
        thinking: odd,
        reasoning: odd,
        response_format: odd,
        stop: odd,
        system: odd,
        input: odd,
        text: odd,
        include: odd,
        contents: odd,
        generationConfig: odd,
        toolConfig: odd,
        systemInstruction: odd,
      },
      { requiredKeys: ["model", "messages"] },
    );
    fc.assert(
      fc.property(fc.oneof(odd, body), (sent) => {
        const request = onlyGatewayErrors(() => dialect.parse(sent));
        if (request === undefined) return;
        for (const target of Object.values(dialects))
          onlyGatewayErrors(() => JSON.stringify(target.encode(request).body));
      }),
      runs,
    );
  });

  test(`decode(), decodeStream() and tap() of ${dialect.id} bear any answer, and every renderer what they tell`, () => {
    fc.assert(
      fc.property(fc.array(odd, { maxLength: 6 }), (sent) => {
        const decoder = dialect.decodeStream();
        const tap = dialect.tap();
        const events: Event[] = [];
        for (const item of sent) {
          events.push(...(onlyGatewayErrors(() => dialect.decode(item)) ?? []));
          const data = JSON.stringify(item) ?? "";
          events.push(...(onlyGatewayErrors(() => decoder.push("", data)) ?? []));
          tap.frame(`data: ${data}`);
          tap.body(data);
          onlyGatewayErrors(() => {
            throw dialect.decodeFailure(400, item);
          });
        }
        for (const target of Object.values(dialects)) {
          target.render(events, context);
          const renderer = target.renderStream(context);
          events.map(renderer.push);
          renderer.end();
        }
      }),
      runs,
    );
  });
}

test("decodeStream() of anthropic bears a recording with any one character changed", () => {
  const { anthropic } = dialects;
  const source = frames(fixture("thinking-tools.sse"));
  fc.assert(
    fc.property(
      fc.nat(source.length - 1),
      fc.nat(),
      fc.string({ minLength: 1, maxLength: 1 }),
      (number, place, character) => {
        const decoder = anthropic.decodeStream();
        for (const [index, { event, data }] of source.entries()) {
          const at = place % data.length;
          const changed = index === number ? data.slice(0, at) + character + data.slice(at + 1) : data;
          if (onlyGatewayErrors(() => decoder.push(event, changed)) === undefined) return;
        }
      },
    ),
    runs,
  );
});

test("decode() lets nothing through that is nested too deep to be written out again", () => {
  const deep: unknown = JSON.parse(`${'{"a":'.repeat(20_000)}0${"}".repeat(20_000)}`);
  const answers: readonly [keyof typeof dialects, unknown][] = [
    [
      "openai-chat",
      {
        choices: [
          { message: { content: "x", annotations: [deep], audio: deep }, logprobs: deep, finish_reason: "stop" },
        ],
      },
    ],
    [
      "anthropic",
      {
        content: [
          { type: "text", text: "x", citations: [deep] },
          { type: "tool_use", id: "a", name: "f", input: deep },
        ],
      },
    ],
    ["anthropic", { content: [{ type: "container", deep }] }],
  ];
  for (const [id, answer] of answers) {
    const events = onlyGatewayErrors(() => dialects[id].decode(answer)) ?? [];
    for (const target of Object.values(dialects)) assert.ok(JSON.stringify(target.render(events, context)).length > 0);
  }
});
