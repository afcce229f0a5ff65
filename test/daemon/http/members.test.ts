import assert from "node:assert/strict";
import { test } from "node:test";
import { editMembers, renameMembers } from "../../../daemon/http/members.ts";

function edited(body: string, omit: readonly string[], add: Readonly<Record<string, string>> = {}): string {
  return editMembers(Buffer.from(body), omit, add).toString("utf8");
}

test("editMembers() leaves out what is named at the top, and nothing deeper", () => {
  const body = ' { "model" : "m", "x":{"model":1,"stream":[{"stream":2}]} ,\n"stream":true,"é":"}\\",{" } ';
  assert.equal(edited(body, ["model", "stream"]), '{"x":{"model":1,"stream":[{"stream":2}]},"é":"}\\",{"}');
});

test("editMembers() adds what is not there, and leaves what is", () => {
  assert.equal(edited('{"a":1}', [], { v: '"2023"', a: "2" }), '{"a":1,"v":"2023"}');
  assert.equal(edited("{}", ["a"], { v: "[1]" }), '{"v":[1]}');
  assert.equal(edited('{"v":0}', ["v"], { v: "1" }), '{"v":1}');
  assert.equal(edited('{"a":1}', ["a"]), "{}");
});

function renamed(body: string, fields: Readonly<Record<string, string | null>>): [string, readonly string[]] {
  const { bytes, leftOut } = renameMembers(Buffer.from(body), fields);
  return [bytes.toString("utf8"), leftOut];
}

test("renameMembers() calls members by their other names, and tells which have none", () => {
  const fields = { seed: "random_seed", user: null, n: null };
  const deep = '"x":{"seed":1,"user":2}';
  assert.deepEqual(renamed(`{"seed": 7 ,${deep},"user":"u"}`, fields), [`{${deep},"random_seed":7}`, ["user"]]);
  assert.deepEqual(renamed('{"random_seed":1,"seed":7}', fields), ['{"random_seed":7}', []]);
  assert.deepEqual(renamed('{"seed":null,"n": null,"a":1}', fields), ['{"a":1}', []]);
  assert.deepEqual(renamed(' {"a" : 1} ', fields), [' {"a" : 1} ', []]);
  assert.deepEqual(renamed("{}", fields), ["{}", []]);
});

test("editMembers() keeps the bytes of every other member", () => {
  const member = `"messages":[{"content":"${"long ".repeat(500)}\\ud83d\\n","n":1e400,"x":[[[]]]}]`;
  assert.equal(edited(`{"model":"m",${member},"stream":false}`, ["model", "stream"]), `{${member}}`);
});
