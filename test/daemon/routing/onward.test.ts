/** Where a trip goes on to, and where not again: lists of a kind, full providers, breakers that its own failure opened. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { concurrencyRow } from "../../../daemon/routing/places.ts";
import { failure, key, provider, routingLab, type Upstreams, well } from "../../support/routing-lab.ts";

const tooLong: Upstreams = () => ({ ms: 1, error: failure("context_length_exceeded", { upstreamStatus: 400 }) });

test("next() takes the list for long prompts once: whoever of it finds them too long as well is not asked again", async () => {
  const lab = await routingLab({
    providers: { p: provider(key) },
    fallbacks: { "p/m": { any: "p/any", context_window: ["p/long", "p/longer"] } },
    routing: { attempts_max: 10 },
  });
  const { attempts } = lab.go({ model: "p/m" }, tooLong);
  assert.deepEqual(
    attempts.map((each) => each.split("#")[0]),
    ["p/m", "p/long", "p/longer"],
  );
});

test("begin() asks a full provider last, and still asks it where nobody else is left", async () => {
  const lab = await routingLab({
    providers: { p: provider({ ...key, concurrency_max: 1 }), q: provider(key) },
    groups: { g: { strategy: "ordered", targets: ["p/m", "q/m"] } },
  });
  assert.equal(lab.go({ model: "g" }, well).attempts[0]?.split("#")[0], "p/m");
  lab.routing.table.enter(lab.routing.table.find(concurrencyRow("p")));
  assert.equal(lab.go({ model: "g" }, well).attempts[0]?.split("#")[0], "q/m");
  const broken: Upstreams = ({ name }) =>
    name === "q/m" ? { ms: 1, error: failure("upstream_timeout", { upstreamStatus: 504 }) } : { ms: 1 };
  assert.deepEqual(
    lab.go({ model: "g" }, broken).attempts.map((each) => each.split("#")[0]),
    ["q/m", "p/m"],
  );
});

test("R5 next() pays for no retry at a target that its own failure has closed off", async () => {
  const lab = await routingLab({
    providers: { p: provider(key) },
    routing: { breaker: { failures: 1 }, retries: { max: 3 } },
  });
  const row = lab.routing.table.find("p/");
  lab.go({ model: "p/m" }, () => ({ ms: 1, error: failure("upstream_error", { upstreamStatus: 500 }) }));
  let left = 0;
  while (left < 100 && lab.routing.budget.withdraw(row)) left++;
  assert.equal(left, 5, "the reserve is whole");
});
