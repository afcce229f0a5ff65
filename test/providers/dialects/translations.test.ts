/** Every pair of dialects: what a client asked is what the upstream is sent, and what it cannot be sent is named. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { dialects } from "../../../providers/dialects/index.ts";
import type { Dialect, DialectId, JsonObject } from "../../../providers/exchange.ts";
import { noSpec, problems } from "../../support/openai-spec.ts";
import { asked, whole } from "./asked.ts";

function parsed(from: Dialect, body: JsonObject) {
  return from.parse(whole(from.id, body), { model: "m", stream: false });
}

const all = Object.values(dialects);

for (const [name, row] of Object.entries(asked)) {
  for (const from of all) {
    const said = row.said[from.id];
    if (said === undefined || (row.from !== undefined && !row.from.includes(from.id))) continue;
    for (const to of all) {
      if (to === from) continue;
      const expected = row.sent?.[to.id] ?? row.said[to.id];
      if (expected === undefined) continue;
      const more = to.id === "openai-responses" ? { store: false } : {};
      test(`encode() for ${to.id} says what a client of ${from.id} said: ${name}`, () => {
        const { body, dropped } = to.encode(parsed(from, said));
        assert.deepEqual(body, { ...whole(to.id, expected), ...more });
        assert.equal(dropped.length, row.drops?.[to.id] ?? 0, `dropped: ${dropped.join()}`);
      });
    }
  }
}

const described: Readonly<Partial<Record<DialectId, string>>> = {
  "openai-chat": "CreateChatCompletionRequest",
  "openai-responses": "CreateResponse",
};

for (const [id, schema] of Object.entries(described)) {
  test(`encode() for ${id} sends what OpenAI describes`, { skip: noSpec }, () => {
    for (const [name, row] of Object.entries(asked)) {
      for (const from of all) {
        const said = row.said[from.id];
        if (said === undefined || from.id === id || name === "a recording") continue; // responses have no description of it yet
        const { body } = dialects[id as DialectId].encode(parsed(from, said));
        assert.deepEqual(problems(schema, body), [], `${name}, from ${from.id}: ${JSON.stringify(body)}`);
      }
    }
  });
}
