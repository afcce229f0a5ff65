/** Who is told the name that it asked for, in place of the one that was said. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { askedModel } from "../../../daemon/pipeline/asked-model.ts";
import type { Exchange } from "../../../daemon/pipeline/exchange.ts";

function exchange(name: string, agent: string | undefined, fallback: number, answering: string): Exchange {
  const target = { model: answering };
  const trip = { fallback, target, plan: { hops: [{ target: { model: "sonnet" } }] } };
  const told = { route: { name }, request: { headers: { "user-agent": agent } }, trip, view: { model: "alias" } };
  return told as unknown as Exchange;
}

test("askedModel() names what Claude Code asked for, unless another model answers it", () => {
  const claude = "claude-cli/2.1.197 (external, cli)";
  assert.equal(askedModel(exchange("messages", claude, 0, "sonnet")), "alias");
  assert.equal(askedModel(exchange("messages", claude, 1, "sonnet")), "alias", "the same model elsewhere");
  assert.equal(askedModel(exchange("messages", claude, 1, "haiku")), undefined);
  assert.equal(askedModel(exchange("messages", "curl/8", 0, "sonnet")), undefined);
  assert.equal(askedModel(exchange("messages", undefined, 0, "sonnet")), undefined);
  assert.equal(askedModel(exchange("chat.completions", claude, 0, "sonnet")), undefined);
});
