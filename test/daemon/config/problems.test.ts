import assert from "node:assert/strict";
import { test } from "node:test";
import { nearest } from "../../../daemon/config/problems.ts";

test("nearest() finds what differs by a third of its letters at most, and nothing in names too short for that", () => {
  const known = ["_", "PWD", "OPENAI_API_KEY", "GROQ"];
  const asked = ["OPENAI_API_KY", "openai_api_key", "GRQO", "PVD", "K", "KEY", "_A", "ANTHROPIC_API_KEY"];
  assert.deepEqual(
    asked.map((name) => nearest(name, known)),
    ["OPENAI_API_KEY", "OPENAI_API_KEY", "GROQ", "PWD", undefined, undefined, undefined, undefined],
  );
});
