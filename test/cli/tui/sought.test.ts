/** Lists of more than a screen loads, and the filter that finds the rest. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { soughtName } from "../../../cli/filter.ts";
import type { Source } from "../../../cli/tui/source.ts";
import { keys } from "../../../cli/tui/views/keys.ts";

test("soughtName() is the first word that must stand in a name or an id", () => {
  const texts = ["ci", "!ci", "state:active ci", 'name:"team blue"', "id:key_1", "name:a,b", "!x status:5xx", "", ":"];
  assert.deepEqual(
    texts.map((text) => soughtName(text)),
    ["ci", undefined, "ci", "team blue", "key_1", undefined, undefined, undefined, undefined],
  );
});

test("the keys view asks for what its filter names, where there are more keys than it loads", async () => {
  const asked: unknown[] = [];
  const answers = (next: string | null): Source => ({
    get: async <Answer>(_: string, query: Readonly<Record<string, unknown>> = {}) => {
      asked.push(query["search"]);
      const ids = query["search"] === undefined ? ["key_1", "key_2"] : ["key_2", "key_3000"];
      return { keys: ids.map((id) => ({ id })), next } as Answer;
    },
    send: () => Promise.reject(new Error("nothing is to be sent")),
    async *lines() {},
    lost: false,
  });
  const ids = async (filter: string, next: string | null) => {
    const place = { view: "keys", subject: undefined, filter, sort: undefined, tab: 0 };
    const data = await keys.load(answers(next), place, undefined, 0);
    return keys.table!.rows(data, place).map((row) => keys.table!.id(row));
  };
  assert.deepEqual(await ids("nightly", "more"), ["key_1", "key_2", "key_3000"]);
  assert.deepEqual(asked, [undefined, "nightly"]);
  assert.deepEqual(await ids("nightly", null), ["key_1", "key_2"], "all are here already");
  assert.deepEqual(await ids("state:active", "more"), ["key_1", "key_2"]);
  assert.deepEqual(asked, [undefined, "nightly", undefined, undefined]);
});
