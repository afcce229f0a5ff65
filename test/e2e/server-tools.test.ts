/** What a provider's own tools may cost is held before they run: a budget is not overdrawn by searches. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ask } from "../support/client.ts";
import { startDaemon } from "../support/daemon.ts";

test("A1 admit() holds the calls that a provider's tools may make, and refuses those of unknown cost", async (t) => {
  const daemon = await startDaemon({
    config: {
      prices: { "echo-paid/*": { input: 0, output: 0, server_tool: 0.01, file_search: 0.02, container: 0.03 } },
    },
  });
  t.after(() => daemon.stop());
  const key = await daemon.createKey({ name: "ci", budget: "0.05" });
  const call = async (tool: object, key_: string | undefined = key) => {
    const body = { tools: [tool] };
    const { status, text } = await ask(daemon.url, {
      ...{ dialect: "messages", model: "echo-paid", key: key_, maxTokens: 5, body },
    });
    const { error } = JSON.parse(text) as { error?: { message: string; code?: string } };
    return [status, error?.message ?? ""] as const;
  };
  const search = (uses: number) => ({ type: "web_search_20250305", name: "web_search", max_uses: uses });
  assert.deepEqual(await call(search(5)), [200, ""]);
  const [status, message] = await call(search(6));
  assert.equal(status, 402);
  assert.match(message, /needed \$0\.06/);
  const [refused, why] = await call({ type: "code_execution_20250825", name: "code_execution" });
  assert.equal(refused, 402);
  assert.match(why, /what code_execution_20250825 costs is not told.*ledger\.allow_unpriced/);
  assert.deepEqual(await call({ type: "file_search" }), [
    402,
    'the budget of key "ci" does not cover this request: limit $0.05, spent $0.00, held by requests in flight $0.00, needed $0.08',
  ]);
  const [refusedBox, needs] = await call({ type: "code_interpreter", container: { type: "auto", memory_limit: "4g" } });
  assert.equal(refusedBox, 402);
  assert.match(needs, /needed \$0\.12/);
  assert.deepEqual(await call({ type: "code_interpreter", container: { type: "auto" } }), [200, ""]);
  // No call was made: nothing is charged.
  const { problems } = await daemon.settled();
  assert.deepEqual(problems, []);
  assert.deepEqual(await call(search(5)), [200, ""]);
});
