/** What a request says of its way, and what rules say of the request. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { loadConfig } from "../../../daemon/config/load.ts";
import type { ProviderPreferences } from "../../../daemon/routing/preferences.ts";
import {
  type Asked,
  failure,
  key,
  provider,
  type RoutingLab,
  routingLab,
  type Upstreams,
  well,
} from "../../support/routing-lab.ts";

const labelled = {
  providers: {
    a: provider({ ...key, models: ["m"], any_model: false, labels: { zdr: true, quantization: "fp8" } }),
    b: provider({ ...key, models: ["m"], any_model: false, labels: { data_collection: "deny" } }),
    c: provider({ ...key, models: ["m"], any_model: false }),
  },
  prices: { "a/*": { input: 5, output: 10 }, "b/*": { input: 1, output: 2 }, "c/*": { input: 2, output: 4 } },
};
const names = (lab: RoutingLab, asked: Asked): readonly string[] =>
  lab.plan(asked).hops.map(({ target }) => target.provider.name);
const chosen = (lab: RoutingLab, provider: ProviderPreferences): readonly string[] =>
  names(lab, { model: "m", preferences: { provider } });

test("plan() obeys OpenRouter's preferences against the labels of the config", async () => {
  const lab = await routingLab(labelled);
  assert.deepEqual(chosen(lab, { order: ["c", "a"] }).slice(0, 2), ["c", "a"]);
  assert.deepEqual(chosen(lab, { order: ["c"], allowFallbacks: false }), ["c"]);
  assert.deepEqual(chosen(lab, { only: ["b"] }), ["b"]);
  assert.deepEqual(chosen(lab, { ignore: ["a"] }).toSorted(), ["b", "c"]);
  assert.deepEqual(chosen(lab, { dataCollection: "deny" }).toSorted(), ["a", "b"]);
  assert.deepEqual(chosen(lab, { zdr: true }), ["a"]);
  assert.deepEqual(chosen(lab, { quantizations: ["fp8"] }), ["a"]);
  assert.deepEqual(chosen(lab, { quantizations: ["unknown"] }).toSorted(), ["b", "c"]);
  assert.deepEqual(chosen(lab, { sort: "price" }), ["b", "c", "a"]);
  assert.deepEqual(chosen(lab, { maxPrice: { prompt: 2 } }).toSorted(), ["b", "c"]);
  assert.equal(lab.plan({ model: "m", preferences: { provider: { requireParameters: true } } }).strict, true);
  assert.throws(() => chosen(lab, { only: ["nobody"] }), { code: "model_not_found", message: /not among `only`/ });
});

test("plan() takes :floor for the cheapest and :nitro for the fastest, and leaves a provider's own name alone", async () => {
  const lab = await routingLab(labelled);
  assert.deepEqual(names(lab, { model: "m:floor" }), ["b", "c", "a"]);
  lab.routing.outcomes.timed(lab.row("a/m"), lab.nowMs, true, 100, 5);
  lab.routing.outcomes.timed(lab.row("b/m"), lab.nowMs, true, 100, 50);
  lab.routing.outcomes.timed(lab.row("c/m"), lab.nowMs, true, 100, 20);
  assert.deepEqual(names(lab, { model: "m:nitro" }), ["a", "c", "b"]);
  const open = await routingLab({ providers: { p: provider(key) } });
  assert.equal(open.plan({ model: "p/x:floor" }).hops[0]?.target.model, "x:floor");
  assert.throws(() => lab.plan({ model: "x:floor" }), { message: /^no provider offers the model "x"; write it/ });
});

test("plan() takes :free for what costs nothing, and refuses where there is none of it", async () => {
  const lab = await routingLab({
    ...labelled,
    prices: { ...labelled.prices, "b/*": { input: 0, output: 0 } },
  });
  assert.deepEqual(names(lab, { model: "m:free" }), ["b"]);
  assert.deepEqual(names(lab, { model: "b/m:free" }), ["b"]);
  assert.throws(() => lab.plan({ model: "a/m:free" }), { code: "model_not_found", message: /dearer than max_price/ });
});

test("plan() notes the endings that ask for what nothing here does, unless they are a provider's own name", async () => {
  const lab = await routingLab(labelled);
  const open = await routingLab({ providers: { p: provider(key) } });
  for (const ending of [":online", ":exacto", ":extended", ":thinking"]) {
    const { hops, unhonoured } = lab.plan({ model: `m${ending}` });
    assert.deepEqual([hops[0]?.target.model, unhonoured], ["m", `model${ending}`]);
    assert.equal(lab.plan({ model: `a/m${ending}` }).unhonoured, `model${ending}`);
    const own = open.plan({ model: `p/x${ending}` });
    assert.deepEqual([own.hops[0]?.target.model, own.unhonoured], [`x${ending}`, undefined]);
    assert.throws(() => lab.plan({ model: `nobody/x${ending}` }), { code: "model_not_found" });
  }
  assert.equal(lab.plan({ model: "m" }).unhonoured, undefined);
});

test("plan() puts models[] after the model, keeps to a named credential, and shares by a key's own providers", async () => {
  const lab = await routingLab(labelled);
  assert.deepEqual(names(lab, { model: "a/m", preferences: { models: ["c/m", "b/m"] } }), ["a", "c", "b"]);
  assert.deepEqual(names(lab, { model: "a/m", fallbacks: ["b/m"], preferences: { fallbacks: false } }), ["a"]);
  const keyProviders = [
    { provider: "b", weight: 1 },
    { provider: "c", weight: 3, credentials: ["c"] },
  ];
  const drawn = Array.from({ length: 2_000 }, () => names(lab, { model: "m", keyProviders })[0]);
  const share = drawn.filter((name) => name === "c").length / 2_000;
  assert.ok(Math.abs(share - 0.75) < 0.03, `${share}`);
  assert.deepEqual(names(lab, { model: "a/m", keyProviders }), ["a"], "what is named is kept; access refuses it");
});

test("resolveName() follows patterns: an alias, a group and fallbacks with one *", async () => {
  const lab = await routingLab({
    providers: { p: provider(key), q: provider(key), r: provider(key) },
    aliases: { "gpt-*": "p/gpt-*" },
    groups: { "any-*": { targets: ["p/*", "q/*"], strategy: "ordered" } },
    fallbacks: { "gpt-*": "r/backup", "*": "q/last" },
  });
  const targets = (model: string) => lab.plan({ model }).hops.map(({ target }) => target.name);
  assert.deepEqual(targets("gpt-5"), ["p/gpt-5", "r/backup"]);
  assert.deepEqual(targets("any-x"), ["p/x", "q/x", "q/last"]);
  assert.deepEqual(targets("p/y"), ["p/y", "q/last"]);
});

const sticky = {
  providers: {
    p: provider({
      keys: [
        { name: "one", value: "env.SECRET" },
        { name: "two", value: "env.SECRET" },
      ],
    }),
    q: provider({
      keys: [
        { name: "three", value: "env.SECRET" },
        { name: "four", value: "env.SECRET" },
      ],
    }),
  },
  groups: { g: { targets: ["p/m", "q/m"] } },
};

test("R6 a session stays with its target and credential; when that target dies it moves once and stays", async () => {
  const lab = await routingLab(sticky);
  const asked = (session: string): Asked => ({ model: "g", preferences: { session } });
  for (let index = 0; index < 30; index++) {
    const session = `s${index}`;
    const home = lab.go(asked(session), well).attempts[0];
    for (let turn = 0; turn < 10; turn++) assert.deepEqual(lab.go(asked(session), well).attempts, [home]);
  }
  const home = lab.go(asked("mover"), well).attempts[0]!;
  const dead = home.split("#")[0];
  const dying: Upstreams = ({ name }) => (name === dead ? { ms: 1, error: failure("upstream_error") } : { ms: 1 });
  const moved = lab.go(asked("mover"), dying).attempts;
  assert.equal(moved.length, 2);
  for (let turn = 0; turn < 10; turn++)
    assert.deepEqual(lab.go(asked("mover"), dying).attempts, [moved[1]], "the dead one is not asked again");
  assert.deepEqual(lab.go(asked("mover"), well).attempts, [moved[1]], "and it does not go back when that heals");
  const others = new Set(Array.from({ length: 40 }, (_, index) => lab.go(asked(`o${index}`), well).attempts[0]));
  assert.equal(others.size, 4, "sessions are spread over everything");
});

test("R6 a conversation is known by session, cache key or first messages, never across callers, and not for ever", async () => {
  const lab = await routingLab({
    ...sticky,
    routing: { affinity: { by: ["session", "cache_key", "prompt"], ttl: "1m" } },
  });
  const same = (asked: Asked): boolean => {
    const first = lab.go(asked, well).attempts[0];
    return Array.from({ length: 12 }, () => lab.go(asked, well).attempts[0]).every((each) => each === first);
  };
  assert.ok(same({ model: "g", preferences: { cacheKey: "c" } }));
  assert.ok(same({ model: "g", promptKey: () => "hash" }));
  assert.ok(!same({ model: "g", preferences: { session: "x", affinity: false } }));
  const callers = new Set(
    Array.from(
      { length: 40 },
      (_, callerId) => lab.go({ model: "g", callerId, preferences: { session: "s" } }, well).attempts[0],
    ),
  );
  assert.equal(callers.size, 4);
  const places = new Set(
    Array.from({ length: 40 }, () => {
      lab.nowMs += 61_000;
      return lab.go({ model: "g", preferences: { session: "old" } }, well).attempts[0];
    }),
  );
  assert.ok(places.size > 1, "forgotten after its time");
});

const ruled = (rules: readonly object[]) => ({
  providers: { p: provider(key), q: provider(key), r: provider(key) },
  routing: { rules },
});

test("R8 applyRules() takes the first rule that holds, the nearest scope before priority", async () => {
  const lab = await routingLab(
    ruled([
      { name: "global", targets: ["q/all"], priority: 1 },
      { name: "big", when: 'tokens > 1000 && model.startsWith("p/")', targets: ["q/big"] },
      { name: "team", scope: "team:research", when: "stream", targets: ["r/team"], priority: 99 },
      { name: "off", enabled: false, targets: ["r/off"], priority: -5 },
    ]),
  );
  const to = (asked: Asked) => [lab.plan(asked).hops[0]?.target.name, lab.plan(asked).decision?.().rules];
  const caller = () => ({ key: "", keyId: "", user: "", team: "research", customer: "" });
  assert.deepEqual(to({ model: "p/m", inputTokens: 5_000 }), ["q/big", ["big"]]);
  assert.deepEqual(to({ model: "p/m" }), ["q/all", ["global"]]);
  assert.deepEqual(to({ model: "p/m", inputTokens: 5_000, stream: true, caller }), ["r/team", ["team"]]);
});

test("R8 applyRules() sees headers, parameters, caller, usage, time and type, and chains without circles", async () => {
  const conditions: readonly (readonly [when: string, asked: Omit<Asked, "model">])[] = [
    ['"x-tier" in headers && headers["x-tier"] == "gold"', { headers: () => ({ "x-tier": "gold" }) }],
    ["has(params.temperature) && params.temperature > 0.5", { params: () => ({ temperature: 0.9 }) }],
    ["budget_used > 80.0", { usage: () => ({ budget: 90, tokens: 0, requests: 0 }) }],
    [
      'key == "ci" || virtual_key_name == "ci"',
      { caller: () => ({ key: "ci", keyId: "", user: "", team: "", customer: "" }) },
    ],
    ['request_type == "embeddings"', { requestType: "embeddings" }],
    ["hour >= 0 && weekday < 7 && now > timestamp('2020-01-01T00:00:00Z') && max_tokens == 7", { maxTokens: 7 }],
    ['model.matches("^p/m[0-9]*$") && provider == "p"', {}],
  ];
  for (const [when, asked] of conditions) {
    const lab = await routingLab(ruled([{ name: "it", when, targets: ["q/it"] }]));
    assert.equal(lab.plan({ model: "p/m", ...asked }).hops[0]?.target.name, "q/it", when);
    if (Object.keys(asked).length > 0) assert.equal(lab.plan({ model: "p/m" }).hops[0]?.target.name, "p/m", when);
  }
  const chain = await routingLab(
    ruled([
      { name: "one", when: 'model == "p/m" || model == "m"', targets: ["q/m2"], chain: true },
      { name: "two", when: 'provider == "q"', targets: ["r/m3"], chain: true },
      { name: "three", when: 'provider == "r"', targets: ["q/m2"], chain: true },
    ]),
  );
  const plan = chain.plan({ model: "p/m" });
  assert.deepEqual([plan.hops[0]?.target.name, plan.decision?.().rules], ["q/m2", ["one", "two", "three"]]);
});

test("R8 applyRules() passes over a rule that cannot be evaluated, counts it and says so", async () => {
  const lab = await routingLab(
    ruled([
      { name: "broken", when: 'headers["absent"] == "x"', targets: ["r/never"] },
      { name: "next", targets: ["q/m"] },
    ]),
  );
  const plan = lab.plan({ model: "p/m" });
  assert.equal(plan.hops[0]?.target.name, "q/m");
  assert.match(JSON.stringify(plan.decision?.().considered), /rule broken.*passed over: No such key/);
  const { words } = lab.routing.table;
  assert.equal(words[lab.routing.table.peek("rule:broken") + 6], 1, "its errors are counted where metrics read them");
});

const faultOf = async (when: string): Promise<string | undefined> => {
  const config = ruled([{ name: "r", when, targets: ["p/m"] }]);
  const result = await loadConfig({
    text: JSON.stringify(config),
    path: "/c.yaml",
    environment: { SECRET: "s" },
    number: 1,
  });
  return result.ok ? undefined : result.problems.map(({ path, message }) => `${path}: ${message}`).join();
};

test("R8 checkCondition() refuses at load what is wrong or has no bound, and names the rule", async () => {
  const faults: readonly (readonly [when: string, says: RegExp])[] = [
    ["tokens >", /routing\.rules\[0\]\.when: is no condition: .*EOF/],
    ["modle == 'x'", /Unknown variable: modle/],
    ["tokens", /says int, but a condition is true or false/],
    ["model > 5", /'>' not defined|no such overload|>/],
    ["model.matches(headers['p'])", /must be written out/],
    ["model.matches('(')", /not understood/],
    ["[1].exists(x, [2].exists(y, x == y))", /within another walk/],
    [`tokens > ${"1 + ".repeat(400)}1`, /AST|nodes|depth|limit/i],
  ];
  for (const [when, says] of faults) assert.match((await faultOf(when)) ?? "accepted", says, when);
  assert.equal(await faultOf('model.matches("^gpt-[45]")'), undefined);
});

test("A32 matches() runs in linear time: a pathological pattern over a long text does not stall", async () => {
  const lab = await routingLab(ruled([{ name: "evil", when: 'headers["x"].matches("^(a+)+$")', targets: ["q/m"] }]));
  const text = `${"a".repeat(50_000)}!`;
  const before = performance.now();
  assert.equal(lab.plan({ model: "p/m", headers: () => ({ x: text }) }).hops[0]?.target.name, "p/m");
  // A backtracking engine would need longer than the universe has been there.
  assert.ok(performance.now() - before < 10_000);
});
