/** A price table from elsewhere is in force wherever requests are priced: whatever is wrong with it is told, and nothing changes. */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { importSignedPrices } from "../../../daemon/bundle/prices.ts";
import { checkedTable } from "../../../daemon/config/price-check.ts";
import { importPrices } from "../../../daemon/config/price-table.ts";
import builtIn from "../../../providers/catalog/data.json" with { type: "json" };
import { temporaryHome } from "../../support/daemon.ts";

const rest = { source: "t", date: "2030-01-01", dateMs: Date.UTC(2030, 0, 1) };
const of = (...models: readonly string[]) => ({ ...rest, providers: { openai: { others: [], models } } });
const line = (rates: unknown, rules: unknown = ["=m"], context: unknown = 10, ...changes: readonly unknown[]) =>
  of(JSON.stringify(["m", rules, context, rates, ...changes]));

const broken: readonly (readonly [what: string, table: unknown, words: RegExp])[] = [
  ["nothing", null, /^Error: the price table: is no object/],
  ["a list", [], /^Error: the price table: is no object/],
  ["a field that it does not know", { ...line({ input: 1 }), extra: 1 }, /"extra" is not known here/],
  ["no such day", { ...line({ input: 1 }), date: "2030-02-31" }, /has no date/],
  ["another day in milliseconds", { ...line({ input: 1 }), dateMs: 5 }, /dateMs is not/],
  ["no providers", { ...rest, providers: {} }, /has no providers/],
  ["a list of providers", { ...rest, providers: [] }, /providers: is no object/],
  ["an empty provider", { ...rest, providers: { a: null } }, /^Error: a: is no object/],
  ["others that it has not", { ...rest, providers: { a: { others: ["b"], models: [] } } }, /^Error: a: others/],
  ["a line cut off", of('["m",["=m"],10,{"inp'), /^Error: openai line 1: is not JSON/],
  ["a line without prices", of('["m",["=m"],10]'), /^Error: openai line 1: is not \[name/],
  ["a price below zero", line({ input: -5 }), /^Error: openai line 1 \(m\): input: -5 is no price/],
  ["a price in words", line({ input: "3" }), /input: "3" is no price/],
  ["half a pico-dollar", line({ output: 1.5 }), /output: 1\.5 is no price/],
  ["a price beyond sums", line({ input: 1_000_000_001 }), /input: 1000000001 is no price/],
  ["a fee beyond sums", line({ request: 1e300 }), /request: 1e\+300 is no price/],
  ["a price that nobody knows", line({ input: 1, inptu: 3 }), /"inptu" is not known here/],
  ["tiers that are no list", line({ input: 1, tiers: "x" }), /tiers: is no list/],
  ["a tier below zero", line({ input: 1, tiers: [{ above: 10, input: -1 }] }), /input: -1 is no price/],
  ["tiers out of order", line({ input: 1, tiers: [{ above: 9 }, { above: 9 }] }), /order of above/],
  ["a context below zero", line({ input: 1 }, ["=m"], -4), /context: is no whole number/],
  ["a rule of no kind", line({ input: 1 }, ["?x"]), /rules: "\?x" is no rule/],
  ["a rule that is a number", line({ input: 1 }, [7]), /rules: is no rule/],
  ["a broken expression", line({ input: 1 }, ["/(/"]), /is no regular expression/],
  ["changes that are no list", line({ input: 1 }, ["=m"], 10, "x"), /changes: is no list/],
  ["a change at no time", line({ input: 1 }, ["=m"], 10, [{ input: 2 }]), /neither from nor daily/],
  ["a change below zero", line({ input: 1 }, ["=m"], 10, [{ from: 1, input: -2 }]), /input: -2 is no price/],
  ["half a day", line({ input: 1 }, ["=m"], 10, [{ daily: [1], input: 2 }]), /neither from nor daily/],
];
for (const [what, table, words] of broken) {
  test(`checkedTable() refuses ${what}`, () => assert.throws(() => checkedTable(table), words));
}

test("checkedTable() takes the table that the program came with, and every kind of rule and change", () => {
  assert.equal(checkedTable(builtIn), builtIn);
  const change = { daily: [86_400_000, 0], input: 2 };
  checkedTable(line({ input: 1, page: 2 }, [["^m", { or: ["$x", "*y", "/z$"] }]], 0, [change, { from: 1 }]));
});

test("importPrices() keeps what is in use where a table is broken, cut off, empty or too large", () => {
  const home = temporaryHome();
  const good = Buffer.from(JSON.stringify(line({ input: 1 })));
  assert.deepEqual(importPrices(home, good).date, "2030-01-01");
  const newer = JSON.stringify({ ...line({ input: -1 }), date: "2031-01-01", dateMs: Date.UTC(2031, 0, 1) });
  for (const content of [newer, newer.slice(0, 99), "", "\u0000", " ".repeat(20_000_001)])
    assert.throws(() => importPrices(home, Buffer.from(content)), /is no price|is not JSON|too large/);
  assert.deepEqual(readFileSync(join(home, "prices.json")), good);
  assert.ok(!existsSync(join(home, "prices.json.next")));
});

test("importSignedPrices() says which file is a folder or cannot be read", () => {
  const home = temporaryHome();
  mkdirSync(join(home, "folder"));
  assert.throws(() => importSignedPrices(join(home, "folder"), home, []), /folder is a folder$/);
  writeFileSync(join(home, "a.json"), "{}");
  mkdirSync(join(home, "a.json.minisig"));
  assert.throws(() => importSignedPrices(join(home, "a.json"), home, []), /a\.json\.minisig cannot be read: EISDIR/);
});
