/** What is asked after a failure, with which credential, and when nobody is asked at all. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { judge } from "../../../daemon/routing/faults.ts";
import { type ErrorCode, errorTable } from "../../../providers/gateway-error.ts";
import { failure, key, provider, routingLab, type Upstreams, well } from "../../support/routing-lab.ts";

const three = [
  { name: "a", value: "env.SECRET", weight: 1 },
  { name: "b", value: "env.SECRET", weight: 3 },
  { name: "c", value: "env.SECRET", weight: 6 },
  { name: "never", value: "env.SECRET", weight: 0 },
];
const count = (names: readonly string[], name: string): number => names.filter((each) => each === name).length;

test("R2 pick() follows the weights of credentials within two points, and never draws a weight of 0", async () => {
  const lab = await routingLab({ providers: { p: provider({ keys: three }) } });
  const picked = Array.from({ length: 10_000 }, () => lab.go({ model: "p/m" }, well).attempts[0]!);
  for (const [name, share] of [
    ["a", 0.1],
    ["b", 0.3],
    ["c", 0.6],
  ] as const)
    assert.ok(
      Math.abs(count(picked, `p/m#${name}`) / 10_000 - share) < 0.02,
      `${name}: ${count(picked, `p/m#${name}`)}`,
    );
  assert.equal(count(picked, "p/m#never"), 0);
});

test("R2 orderHops() follows the weights of a group's targets within two points", async () => {
  const lab = await routingLab({
    providers: { x: provider(key), y: provider(key), z: provider(key) },
    groups: {
      g: {
        targets: [
          { target: "x/m", weight: 2 },
          { target: "y/m", weight: 8 },
          { target: "z/m", weight: 0 },
        ],
      },
    },
  });
  const picked = Array.from({ length: 10_000 }, () => lab.go({ model: "g" }, well).attempts[0]!);
  assert.ok(Math.abs(count(picked, "x/m#x") / 10_000 - 0.2) < 0.02);
  assert.equal(count(picked, "z/m#z"), 0);
  const all: Upstreams = (target) => (target.name === "z/m" ? { ms: 1 } : { ms: 1, error: failure("upstream_error") });
  assert.equal(lab.go({ model: "g" }, all).attempts.at(-1), "z/m#z", "a weight of 0 is asked when the others fail");
});

// Times are 32-bit words that wrap: before and after a turn they must say the same.
for (const epochMs of [1_770_000_000_000, 1_790_000_000_000])
  test(`R2 next() rotates away from a rate-limited credential, and leaves it alone as long as it was told, at ${epochMs}`, async () => {
    const lab = await routingLab({ providers: { p: provider({ keys: three.slice(0, 2) }) } });
    lab.nowMs = epochMs;
    const limited: Upstreams = (_target, credential) =>
      credential === "b" ? { ms: 1, error: failure("rate_limit_exceeded", { retryAfterMs: 30_000 }) } : { ms: 1 };
    let rotated = lab.go({ model: "p/m" }, limited);
    while (rotated.attempts.length === 1) rotated = lab.go({ model: "p/m" }, limited);
    assert.deepEqual(
      [rotated.attempts, rotated.reasons, rotated.error],
      [["p/m#b", "p/m#a"], ["requested", "key"], undefined],
    );
    for (let index = 0; index < 200; index++)
      assert.deepEqual(lab.go({ model: "p/m" }, limited).attempts, ["p/m#a"], "not asked while it rests");
    const all: Upstreams = () => ({ ms: 1, error: failure("rate_limit_exceeded", { retryAfterMs: 60_000 }) });
    lab.go({ model: "p/m" }, all);
    const refused = lab.go({ model: "p/m" }, well);
    assert.deepEqual(
      [refused.attempts, refused.error?.code],
      [[], "rate_limit_exceeded"],
      "nobody is asked while all rest",
    );
    assert.deepEqual([refused.error?.status, refused.error?.details.source], [429, "provider"]);
    assert.ok(Number(refused.error?.details.retryAfterMs) > 20_000, "the wait that was told first to end");
    lab.nowMs += 60_000;
    const after = Array.from({ length: 50 }, () => lab.go({ model: "p/m" }, well).attempts[0]);
    assert.ok(after.includes("p/m#b"), "asked again when its time is over");
  });

test("begin() speaks of a rate limit only where a provider named a wait: a key that may use no credential gets none", async () => {
  const lab = await routingLab({ providers: { p: provider({ keys: three.slice(0, 2) }) } });
  const keyProviders = [{ provider: "p", weight: 1, credentials: ["elsewhere"] }];
  const refused = lab.go({ model: "p/m", keyProviders }, well);
  assert.deepEqual([refused.attempts, refused.error?.code], [[], "targets_unavailable"]);
});

test("R2 next() takes another credential at once where one was refused, for this request only, and counts it", async () => {
  const lab = await routingLab({ providers: { p: provider({ keys: three.slice(0, 2) }) } });
  const revoked: Upstreams = (_target, credential) =>
    credential === "b" ? { ms: 1, error: failure("upstream_credential", { upstreamStatus: 401 }) } : { ms: 1 };
  const runs = Array.from({ length: 40 }, () => lab.go({ model: "p/m" }, revoked));
  const hit = runs.filter(({ attempts }) => attempts[0] === "p/m#b");
  assert.ok(hit.length > 10, "it is asked again by the next request");
  for (const { attempts, waitedMs, error } of hit)
    assert.deepEqual([attempts, waitedMs, error], [["p/m#b", "p/m#a"], 0, undefined]);
  const all: Upstreams = () => ({ ms: 1, error: failure("upstream_credential", { upstreamStatus: 403 }) });
  const dead = lab.go({ model: "p/m" }, all);
  assert.deepEqual([dead.attempts.length, dead.error?.code], [2, "upstream_credential"]);
});

test("R5 next() adds at most 20 % load where everything fails, and draws its pauses from nothing to the whole", async () => {
  const lab = await routingLab({
    providers: { p: provider(key) },
    routing: { retries: { max: 3 }, breaker: { enabled: false } },
  });
  const broken: Upstreams = () => ({ ms: 5, error: failure("upstream_error", { upstreamStatus: 500 }) });
  const runs = Array.from({ length: 1_000 }, () => lab.go({ model: "p/m" }, broken));
  const extra = runs.reduce((sum, { attempts }) => sum + attempts.length - 1, 0);
  assert.ok(extra > 100 && extra <= 200, `${extra} retries for 1000 requests`);
  const pauses = runs.filter(({ attempts }) => attempts.length === 2).map(({ waitedMs }) => waitedMs);
  assert.ok(Math.min(...pauses) < 100 && Math.max(...pauses) > 400 && Math.max(...pauses) <= 500, String(pauses));
});

test("R5 next() waits as long as a provider asks, and goes to the next target where that is too long", async () => {
  const config = { providers: { p: provider(key), q: provider(key) }, routing: { retries: { max: 1 } } };
  const lab = await routingLab(config);
  const once = (waitMs: number): Upstreams => {
    let asked = 0;
    return ({ name }) =>
      name === "p/m" && asked++ === 0
        ? { ms: 1, error: failure("upstream_overloaded", { upstreamStatus: 503, retryAfterMs: waitMs }) }
        : { ms: 1 };
  };
  const short = lab.go({ model: "p/m", fallbacks: ["q/m"] }, once(2_000));
  assert.deepEqual([short.attempts, short.waitedMs >= 2_000], [["p/m#p", "p/m#p"], true]);
  const long = lab.go({ model: "p/m", fallbacks: ["q/m"] }, once(60_000));
  assert.deepEqual([long.attempts, long.waitedMs], [["p/m#p", "q/m#q"], 0]);
});

test("next() goes on by what went wrong: a long prompt and a refused content have lists of their own", async () => {
  const lab = await routingLab({
    providers: { p: provider(key), any: provider(key), long: provider(key), mild: provider(key) },
    fallbacks: { "p/*": { any: "any/m", context_window: "long/m", content_policy: ["mild/m"] } },
  });
  const after = (code: ErrorCode): readonly string[] =>
    lab.go({ model: "p/m" }, ({ name }) => (name === "p/m" ? { ms: 1, error: failure(code) } : { ms: 1 })).attempts;
  assert.deepEqual(after("upstream_error"), ["p/m#p", "any/m#any"]);
  assert.deepEqual(after("context_length_exceeded"), ["p/m#p", "long/m#long"]);
  assert.deepEqual(after("content_policy_violation"), ["p/m#p", "mild/m#mild"]);
  assert.deepEqual(after("upstream_rejected"), ["p/m#p"], "a bad request is bad everywhere");
});

test("next() tells the first failure when nothing helps, and ends at the most attempts allowed", async () => {
  const lab = await routingLab({
    providers: { p: provider(key), q: provider(key), r: provider(key) },
    routing: { attempts_max: 2 },
  });
  const replies: Upstreams = ({ name }) => ({
    ms: 1,
    error: failure(name === "p/m" ? "upstream_timeout" : "upstream_error"),
  });
  const run = lab.go({ model: "p/m", fallbacks: ["q/m", "r/m"] }, replies);
  assert.deepEqual([run.attempts, run.error?.code], [["p/m#p", "q/m#q"], "upstream_timeout"]);
});

test("judge() has a verdict on every code, and only faults of the provider are upstream faults", () => {
  for (const code of Object.keys(errorTable) as ErrorCode[]) {
    const { fault, verdict } = judge(failure(code));
    assert.equal(
      fault === "upstream",
      code.startsWith("upstream_") && !["upstream_rejected", "upstream_credential"].includes(code),
      code,
    );
    if (verdict === "retry") assert.ok(errorTable[code].retry, code);
  }
});
