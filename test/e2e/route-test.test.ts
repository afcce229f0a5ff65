/** `route test` against what then happens, over configs drawn at random: keys, credentials, preferences, sessions, rules. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { RouteTestAnswer } from "../../daemon/admin/contract/routing.ts";
import { ask } from "../support/client.ts";
import { type Daemon, startDaemon } from "../support/daemon.ts";
import { type FaultUpstream, startFaultUpstream } from "../support/fault-upstream.ts";
import { dice } from "../support/routing-lab.ts";

const seeds = Number(process.env["SEEDS"] ?? 10);
const requestsPerConfig = 8;
const providers = ["a", "b", "c"] as const;
const strategies = ["ordered", "weighted", "lowest_cost", "least_busy", "adaptive", "lowest_latency"] as const;

let upstream: FaultUpstream;
let daemon: Daemon;
const secrets = new Map<string, string>();
before(async () => {
  upstream = await startFaultUpstream();
  // What this test is about is not how they are: breakers have tests of their own.
  daemon = await startDaemon({ env: { UP: "secret" }, config: drawConfig(dice(0)) });
  secrets.set("ci", await daemon.createKey({ name: "ci", rpm: 100_000 }));
  secrets.set("some", await daemon.createKey({ name: "some", rpm: 100_000, models: ["a/*", "c/*"] }));
});
after(async () => {
  await daemon?.stop();
  await upstream?.stop();
});

type Draw = () => number;
const oneOf = <T>(draw: Draw, values: readonly T[]): T => values[Math.floor(draw() * values.length)]!;
const chance = (draw: Draw, share: number): boolean => draw() < share;

function drawConfig(draw: Draw): object {
  const keys = (name: string) =>
    ["one", "two"].map((each) => ({ name: `${name}-${each}`, value: "env.UP", weight: oneOf(draw, [0, 1, 3]) + 1 }));
  const to = (name: string) => ({
    base_url: `${upstream?.origin ?? "http://127.0.0.1:1"}/v1`,
    dialect: "openai-chat",
    keys: keys(name),
    labels: { zdr: chance(draw, 0.5) },
  });
  const targets = providers
    .filter(() => chance(draw, 0.8))
    .map((name) => ({ target: `${name}/ok+m`, weight: oneOf(draw, [1, 1, 5]) }));
  if (targets.length === 0) targets.push({ target: "a/ok+m", weight: 1 });
  return {
    providers: Object.fromEntries(providers.map((name) => [name, to(name)])),
    groups: { g: { strategy: oneOf(draw, strategies), targets } },
    fallbacks: chance(draw, 0.5) ? { g: "b/ok+spare" } : {},
    prices: Object.fromEntries(providers.map((name) => [`${name}/*`, { input: 1 + draw() * 9, output: 1 }])),
    routing: {
      rules: [
        // Fails where the header is absent, which is most of the time, and then decides nothing.
        { name: "failing", when: 'headers["x-tier"] == "silver"', targets: [`${oneOf(draw, providers)}/ok+silver`] },
        {
          name: "drawn",
          when: `tokens > 100000 || "x-tier" in headers`,
          targets: [`${oneOf(draw, providers)}/ok+ruled`],
        },
      ],
    },
  };
}

type Drawn = { readonly key: string; readonly headers: Record<string, string>; readonly body: Record<string, unknown> };

function drawRequest(draw: Draw, seed: number): Drawn {
  const headers: Record<string, string> = {};
  const body: Record<string, unknown> = {};
  if (chance(draw, 0.4)) headers["x-bf-session-id"] = `s${seed}-${oneOf(draw, [1, 2])}`;
  if (chance(draw, 0.25)) headers["x-bf-api-key-id"] = `${oneOf(draw, providers)}-${oneOf(draw, ["one", "two"])}`;
  if (chance(draw, 0.2)) headers["x-tier"] = oneOf(draw, ["gold", "silver"]);
  if (chance(draw, 0.2)) headers["x-bifrost-fallbacks"] = "off";
  if (chance(draw, 0.3)) body["provider"] = { order: [oneOf(draw, providers)], allow_fallbacks: chance(draw, 0.5) };
  else if (chance(draw, 0.4)) body["provider"] = oneOf(draw, [{ sort: "price" }, { zdr: true }]);
  return { key: chance(draw, 0.7) ? "ci" : "some", headers, body };
}

test("R8 route test says where every request of drawn configs then goes, and with which credential", async () => {
  let certain = 0;
  let refused = 0;
  for (let seed = 1; seed <= seeds; seed++) {
    const draw = dice(seed);
    daemon.writeConfig(drawConfig(draw));
    assert.equal((await daemon.cli("reload")).code, 0, `seed ${seed}`);
    for (let index = 0; index < requestsPerConfig; index++) {
      const { key, headers, body } = drawRequest(draw, seed);
      const said = `seed ${seed}, request ${index}: ${JSON.stringify({ key, headers, body })}`;
      const told = await daemon.admin<RouteTestAnswer>("POST", "/api/route/test", { model: "g", key, headers, body });
      const answer = await ask(daemon.url, {
        ...{ dialect: "chat", model: "g", key: secrets.get(key), body },
        headers: { ...headers, "x-bifrost-extra-fields": "true" },
      });
      if (told.chosen === null) {
        refused++;
        assert.ok(answer.status >= 400, `${said}: ${answer.status}, told ${JSON.stringify(told.error)}`);
        continue;
      }
      const shares = told.targets.reduce((sum, { share }) => sum + share, 0);
      // Some draws go to what the key may not call.
      if (answer.status === 403 && shares < 0.999) continue;
      assert.equal(answer.status, 200, `${said}: ${answer.text} told ${told.chosen}`);
      const target = `${answer.headers["x-bifrost-provider"]}/${answer.headers["x-bifrost-resolved-model"]}`;
      const first = told.targets.find((each) => each.target === target);
      assert.ok(
        first !== undefined && first.share > 0,
        `${said}: went to ${target}, told ${JSON.stringify(told.targets)}`,
      );
      if (!told.targets.some(({ share }) => share === 1)) continue;
      certain++;
      assert.equal(target, told.chosen, said);
      const { key: used } = (JSON.parse(answer.text) as { extra_fields: { routing_info: { key: string } } })
        .extra_fields.routing_info;
      if (told.credential !== null) assert.equal(used, told.credential, said);
    }
  }
  assert.ok(certain > seeds * 2, `only ${certain} decisions were certain`);
  assert.ok(refused < (seeds * requestsPerConfig) / 2, `${refused} were refused`);
});
