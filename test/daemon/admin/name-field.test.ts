import assert from "node:assert/strict";
import { test } from "node:test";
import { nameField } from "../../../daemon/admin/scope-fields.ts";

const name = nameField("key_");

test("nameField() takes joiners where they make one picture or a word, and nothing that hides or turns text round", () => {
  const taken = ["👨‍👩‍👧‍👦 team", "👩🏽‍💻", "❤️‍🔥", "🏳️‍🌈", "می‌خواهم", "क्‍ष", "日本語", "شحن", "e\u0301"];
  const refused = [
    "a\u200db",
    "ab\u200d",
    "\u200d👩",
    "👩\u200d",
    "\u202eabc",
    "x\u2066y",
    "a\u200bb",
    "\ufeffx",
    "a\u200cb",
  ];
  assert.deepEqual(
    taken.filter((text) => !name.safeParse(text).success),
    [],
  );
  assert.deepEqual(
    refused.filter((text) => name.safeParse(text).success),
    [],
  );
});
