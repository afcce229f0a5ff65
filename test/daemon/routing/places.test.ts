/** Places at a provider and who waits for them, over two workers that share them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { concurrencyRow, createPlaces, type Waiting } from "../../../daemon/routing/places.ts";
import { findTarget } from "../../../daemon/routing/resolve.ts";
import { createSharedRouting, openRouting } from "../../../daemon/routing/routing.ts";
import { dice, key, provider, routingLab } from "../../support/routing-lab.ts";
import { until } from "../../support/until.ts";

const config = (max: number | undefined) => ({
  providers: { p: provider({ ...key, ...(max === undefined ? {} : { concurrency_max: max }) }) },
  routing: { queue: { max: 1000, wait: "60s" } },
});
const client = (priority: number): Waiting => ({ priority, waitingSince: 0, onGone: () => undefined });

/** Workers with a view each of the same memory. */
async function workers(count: number, max: number) {
  const shared = createSharedRouting(count);
  const lab = await routingLab(config(max), 1, shared);
  return Array.from({ length: count }, (_, index) => {
    const routing = openRouting({ shared, worker: index + 1, settings: lab.generation.data.routing });
    const places = createPlaces(
      () => routing,
      () => performance.now(),
      () => max,
    );
    return { places, routing, target: findTarget(lab.generation, "p/m")! };
  });
}

test("take() lets who waits go by priority and by who came first, in whichever worker", async () => {
  const draw = dice(7);
  const all = await workers(3, 1);
  const { target } = all[0]!;
  const gone: string[] = [];
  let holder = all[0]!;
  assert.equal(holder.places.take(target, client(0)), undefined, "the first has the place");
  const wanted: { readonly name: string; readonly priority: number }[] = [];
  for (let index = 0; index < 60; index++) {
    const worker = all[Math.floor(draw() * all.length)]!;
    const priority = Math.floor(draw() * 4);
    const name = `${index} of ${priority}`;
    wanted.push({ name, priority });
    void worker.places.take(target, client(priority))!.then(() => {
      gone.push(name);
      holder = worker;
    });
  }
  assert.equal(holder.routing.table.lines.waiting(holder.routing.table.find(concurrencyRow("p"))), 60);
  for (let count = 1; count <= wanted.length; count++) {
    holder.places.give(target);
    // Nobody overtakes, from a worker that has none who waits either.
    for (const { places } of all) assert.equal(places.tryTake(target), false, `before ${count}`);
    await until("the next has it", () => gone.length === count);
  }
  const order = wanted.toSorted((a, b) => b.priority - a.priority).map(({ name }) => name);
  assert.deepEqual(gone, order);
  holder.places.give(target);
  assert.equal(all[1]!.places.tryTake(target), true, "all have gone");
});

test("take() waits no longer for one whose worker has ended", async () => {
  const [left, right] = await workers(2, 1);
  const { target, places } = left!;
  const gone: string[] = [];
  assert.equal(places.take(target, client(0)), undefined);
  void right!.places.take(target, client(9))!.then(() => gone.push("urgent"));
  void places.take(target, client(0))!.then(() => gone.push("patient"));
  left!.routing.table.forget(2);
  places.give(target);
  await until("one has it", () => gone.length === 1);
  assert.deepEqual(gone, ["patient"]);
  // This one's worker has not ended, and goes on looking.
  places.give(target);
  await until("the other has it", () => gone.length === 2);
});

test("give() counts what was under way before its provider had a limit", async () => {
  const free = await routingLab(config(undefined));
  const { routing } = free;
  let max: number | undefined;
  const places = createPlaces(
    () => routing,
    () => performance.now(),
    () => max,
  );
  const old = findTarget(free.generation, "p/m")!;
  for (let index = 0; index < 2; index++) assert.equal(places.take(old, client(0)), undefined);
  max = 2;
  const narrow = findTarget((await routingLab(config(max))).generation, "p/m")!;
  const waiting = places.take(narrow, client(0));
  assert.ok(waiting instanceof Promise, "the two from before have both places");
  places.give(old);
  await waiting;
  assert.equal(places.tryTake(narrow), false);
  places.give(old);
  assert.equal(places.tryTake(narrow), true);
});
