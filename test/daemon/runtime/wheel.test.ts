import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { type Timed, Wheel } from "../../../daemon/runtime/wheel.ts";

const tickMs = 25;

/** The clock stands still but for what the test says. */
function clock(start = 1_000) {
  let now = start;
  mock.timers.enable({ apis: ["setInterval"] });
  const now$ = mock.method(performance, "now", () => now);
  return {
    pass(ms: number): void {
      for (let left = ms; left > 0; left -= tickMs) {
        now += Math.min(left, tickMs);
        mock.timers.tick(Math.min(left, tickMs));
      }
    },
    [Symbol.dispose](): void {
      now$.mock.restore();
      mock.timers.reset();
    },
  };
}

type Alarm = Timed & { readonly rang: number[] };

function alarm(deadlineAt: number, then: (self: Alarm) => void = () => {}): Alarm {
  const self: Alarm = {
    deadlineAt,
    wheelIndex: -1,
    rang: [],
    onDeadline(now) {
      self.rang.push(now);
      self.deadlineAt = Number.POSITIVE_INFINITY;
      then(self);
    },
  };
  return self;
}

test("Wheel calls at the first tick at or after a deadline, never before it", () => {
  using time = clock();
  const wheel = new Wheel();
  const alarms = [alarm(1_025), alarm(1_026), alarm(1_100)];
  for (const one of alarms) wheel.add(one);
  time.pass(1_000);
  assert.deepEqual(
    alarms.map(({ rang }) => rang),
    [[1_025], [1_050], [1_100]],
  );
});

test("Wheel does not call what was deleted, though it be in the tick that would have called it", () => {
  using time = clock();
  const wheel = new Wheel();
  const all: Alarm[] = [];
  const deleteAll = () => {
    for (const one of all) wheel.delete(one);
  };
  all.push(...Array.from({ length: 5 }, () => alarm(1_010, deleteAll)));
  for (const one of all) wheel.add(one);
  time.pass(100);
  assert.equal(
    all.reduce((sum, { rang }) => sum + rang.length, 0),
    1,
  );
  assert.equal(wheel.size, 0);
  assert.deepEqual(new Set(all.map(({ wheelIndex }) => wheelIndex)), new Set([-1]));
});

test("Wheel calls each that is due once, whoever deletes whom, and those added meanwhile in a later tick", () => {
  for (let victim = 0; victim < 6; victim++) {
    using time = clock();
    const wheel = new Wheel();
    const late = alarm(0);
    const all: Alarm[] = Array.from({ length: 6 }, (_, index) =>
      alarm(1_010, (self) => {
        wheel.delete(self);
        if (index === 3) wheel.delete(all[victim]!);
        if (index === 2) wheel.add(late);
      }),
    );
    for (const one of all) wheel.add(one);
    time.pass(tickMs);
    // From the end: 5, 4, 3 have been called before the third deletes one.
    const expected = all.map((_, index) => (index === victim && victim < 3 ? 0 : 1));
    assert.deepEqual(
      all.map(({ rang }) => rang.length),
      expected,
      `victim ${victim}`,
    );
    const added = expected[2] === 1;
    assert.deepEqual([late.rang.length, wheel.size], [0, added ? 1 : 0]);
    time.pass(tickMs);
    assert.equal(late.rang.length, added ? 1 : 0);
  }
});

test("Wheel finds each one again wherever a deletion has moved it", () => {
  using time = clock();
  const wheel = new Wheel();
  const all = Array.from({ length: 6 }, () => alarm(1_010));
  for (const one of all) wheel.add(one);
  for (const index of [0, 5, 1, 4]) wheel.delete(all[index]!);
  time.pass(tickMs);
  assert.deepEqual(
    all.map(({ rang }) => rang.length),
    [0, 0, 1, 1, 0, 0],
  );
  assert.equal(wheel.size, 2);
});

test("Wheel stops its timer a tick after the last one has left, and starts it anew", () => {
  using time = clock();
  const wheel = new Wheel();
  const first = alarm(5_000);
  wheel.add(first);
  wheel.delete(first);
  wheel.delete(first);
  time.pass(tickMs);
  const before = wheel.now;
  time.pass(200);
  assert.equal(wheel.now, before, "nothing ticks");
  const second = alarm(1_300);
  wheel.add(second);
  assert.equal(wheel.now, 1_225);
  time.pass(100);
  assert.deepEqual(second.rang, [1_300]);
});

test("Wheel goes on when one of its deadlines throws", () => {
  using time = clock();
  const wheel = new Wheel();
  const calm = alarm(1_010);
  const wild = alarm(1_010, () => {
    throw new Error("a bug");
  });
  wheel.add(calm);
  wheel.add(wild);
  assert.throws(() => time.pass(tickMs), /a bug/);
  time.pass(tickMs);
  assert.deepEqual([wild.rang.length, calm.rang.length], [1, 1]);
});
