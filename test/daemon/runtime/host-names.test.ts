import assert from "node:assert/strict";
import type { LookupAddress } from "node:dns";
import { test } from "node:test";
import { createLookup } from "../../../daemon/runtime/host-names.ts";

type Reply = { readonly error?: string; readonly addresses?: readonly string[] };

/** A lookup over a resolver that replies from a list, and a clock that stands still until it is set. */
function lab(replies: readonly Reply[]) {
  const clock = { ms: 0 };
  const asked: string[] = [];
  const lookup = createLookup({
    now: () => clock.ms,
    resolve: (name, _options, done) => {
      const { error, addresses = [] } = replies[asked.length] ?? { error: "EUNEXPECTED" };
      asked.push(name);
      setImmediate(() => {
        if (error !== undefined) done(Object.assign(new Error(error), { code: error }), []);
        else
          done(
            null,
            addresses.map((address): LookupAddress => ({ address, family: 4 })),
          );
      });
    },
  });
  const find = (name: string): Promise<string> =>
    new Promise((resolve) => {
      lookup(name, { all: true }, (error, found) => {
        resolve(error?.code ?? (found as LookupAddress[]).map(({ address }) => address).join(" "));
      });
    });
  return { clock, asked, lookup, find };
}

test("createLookup() asks once for many at the same time, and not again for 10 s", async () => {
  const { clock, asked, find } = lab([{ addresses: ["10.0.0.1", "10.0.0.2"] }, { addresses: ["10.0.0.3"] }]);
  assert.deepEqual(
    await Promise.all([find("a.test"), find("a.test"), find("a.test")]),
    Array(3).fill("10.0.0.1 10.0.0.2"),
  );
  clock.ms = 9_999;
  assert.equal(await find("a.test"), "10.0.0.1 10.0.0.2");
  assert.deepEqual(asked, ["a.test"]);
  clock.ms = 10_000;
  assert.equal(await find("a.test"), "10.0.0.3");
});

test("createLookup() uses the last addresses for 60 s when asking fails, then tells the failure", async () => {
  const { clock, asked, find } = lab([
    { addresses: ["10.0.0.1"] },
    { error: "EAI_AGAIN" },
    { error: "EAI_AGAIN" },
    { addresses: ["10.0.0.2"] },
  ]);
  await find("a.test");
  clock.ms = 59_999;
  assert.equal(await find("a.test"), "10.0.0.1");
  clock.ms = 60_000;
  assert.equal(await find("a.test"), "EAI_AGAIN");
  assert.equal(await find("a.test"), "10.0.0.2", "a failure is not kept");
  assert.equal(asked.length, 4);
});

test("createLookup() keeps a bounded number of names, the oldest going first", async () => {
  const { asked, find } = lab(Array.from({ length: 1_002 }, () => ({ addresses: ["10.0.0.1"] })));
  for (let name = 0; name <= 1_000; name += 1) await find(`h${name}.test`);
  await find("h1000.test");
  assert.equal(asked.length, 1_001);
  await find("h0.test");
  assert.equal(asked.length, 1_002);
});

test("createLookup() by the system's resolver knows localhost, in both forms, and tells of a name that is none", async () => {
  const lookup = createLookup();
  const one = await new Promise((resolve) =>
    lookup("localhost", { family: 4 }, (error, ...found) => resolve([error, ...found])),
  );
  assert.deepEqual(one, [null, "127.0.0.1", 4]);
  const all = await new Promise((resolve) =>
    lookup("localhost", { family: 4, all: true }, (_, found) => resolve(found)),
  );
  assert.deepEqual(all, [{ address: "127.0.0.1", family: 4 }]);
  const none = await new Promise((resolve) => lookup("no-such-name.invalid", {}, (error) => resolve(error?.code)));
  assert.match(String(none), /^(ENOTFOUND|EAI_AGAIN)$/);
});
