/**
 * What reserving and settling costs with six scopes, each with a budget and two limits: in a small ledger, and in one of a
 * hundred thousand keys and ten thousand teams, where each request is another key's. The bound is 5 µs of CPU for both.
 */
import { createLedger } from "../daemon/governance/ledger.ts";
import { createScopes } from "../daemon/governance/scopes.ts";
import { createTables, openTables } from "../daemon/governance/tables.ts";

const boundMicros = 5;
const rounds = 5;
const requests = 200_000;
const [keys, teams, customers] = [100_000, 10_000, 1_000];
const firstTeam = keys + 1;
const firstCustomer = firstTeam + teams;
const firstOther = firstCustomer + customers;

const tables = openTables(createTables({ keysMax: 1_000, scopesMax: 150_000, holdsMax: 1_024, workersMax: 2 }), 1);
const now = Date.now();
const scopes = createScopes(tables);
for (let id = 1; id < firstOther + 3; id++) {
  scopes.defineScope(
    {
      ...{ id, kind: "team", name: `scope ${id}`, concurrencyMax: 1_000 },
      budgets: [{ slot: 0, limitNano: 9e15, window: { kind: "rolling", lengthMs: 86_400_000 }, anchorMs: now }],
      limits: [
        { slot: 0, metric: "requests", limit: 10_000_000, windowMs: 60_000 },
        { slot: 1, metric: "tokens", limit: 1_000_000_000_000, windowMs: 60_000 },
      ],
    },
    [],
    now,
  );
}
const ledger = createLedger(tables);

/** A request's key, its team, its customer, and three others. */
const few = [1, firstTeam, firstCustomer, firstOther, firstOther + 1, firstOther + 2];
const many = Array.from({ length: 65_536 }, (_, index) => {
  const key = (index * 48_271) % keys;
  return [key + 1, firstTeam + (key % teams), firstCustomer + (key % customers), ...few.slice(3)];
});

function run(scopesOf: (index: number) => readonly number[]): number {
  const before = process.cpuUsage();
  for (let index = 0; index < requests; index++) {
    const at = now + (index >> 6);
    const hold = ledger.admit(scopesOf(index), at, 1_000, 500, 100, true, "req_0000000000000000");
    if (hold < 0 || !ledger.settle(hold, at, 700, 420)) throw new Error("the ledger refused");
  }
  const { user, system } = process.cpuUsage(before);
  return (user + system) / requests;
}

function median(scopesOf: (index: number) => readonly number[]): number {
  run(scopesOf); // compiled, and its memory there, from here on
  return Array.from({ length: rounds }, () => run(scopesOf)).toSorted((one, other) => one - other)[
    Math.floor(rounds / 2)
  ]!;
}

const small = median(() => few);
const large = median((index) => many[index & 65_535]!);
process.stdout.write(
  `reserve and settle, 6 scopes, 6 budgets, 12 limits: ${small.toFixed(2)} µs of CPU (at most ${boundMicros})\n` +
    `the same, each of ${keys} keys in turn, ${teams} teams: ${large.toFixed(2)} µs (${(large / small).toFixed(1)} times; at most ${boundMicros})\n`,
);
if (Math.max(small, large) > boundMicros) process.exitCode = 1;
