import assert from "node:assert/strict";
import { test } from "node:test";
import { watchLines } from "../../../daemon/pipeline/line-ids.ts";

async function through(text: string, cut: number): Promise<{ told: string; ids: Set<string> }> {
  const ids = new Set<string>();
  const lines = watchLines(
    (name) => name === "up",
    async (named) => {
      for (const id of named) ids.add(id);
    },
  );
  const bytes = Buffer.from(text);
  let told = "";
  for (let at = 0; at < bytes.length; at += cut)
    told += (await lines.push(bytes.subarray(at, at + cut))).toString("latin1");
  told += lines.end().toString("latin1");
  return { told: Buffer.from(told, "latin1").toString("utf8"), ids };
}

test("watchLines() tells each id as the provider knows it, wherever chunks are cut, and keeps every length", async () => {
  const text = [
    '{"a":{"file_id":"up~file-1"},"naïve":"“\\"file_id\\":\\"up~file-not\\"”"}',
    '{"file_ids" : [ "up~file-2","file-3" , "up~file-4"], "container":"up~cntr_1"}',
    '{"f\\u0069le_id":"up~file-5","file_id":"else~file-6","file_id":"\\u0075p~file-7"}',
    '{"file_id":null,"container":{"type":"auto","file_ids":["up~file-8"]},"file_idx":"up~file-no"}',
  ].join("\n");
  const whole = await through(text, 1_000_000);
  for (let cut = 1; cut < 120; cut++) assert.deepEqual(await through(text, cut), whole, `cut at ${cut}`);
  assert.equal(Buffer.byteLength(whole.told), Buffer.byteLength(text));
  const named = ["1", "2", "3", "4", "5", "7", "8"].map((number) => `file-${number}`);
  assert.deepEqual([...whole.ids].sort(), ["cntr_1", "else~file-6", ...named].sort());
  const lines = whole.told.split("\n").map((line) => JSON.parse(line));
  assert.deepEqual(lines[0], { a: { file_id: "file-1" }, naïve: '“"file_id":"up~file-not"”' });
  assert.deepEqual(lines[1], { file_ids: ["file-2", "file-3", "file-4"], container: "cntr_1" });
  assert.deepEqual(lines[2], { file_id: "file-7" });
  assert.deepEqual(lines[3]!.file_idx, "up~file-no");
});

test("watchLines() hears of what a line goes on from, and of no word beside it", async () => {
  const text = [
    '{"previous_response_id":"resp_1","tools":[{"vector_store_ids":["up~vs_1"]}],"conversation":"conv_1"}',
    '{"conversation":{"id":"up~conv_2"},"metadata":{"conversation":"mine"},"container":{"type":"auto","memory":"x"},"previous_response_id":null}',
    '{"conversation" : { "\\u0069d" : "conv_3" } ,"previous_respons\\u0065_id":"resp_2"}',
    '{"input":[{"type":"item_reference","id":"msg_1"},{"i\\u0064": "msg_2"},{"id":7}]}',
  ].join("\n");
  const whole = await through(text, 1_000_000);
  for (let cut = 1; cut < 80; cut++) assert.deepEqual(await through(text, cut), whole, `cut at ${cut}`);
  assert.deepEqual([...whole.ids].sort(), ["conv_1", "conv_2", "conv_3", "msg_1", "msg_2", "resp_1", "resp_2", "vs_1"]);
  for (const line of whole.told.split("\n")) JSON.parse(line);
});

test("watchLines() lets nothing by that is too long to be looked at", async () => {
  for (const text of [
    `{"file_ids":[${" ".repeat(20_000)}"up~file-1"]}`,
    `{"file_id":"${"x".repeat(20_000)}"}`,
    `{"file_id"${" ".repeat(20_000)}:"up~file-1"}`,
    `{"file_id":${" ".repeat(20_000)}"up~file-1"}`,
  ])
    for (const cut of [1_000, 1_000_000]) await assert.rejects(through(text, cut), /longer than/, text.slice(0, 20));
});

test("watchLines() keeps a few kilobytes of a line of any length", async () => {
  const lines = watchLines(
    () => true,
    async () => {},
  );
  const chunk = Buffer.from(`"${"A".repeat(65_534)}`);
  let told = 0;
  for (let count = 1; count <= 100; count++) {
    told += (await lines.push(chunk)).length;
    assert.ok(count * chunk.length - told < 8_192);
  }
});
