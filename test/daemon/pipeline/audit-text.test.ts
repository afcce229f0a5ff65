import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Exchange } from "../../../daemon/pipeline/exchange.ts";
import { auditText } from "../../../daemon/pipeline/record.ts";

const text = fc.oneof(
  fc.string(),
  fc.string({ unit: "binary" }),
  fc.constantFrom('"', "\\", "\u007f", "\ud800", "ü/\n"),
);
const count = fc.option(fc.nat(), { nil: undefined });

test("auditText() is the JSON of what it tells, absent members left out", () => {
  fc.assert(
    fc.property(
      text,
      fc.option(text, { nil: undefined }),
      fc.option(text, { nil: undefined }),
      fc.constantFrom(undefined, 0, 7),
      fc.constantFrom(undefined, "upstream_error"),
      fc.option(fc.record({ input: count, output: count, cacheRead: count }, { requiredKeys: [] }), { nil: undefined }),
      (id, model, target, heldNano, code, usage) => {
        const exchange = {
          ...{ id, route: { name: "chat.completions" }, status: 200, usage },
          ...{ view: model === undefined ? undefined : { model, stream: true } },
          ...{ target: target === undefined ? undefined : { name: target } },
          ...{ error: code === undefined ? undefined : { code } },
          ...{ settlement: heldNano === undefined ? undefined : { heldNano } },
        };
        const { cacheRead } = usage ?? {};
        const told = {
          ...{ request: id, route: "chat.completions", model, target, stream: model === undefined ? undefined : true },
          ...{ held: heldNano || undefined, status: 200, error: code, input: usage?.input, output: usage?.output },
          parts: cacheRead ? { cacheRead } : undefined,
        };
        assert.equal(auditText(exchange as unknown as Exchange), JSON.stringify(told));
      },
    ),
    { numRuns: 2_000 },
  );
});
