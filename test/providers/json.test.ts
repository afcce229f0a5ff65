import assert from "node:assert/strict";
import { test } from "node:test";
import { count, known, lookup, nestsWithin, parseJson, shape, text, words } from "../../providers/json.ts";

test("shape() of anything that is no object is an empty one", () => {
  for (const value of [undefined, null, 3, "x", [], [{ a: 1 }]]) assert.deepEqual(shape(value), {});
  assert.equal(shape(shape({ a: { b: 1 } })["a"])["b"], 1);
});

test("count() is a whole number that is not negative, else unknown", () => {
  for (const value of [0, 7, Number.MAX_SAFE_INTEGER]) assert.equal(count(value), value);
  for (const value of [-1, 1.5, Number.NaN, 2 ** 60, "7", null, undefined]) assert.equal(count(value), undefined);
});

test("words() are a text that says something", () => {
  assert.deepEqual([text(""), words(""), words("a"), words(1)], ["", undefined, "a", undefined]);
});

test("lookup() does not find what every object has", () => {
  assert.deepEqual(
    [lookup({ a: 1 }, "a"), lookup({ a: 1 }, "constructor"), lookup({ a: 1 }, undefined)],
    [1, undefined, undefined],
  );
});

test("known() leaves out what is not known", () => {
  assert.deepEqual({ a: 1, ...known<{ a?: number | undefined; b: number }>({ a: undefined, b: 0 }) }, { a: 1, b: 0 });
});

test("parseJson() of what is no JSON is undefined", () => {
  assert.deepEqual([parseJson("{"), parseJson("null"), parseJson("[1]")], [undefined, null, [1]]);
});

test("nestsWithin() counts levels without a stack of its own", () => {
  assert.deepEqual(
    [nestsWithin(1, 0), nestsWithin([], 0), nestsWithin([[]], 1), nestsWithin([[], { a: [] }], 3)],
    [true, false, false, true],
  );
  const depth = 200_000;
  assert.equal(nestsWithin(JSON.parse(`${"[".repeat(depth)}${"]".repeat(depth)}`), 256), false);
});
