/**
 * Conditions by closures against the library that they stand in for: the same answer, or an error of the same words.
 * Expressions and facts are drawn; `SEED=… CASES=…` draws others, and every failure prints its own.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Environment } from "@marcbachmann/cel-js/evaluator";
import { RE2JS } from "re2js";
import { type CheckedNode, closureOf } from "../../../daemon/routing/condition-closure.ts";
import { Failure, unsure } from "../../../daemon/routing/condition-value.ts";
import type { Facts } from "../../../daemon/routing/facts.ts";
import { compileCondition } from "../../../daemon/routing/rule-engine.ts";
import { dice } from "../../support/routing-lab.ts";

// The library reads a zone's wall clock as the machine's own; here they are the same.
process.env["TZ"] = "UTC";

const variables = {
  model: "string",
  team: "string",
  stream: "bool",
  tokens: "int",
  budget_used: "double",
  headers: "map<string, string>",
  params: "map<string, dyn>",
  now: "google.protobuf.Timestamp",
};
const environment = Object.entries(variables).reduce(
  (made, [name, type]) => made.registerVariable(name, type),
  new Environment(),
);

type Values = Readonly<Record<string, unknown>>;
const find = (pattern: string, text: string) => RE2JS.compile(pattern).matcher(text).find();

/** What the closures say, `unsure` told as that, and what the library says. */
function both(when: string, values: Values): readonly [string, string] | undefined {
  const parsed = environment.parse(when);
  const { valid, type } = parsed.check();
  if (!valid || String(type) !== "bool") return undefined;
  const quick = closureOf(parsed.ast as unknown as CheckedNode, find)(values as unknown as Facts);
  return [quick === unsure ? "unsure" : told(quick), told(byLibrary(parsed, values))];
}

function byLibrary(evaluate: (values: Values) => unknown, values: Values): unknown {
  try {
    return evaluate(values);
  } catch (error) {
    return error;
  }
}

function told(answer: unknown): string {
  if (answer instanceof Failure || answer instanceof Error) return `error: ${answer.message.split("\n")[0]}`;
  return String(answer);
}

const facts: Values = {
  now: new Date("2026-03-29T00:59:59.500Z"),
  model: "gpt-5",
  team: "red",
  stream: true,
  tokens: 5n,
  budget_used: 50,
  headers: { "x-tier": "gold", n: "12" },
  params: { t: 0.5, s: "x", yes: true, none: null, list: ["a", 1], map: { k: "v" }, messages: [{ role: "user" }, {}] },
};

test("R8 closureOf() fails as the library does, and throws nothing", () => {
  const failing = [
    ['headers["absent"] == "1"', "error: No such key: absent"],
    ['headers.absent.startsWith("a")', "error: No such key: absent"],
    ["params.s > 1.0", "error: no such overload: dyn<string> > double"],
    ["tokens > params.none", "error: no such overload: int > dyn<null>"],
    ["params.s && true", "error: Logical operator requires bool operands, got 'string'"],
    ["!params.t", "error: no such overload: !double"],
    ['params.s.deep == "x"', "error: No such key: deep"],
    ["has(params.absent.deep)", "error: No such key: absent"],
    ['params.absent.exists(m, m == "a")', "error: No such key: absent"],
    ['params.messages.exists(m, m.role == "tool")', "error: No such key: role"],
    ["int(headers['x-tier']) > 1", "error: int() type error: cannot convert to int"],
    ["double(headers['x-tier']) > 1.0", "error: double() type error: cannot convert to double"],
    ['headers["absent"] == "1" && headers["other"] == "2"', "error: No such key: other"],
    ["tokens / 0 == 1", "error: division by zero"],
    ["uint(headers['x-tier']) == uint(1)", "error: uint() type error: cannot convert to uint"],
    ["uint(-tokens) == uint(5)", "error: uint() type error: cannot convert to uint"],
    ["tokens % (tokens - 5) == 1", "error: modulo by zero"],
    ["9223372036854775807 + tokens > 0", "error: integer overflow: 9223372036854775812"],
    ["tokens + params.t == 1", "error: no such overload: int + dyn<double>"],
    ["-params.s == 1", "error: no such overload: -string"],
    ["int(params.t / 0.0) == 1", "error: int() type error: integer overflow"],
    ["int(params.none) == 1", "error: found no matching overload for 'int(null)'"],
    ["bool(model)", 'error: bool() conversion error: invalid string value "gpt-5"'],
    ["timestamp(model) < now", "error: timestamp() requires a string in ISO 8601 format"],
    ["now - duration(headers.n) < now", "error: Invalid duration string: 12"],
    ["now + params.s > now", "error: no such overload: google.protobuf.Timestamp + dyn<string>"],
    ['now.getHours("Nowhere") > 1', "error: Invalid time zone specified: Nowhere"],
    [
      "now.getHours(params.t) > 1",
      "error: found no matching overload for 'google.protobuf.Timestamp.getHours(double)'",
    ],
    ['params.t.startsWith("x")', "error: found no matching overload for 'double.startsWith(string)'"],
    ['model.substring(9) == "x"', "error: string.substring(start, end): start index out of range"],
    ["params.list[2] == 1", "error: No such key: index out of bounds, index 2 >= size 2"],
    ["params.s ? true : false", "error: Ternary condition must be bool, got 'string'"],
    ["bytes(model).at(9) == 1", "error: Bytes index out of range"],
    ['[model, headers["absent"]] == ["a"]', "error: No such key: absent"],
    ["params.absent.filter(m, m == 1).size() > 0", "error: No such key: absent"],
    ["params.list.map(m, m + 1).size() > 0", "error: no such overload: dyn<string> + int"],
    ["params.list.filter(m, m).size() > 0", "error: filter(var, predicate) predicate must return bool, got 'string'"],
    ["params.list < params.map", "error: no such overload: dyn<list<string>> < dyn<map<string, string>>"],
    ["params.list.join() == model", "error: string.join(): list must contain only strings"],
    ["params.s in params.s", "error: no such overload: dyn<string> in dyn<string>"],
    [
      "params.s.exists(m, m == 1)",
      "error: Expression of type 'string' cannot be range of a comprehension (must be list, map, or dynamic).",
    ],
  ] as const;
  for (const [when, wanted] of failing) assert.deepEqual(both(when, facts), [wanted, wanted], when);
});

test("R8 closureOf() answers what rules usually ask without the library", () => {
  const answered = [
    ['"x-tier" in headers && headers["x-tier"] == "gold"', true],
    ['headers["absent"] == "1" || model == "gpt-5"', true],
    ['headers["absent"] == "1" && team == "blue"', false],
    ['model in ["gpt-4", "gpt-5"]', true],
    ['["claude-", "gpt-"].exists(start, model.startsWith(start))', true],
    ["params.messages.all(m, has(m.role))", false],
    ['params.messages.exists_one(m, has(m.role) && m.role == "user")', true],
    ["params.t < 1 && params.t == 0.5 && tokens > 4", true],
    ["int(headers.n) == 12 && size(params.list) == 2 && model.size() == 5", true],
    ['params.none == "x" || params.t == "x"', false],
    ['stream ? budget_used > 80.0 : team.contains("e")', false],
    ["has(params.map.k) && !has(params.map.q) && !has(params.s.q)", true],
    ['model.split("-")[0].upperAscii() == "GPT" && string(params.t) == "0.5"', true],
    ["(tokens * 3 + 1) % 7 == 2 && -params.t < 0.5 / 2.0", true],
    ['now.getHours() == 0 && now.getHours("Europe/Berlin") == 1 && now.getDayOfWeek("Asia/Kolkata") == 0', true],
    ['now + duration("1s") > now && (now - duration("1h30m")).getDate() == 28', true],
    ['(now + duration("1s")).getHours("Europe/Berlin") == 3', true],
    ['now - timestamp("2026-03-29T00:00:00Z") == duration("59m59.5s")', true],
    ['[model, "b"].join("-") == "gpt-5-b" && (["a"] + params.list).size() == 3', true],
    ['params.list == [dyn("a"), params.list[1]] && {"k": "v"} == params.map && params.list[1] in params.list', true],
    ['bytes(model).at(0) == 103 && bytes(model).hex() == "6770742d35" && bytes(model) != bytes(team)', true],
    ['params.messages.filter(m, has(m.role)).size() == 1 && params.list.map(m, string(m))[0] == "a"', true],
  ] as const;
  for (const [when, wanted] of answered) assert.deepEqual(both(when, facts), [String(wanted), String(wanted)], when);
});

const jsonError = errorOf(() => JSON.parse("gpt-5"));

function errorOf(step: () => unknown): string {
  try {
    return String(step());
  } catch (error) {
    return (error as Error).message;
  }
}

test("R8 compileCondition() asks the library for what closures do not know, and tells its error as a value", () => {
  const ask = (when: string) => told(compileCondition(when).test(facts as unknown as Facts));
  assert.equal(ask('params.list.map(item, string(item)).join("-") == "a-1"'), "true");
  assert.equal(ask("type(model) == string"), "true");
  assert.equal(ask("bytes(model).json().k == 1"), `error: ${jsonError}`);
  assert.equal(ask('model.matches("^gpt-[0-9]$")'), "true");
});

test("R8 compileCondition() reads a long duration that a caller sends in no time", () => {
  // The library's own takes a second for 1,600 digits, and eight times as long for twice as many.
  const { test: ask } = compileCondition('duration(headers["wait"]) > duration("1s")');
  for (const wait of ["1".repeat(60_000), "1s".repeat(30_000), ".".repeat(60_000)])
    assert.match(told(ask({ headers: { wait } } as unknown as Facts)), /^error: Invalid duration string/);
});

test("R8 closureOf() never says other than the library, whatever is asked of whatever request", () => {
  const first = Number(process.env["SEED"] ?? 1);
  const cases = Number(process.env["CASES"] ?? 4_000);
  const counts = { compared: 0, sure: 0, failed: 0, thrown: 0 };
  for (let seed = first; seed < first + cases; seed++) {
    const draw = drawer(dice(seed));
    const when = draw.bool(3);
    const values = draw.facts();
    let answers: readonly [string, string] | undefined;
    try {
      answers = both(when, values);
    } catch (error) {
      throw new Error(`SEED=${seed} CASES=1: ${when}`, { cause: error });
    }
    if (answers === undefined) continue;
    const [quick, reference] = answers;
    counts.compared++;
    if (quick === "unsure") {
      if (reference.startsWith("error")) counts.thrown++;
      continue;
    }
    counts.sure++;
    if (reference.startsWith("error")) counts.failed++;
    assert.equal(quick, reference, `SEED=${seed} CASES=1: ${when} of ${show(values)}`);
  }
  // The drawing is only worth something while most of it is sensible, and closures know most of it.
  assert.ok(cases < 100 || counts.compared > cases / 2, JSON.stringify(counts));
  assert.ok(cases < 100 || counts.sure > counts.compared / 2, JSON.stringify(counts));
  assert.ok(cases < 100 || counts.failed > counts.sure / 10, JSON.stringify(counts));
  // What fails must not be left to the library, which throws.
  assert.ok(cases < 100 || counts.thrown < counts.failed / 50, JSON.stringify(counts));
});

function show(values: Values): string {
  return JSON.stringify(values, (_, value: unknown) => (typeof value === "bigint" ? `${value}n` : value));
}

/** Expressions of a type, no deeper than asked, and requests that have what they look at, or not. */
function drawer(random: () => number) {
  const one = <T>(of: readonly T[]): T => of[Math.floor(random() * of.length)]!;
  const texts = ['"gold"', '"gpt"', '"x"', '""', '"12"', '"role"', '"é😀"'];
  const numbers = ["0", "1", "5", "12", "0.5", "1.0", "80.0", "9007199254740992.0"];
  const item = { name: "" };
  const key = () => one(["a", "b", "s", "t", "map", "list", "none"]);
  const text = (depth: number): string =>
    one([
      () => one(texts),
      () => "model",
      () => `headers["${one(["x-tier", "n", "absent"])}"]`,
      () => `headers.${one(["n", "absent"])}`,
      () => (depth > 0 ? `(${bool(depth - 1)} ? ${text(depth - 1)} : ${text(depth - 1)})` : "team"),
      () => (depth > 0 ? `headers[${text(depth - 1)}]` : "team"),
      () => (depth > 0 ? `${text(depth - 1)}.${one(["lowerAscii()", "upperAscii()", "trim()"])}` : "model"),
      () => (depth > 0 ? `${text(depth - 1)}.substring(${number(0)}${one(["", ", 2", ", 1"])})` : "model"),
      () => (depth > 0 ? `string(${one([number, dyn, bool])(depth - 1)})` : "model"),
      () => (depth > 0 ? `(${text(depth - 1)} + ${one([text, dyn])(depth - 1)})` : "model"),
      () =>
        depth > 0 ? `${text(depth - 1)}.split(${text(0)}${one(["", ", 0", ", 2"])})[${one(["0", "1"])}]` : "model",
      () => (depth > 0 ? `${list(depth - 1)}.join(${one(["", text(0)])})` : "model"),
      () => (depth > 0 ? `${bytes(depth - 1)}.${one(["hex", "base64", "string"])}()` : "model"),
      () => (depth > 0 ? `string(${bytes(depth - 1)})` : "model"),
    ])();
  const bytes = (depth: number): string =>
    one([
      () => `bytes(${text(depth)})`,
      () => 'b"x\\x00"',
      () => (depth > 0 ? `(${bytes(depth - 1)} + ${bytes(depth - 1)})` : "bytes(model)"),
      () => (depth > 0 ? `bytes(${dyn(depth - 1)})` : "bytes(model)"),
    ])();
  const list = (depth: number): string =>
    one([
      () => "params.list",
      () => "params.messages",
      () => `[${one([text, number, dyn])(depth)}, ${one([text, number, dyn])(depth)}]`,
      () => `[${bool(0)}, ${one([text, number])(depth)}, ${one([dyn, list, map])(Math.max(0, depth - 1))}]`,
      () => (depth > 0 ? `(${list(depth - 1)} + ${one([list, dyn])(depth - 1)})` : "[1, 2.0]"),
      () => (depth > 0 ? `${text(depth - 1)}.split("")` : "[]"),
      () => (depth > 0 ? made(depth - 1) : '["x", "gpt"]'),
    ])();
  const map = (depth: number): string =>
    one([
      () => "params.map",
      () => "params",
      () => "headers",
      () => `{${text(0)}: ${one([text, number, dyn])(depth)}, "k": ${one([text, bool, dyn])(depth)}}`,
      () => "{}",
    ])();
  /** A list that a walk makes. */
  const made = (depth: number): string => {
    if (item.name !== "") return "params.list";
    const over = one([
      "params.messages",
      "params.list",
      "params.map",
      "headers",
      '["x", "gpt"]',
      "[1, 2]",
      "[params.t, 1]",
    ]);
    item.name = one(["m", "model"]);
    const body = () => one([text, number, dyn, bool])(depth);
    const end = one([
      () => `filter(${item.name}, ${one([bool, dyn])(depth)})`,
      () => `map(${item.name}, ${body()})`,
      () => `map(${item.name}, ${bool(depth)}, ${body()})`,
    ])();
    item.name = "";
    return `${over}.${end}`;
  };
  const zone = () => one(['"Europe/Berlin"', '"Asia/Kolkata"', '"UTC"', '"Nowhere"', "team", "params.s"]);
  const part = () => one(["Date", "DayOfMonth", "DayOfWeek", "DayOfYear", "FullYear", "Hours", "Minutes", "Month"]);
  const time = (depth: number): string =>
    one([
      () => "now",
      () => `timestamp(${one(['"2024-02-29T23:59:59Z"', '"2024-12-31T12:00:00+05:30"', '"no"', "tokens", "-tokens"])})`,
      () => (depth > 0 ? `timestamp(${one([text, number, dyn])(depth - 1)})` : "now"),
      () => (depth > 0 ? `(${time(depth - 1)} ${one(["+", "-"])} ${span(depth - 1)})` : "now"),
    ])();
  const span = (depth: number): string =>
    one([
      () => `duration("${one(["1h", "-1.5h", "2h45m", "300ms", "1", "", "s", "1.5.5s", "1s-", "9µs", "+.5s"])}")`,
      () => (depth > 0 ? `duration(${one([text, dyn])(depth - 1)})` : 'duration("90s")'),
      () => (depth > 0 ? `(${time(depth - 1)} - ${time(depth - 1)})` : 'duration("1m")'),
      () => (depth > 0 ? `(${span(depth - 1)} ${one(["+", "-"])} ${span(depth - 1)})` : 'duration("1m")'),
    ])();
  const dyn = (depth: number): string =>
    one([
      () => `params.${key()}`,
      () => `params["${key()}"]`,
      () => `params.${key()}.${one(["k", "role"])}`,
      () => (depth > 0 ? `params.list[${one(["0", "1", "9"])}]` : "params.t"),
      () => (item.name === "" ? "params.s" : item.name),
      () => (item.name === "" ? "params.none" : `${item.name}.role`),
    ])();
  const number = (depth: number): string =>
    one([
      () => one(numbers),
      () => "tokens",
      () => "budget_used",
      () => (depth > 0 ? `int(${text(depth - 1)})` : "tokens"),
      () => (depth > 0 ? `double(${text(depth - 1)})` : "budget_used"),
      () => (depth > 0 ? `size(${one([text, dyn])(depth - 1)})` : "tokens"),
      () => (depth > 0 ? `${one([text, list, map, bytes])(depth - 1)}.size()` : "tokens"),
      () => (depth > 0 ? `size(${one([list, map, bytes])(depth - 1)})` : "tokens"),
      () => (depth > 0 ? `${bytes(depth - 1)}.at(${one(["0", "2", "-1", "tokens"])})` : "tokens"),
      () => (depth > 0 ? `dyn(${list(depth - 1)})[${one(["0", "5", "-1", "1.0", "0.5", '"x"', "tokens"])}]` : "tokens"),
      () => (depth > 0 ? `-${one([number, dyn])(0)}` : "tokens"),
      () => (depth > 0 ? `(${number(depth - 1)} ${one(["+", "-", "*", "/", "%"])} ${number(depth - 1)})` : "tokens"),
      () => (depth > 0 ? `(${dyn(depth - 1)} ${one(["+", "-", "*", "/"])} ${one([number, dyn])(depth - 1)})` : "0"),
      () => (depth > 0 ? `${time(depth - 1)}.get${part()}(${one(["", "", zone()])})` : "1"),
      () => (depth > 0 ? `${span(depth - 1)}.get${one(["Hours", "Minutes", "Seconds", "Milliseconds"])}()` : "1"),
      () => (depth > 0 ? `${text(depth - 1)}.${one(["indexOf", "lastIndexOf"])}(${text(0)}${one(["", ", 1"])})` : "1"),
    ])();
  const walk = (depth: number): string => {
    if (item.name !== "") return "stream";
    item.name = one(["m", "model"]);
    const over = one(["params.messages", "params.list", "params.map", "params.s", "headers", '["x", "gpt"]']);
    const walked = `${over}.${one(["exists", "all", "exists_one"])}(${item.name}, ${one([bool, bool, dyn])(depth)})`;
    item.name = "";
    return walked;
  };
  function bool(depth: number): string {
    if (depth === 0) return one(["stream", "true", "false", "params.yes", "has(params.a)", "has(params.map.k)"]);
    const below = depth - 1;
    return one([
      () => `(${bool(below)} && ${bool(below)})`,
      () => `(${bool(below)} || ${bool(below)})`,
      () => `!${one([bool, dyn])(below)}`,
      () => `${text(below)} ${one(["==", "!=", "<", ">="])} ${one([text, dyn])(below)}`,
      () => `${number(below)} ${one(["==", "!=", "<", "<=", ">"])} ${one([number, dyn])(below)}`,
      () => `${dyn(below)} ${one(["==", "!=", "<", ">"])} ${one([text, number, dyn])(below)}`,
      () => `${one([text, dyn])(below)} in [${one(texts)}, ${one(texts)}]`,
      () => `${one([number, dyn])(below)} in [1, 5]`,
      () => `${text(below)} in ${one(["headers", "params", "params.map", "params.list"])}`,
      () => `${one([text, dyn])(below)}.${one(["startsWith", "endsWith", "contains"])}(${one([text, dyn])(below)})`,
      () => `(${dyn(below)} ${one(["&&", "||"])} ${one([bool, dyn])(below)})`,
      () => `(${one([bool, dyn])(below)} ? ${bool(below)} : ${bool(below)})`,
      () => `has(params.${key()}.${one(["k", "role"])})`,
      () => walk(below),
      () => `${time(below)} ${one(["==", "!=", "<", ">="])} ${one([time, time, dyn])(below)}`,
      () => `${span(below)} ${one(["==", "!=", "<", ">="])} ${span(below)}`,
      () => `bool(${one([text, dyn])(below)})`,
      () => `uint(${one([text, number])(below)}) == uint(${one([text, number])(below)})`,
      () => `${one([text, dyn])(below)} in ${dyn(below)}`,
      () => `${one([list, dyn])(below)} ${one(["==", "!=", "<"])} ${one([list, map, dyn])(below)}`,
      () => `${one([map, dyn])(below)} ${one(["==", "!=", "in"])} ${one([map, list, dyn])(below)}`,
      () => `${bytes(below)} ${one(["==", "!=", "<"])} ${one([bytes, dyn])(below)}`,
      () => `${one([text, number, dyn, list])(below)} in ${one([list, map])(below)}`,
      () => `${one([list, map])(below)} && ${bool(below)}`,
      () => `!${one([list, map])(below)}`,
      () => `(dyn(${one([list, map, text])(below)}) ? true : ${bool(below)})`,
    ])();
  }
  const value = (): unknown =>
    one([0.5, 1, 12, "x", "gold", "é😀", true, false, null, ["x", 1], { k: "v", role: "x" }, [], {}]);
  return {
    bool,
    facts: (): Values => ({
      now: new Date(one([1_790_000_000_123, 0, 1_774_745_999_000, 1_774_746_000_000])),
      model: one(["gpt", "x", "", "claude"]),
      team: one(["gold", ""]),
      stream: random() < 0.5,
      tokens: one([0n, 1n, 5n, 9_007_199_254_740_993n]),
      budget_used: one([0, 0.5, 80, Number.NaN]),
      headers: Object.fromEntries(
        ["x-tier", "n", "gold"]
          .filter(() => random() < 0.6)
          .map((name) => [name, one(["gold", "12", " 3", "-4", "0x1f", "1e3", "inf", ""])]),
      ),
      params: Object.fromEntries(
        ["a", "b", "s", "t", "yes", "none", "list", "map", "messages"]
          .filter(() => random() < 0.8)
          .map((name) => [name, name === "messages" ? [{ role: "user" }, value(), { role: value() }] : value()]),
      ),
    }),
  };
}
