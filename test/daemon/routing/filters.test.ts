/** What a caller's wishes for speed and price leave out or put last. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { RoutePreferences } from "../../../daemon/routing/preferences.ts";
import { key, provider, routingLab } from "../../support/routing-lab.ts";

type Wishes = NonNullable<RoutePreferences["provider"]>;

const config = {
  providers: { x: provider(key), y: provider(key) },
  groups: { g: { targets: ["x/m", "y/m"] } },
  routing: { strategy: "ordered" },
  prices: {
    "x/*": { input: 1, output: 2, request: 0.01, image: 0.04 },
    "y/*": { input: 1, output: 2, request: 0.001, image: 0.02 },
  },
};

test("filterHops() puts a target last whose first byte or tokens are slower than wished, and leaves none out", async () => {
  const lab = await routingLab(config);
  for (let index = 0; index < 20; index++) {
    lab.routing.outcomes.timed(lab.row("x/m"), lab.nowMs, true, 2_000, 100);
    lab.routing.outcomes.timed(lab.row("y/m"), lab.nowMs, true, 100, 5);
  }
  const order = (wishes: Wishes) =>
    lab
      .plan({ model: "g", stream: true, preferences: { provider: wishes } })
      .hops.map(({ target }) => target.name)
      .join(" ");
  assert.equal(order({ preferredMaxLatency: 3 }), "x/m y/m");
  assert.equal(order({ preferredMaxLatency: 1 }), "y/m x/m");
  assert.equal(order({ preferredMaxLatency: 0.01 }), "x/m y/m", "where all are slow none is");
  assert.equal(order({ preferredMinThroughput: 5 }), "x/m y/m");
  assert.equal(order({ preferredMinThroughput: 50 }), "y/m x/m");
});

test("filterHops() leaves out what is dearer than max_price, for input, output, the request and a picture, each by itself", async () => {
  const lab = await routingLab(config);
  const order = (maxPrice: NonNullable<Wishes["maxPrice"]>) =>
    lab
      .plan({ model: "g", preferences: { provider: { maxPrice } } })
      .hops.map(({ target }) => target.name)
      .join(" ");
  assert.equal(order({ request: 0.01 }), "x/m y/m");
  assert.equal(order({ request: 0.005 }), "y/m");
  assert.equal(order({ prompt: 1, completion: 2 }), "x/m y/m");
  for (const tooLittle of [{ prompt: 0.9 }, { completion: 1.9 }, { request: 0.0001 }])
    assert.throws(() => order(tooLittle), { code: "model_not_found" });
  assert.equal(order({ image: 0.05 }), "x/m y/m");
  assert.equal(order({ image: 0.03 }), "y/m");
});

test("priceOf() compares what is billed by the picture by that", async () => {
  const prices = { "x/*": { image: 0.05 }, "y/*": { image: 0.02 } };
  const lab = await routingLab({ ...config, routing: { strategy: "lowest_cost" }, prices });
  for (let index = 0; index < 20; index++) assert.equal(lab.plan({ model: "g" }).hops[0]?.target.name, "y/m");
  assert.throws(() => lab.plan({ model: "g:free" }), { code: "model_not_found" });
});
