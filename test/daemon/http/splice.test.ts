import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { scanRequest } from "../../../daemon/http/scan.ts";
import { type RequestEdits, spliceRequest } from "../../../daemon/http/splice.ts";

/** `cutNames`: noted members to leave out. */
type Edits = RequestEdits & { readonly cutNames?: readonly string[] };

function splice(text: string, { cutNames, ...edits }: Edits): string {
  const body = Buffer.from(text);
  const view = scanRequest(body);
  const cut = view.noted?.filter(({ name }) => cutNames?.includes(name));
  return spliceRequest(body, view, { ...edits, cut }).toString("utf8");
}

const gemini = { object: "generationConfig", name: "maxOutputTokens" };

test("R1 spliceRequest() changes only the bytes it was asked to change", () => {
  const cases: readonly (readonly [before: string, edits: Edits, after: string])[] = [
    ['{ "x":1, "model" : "a/b" ,"é":"☃"}', { model: "ü" }, '{ "x":1, "model" : "ü" ,"é":"☃"}'],
    ['{"model":"a","fallbacks":["b"] ,"x":1}', { cutNames: ["fallbacks"] }, '{"model":"a" ,"x":1}'],
    ['{"fallbacks":["b"], "model":"a"}', { cutNames: ["fallbacks"] }, '{ "model":"a"}'],
    ['{"model":"a" , "fallbacks":["b"]}', { cutNames: ["fallbacks"] }, '{"model":"a" }'],
    ['{ "fallbacks":["b"] }', { cutNames: ["fallbacks"] }, "{  }"],
    ['{"fallbacks":["b"]}', { cutNames: ["fallbacks"], injectMaxTokens: 5 }, '{"max_tokens":5}'],
    [
      '{"fallbacks":["b"],"x":1}',
      { cutNames: ["fallbacks"], model: "m", injectMaxTokens: 5 },
      '{"model":"m","max_tokens":5,"x":1}',
    ],
    ["{ }", { includeUsage: true }, '{"stream_options":{"include_usage":true} }'],
    ['{"x":1}', { includeUsage: true }, '{"stream_options":{"include_usage":true},"x":1}'],
    ['{"stream_options":null}', { includeUsage: true }, '{"stream_options":{"include_usage":true}}'],
    ['{"stream_options":{ }}', { includeUsage: true }, '{"stream_options":{"include_usage":true }}'],
    ['{"stream_options":{"y":[]}}', { includeUsage: true }, '{"stream_options":{"include_usage":true,"y":[]}}'],
    [
      '{"stream_options":{"include_usage": false }}',
      { includeUsage: true },
      '{"stream_options":{"include_usage": true }}',
    ],
    [
      '{"x":1}',
      { injectMaxTokens: 9, injectMaxTokensAs: "max_completion_tokens" },
      '{"max_completion_tokens":9,"x":1}',
    ],
    ['{"max_completion_tokens": null}', { injectMaxTokens: 9 }, '{"max_completion_tokens": 9}'],
    ['{"provider":{} , "models":[],"x":1}', { cutNames: ["provider", "models"] }, '{ "x":1}'],
    ['{"provider":{},"models":[]}', { cutNames: ["provider", "models"], add: ['"y":2'] }, '{"y":2}'],
    [
      '{"x":1,"provider":{},"models":[] , "y":2,"usage":{}}',
      { cutNames: ["provider", "models", "usage"] },
      '{"x":1 , "y":2}',
    ],
    ['{"x":1}', { injectMaxTokens: 9, injectMaxTokensAs: gemini }, '{"generationConfig":{"maxOutputTokens":9},"x":1}'],
    [
      '{"generationConfig":{ "topK":1}}',
      { injectMaxTokens: 9, injectMaxTokensAs: gemini },
      '{"generationConfig":{"maxOutputTokens":9, "topK":1}}',
    ],
    [
      '{"generation_config":{}}',
      { injectMaxTokens: 9, injectMaxTokensAs: gemini },
      '{"generation_config":{"maxOutputTokens":9}}',
    ],
  ];
  for (const [before, edits, after] of cases) assert.equal(splice(before, edits), after);
});

test("R1 spliceRequest() gives back the same buffer when nothing changes", () => {
  const body = Buffer.from('{"model":"m","max_tokens":5,"stream_options":{"include_usage":true}}');
  const view = scanRequest(body);
  for (const edits of [{}, { model: "m", cut: [], includeUsage: true, injectMaxTokens: 9 }]) {
    assert.equal(spliceRequest(body, view, edits), body);
  }
});

test("R1 spliceRequest() leaves the value that JSON.parse sees otherwise equal", () => {
  const members: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
    model: fc.string({ unit: fc.constantFrom(...'ab/:-"\\é☃'), minLength: 1, maxLength: 9 }),
    fallbacks: fc.array(fc.constantFrom("a/b", "c"), { maxLength: 3 }),
    provider: fc.constant({ order: ["x"] }),
    usage: fc.constant({ include: true }),
    models: fc.constant(["a"]),
    generationConfig: fc.constantFrom({}, { temperature: 1 }),
    stream_options: fc.oneof(
      fc.constant(null),
      fc.record({ include_usage: fc.boolean(), x: fc.jsonValue() }, { requiredKeys: [] }),
    ),
    max_tokens: fc.option(fc.integer({ min: 1, max: 99 })),
    messages: fc.jsonValue({ maxDepth: 3 }),
  };
  const request = fc
    .tuple(fc.shuffledSubarray(Object.keys(members)), fc.record(members), fc.constantFrom(0, 1, "\t"))
    .map(([names, values, indent]) => {
      return JSON.stringify(Object.fromEntries(names.map((name) => [name, values[name]])), null, indent);
    });
  const wanted = fc.record({
    model: fc.constantFrom("x/y", "☃"),
    cutNames: fc.subarray(["fallbacks", "provider", "usage", "models"]),
    includeUsage: fc.boolean(),
    injectMaxTokens: fc.constant(7),
  });
  fc.assert(
    fc.property(request, wanted, (text, edits) => {
      const expected: Record<string, unknown> = JSON.parse(text);
      expected["model"] = edits.model;
      expected["max_tokens"] ??= edits.injectMaxTokens;
      for (const name of edits.cutNames) delete expected[name];
      if (edits.includeUsage) {
        expected["stream_options"] = { ...(expected["stream_options"] as object | null), include_usage: true };
      }
      assert.deepEqual(JSON.parse(splice(text, edits)), expected);
    }),
    { numRuns: 500 },
  );
});
