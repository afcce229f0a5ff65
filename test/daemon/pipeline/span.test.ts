import assert from "node:assert/strict";
import { test } from "node:test";
import type { Exchange } from "../../../daemon/pipeline/exchange.ts";
import { beginSpan } from "../../../daemon/pipeline/span.ts";

test("beginSpan() gives each request ids of its own, of the length that they must have", () => {
  const exchange = { request: { headers: {} } } as Exchange;
  const ids = new Set<string>();
  for (let request = 0; request < 1_000; request += 1) {
    const { traceId, spanId, parentId } = beginSpan(exchange, 0.5);
    assert.match(traceId, /^[0-9a-f]{32}$/);
    assert.match(spanId, /^[0-9a-f]{16}$/);
    assert.equal(parentId, "");
    ids.add(traceId).add(spanId).add(traceId.slice(16));
  }
  assert.equal(ids.size, 3_000);
});
