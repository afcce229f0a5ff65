import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { keep } from "../../../daemon/credentials/keeper.ts";
import { failureName, type Lasting, type Source } from "../../../daemon/credentials/source.ts";

const held = { kind: "headers", headers: ["authorization", "Bearer t"] } as const;

/** Lets what was promised happen; the clock is the test's. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await Promise.resolve();
}

function lab(context: TestContext, source: Source) {
  context.mock.timers.enable({ apis: ["setTimeout", "Date"], now: 1_000_000 });
  const seen: string[] = [];
  let asked = 0;
  const close = keep(
    Promise.resolve(() => {
      asked += 1;
      return source();
    }),
    { renewed: () => seen.push("renewed"), failed: (reason) => seen.push(reason) },
  );
  const pass = async (ms: number): Promise<void> => {
    context.mock.timers.tick(ms);
    await settle();
  };
  return { seen, close, pass, asked: () => asked };
}

const lasting = (lifeMs: number | undefined): Lasting => ({
  held,
  expiresAt: lifeMs === undefined ? undefined : Date.now() + lifeMs,
});

test("keep() fetches at once, and again in the last four minutes or the last fifth of a life", async (context) => {
  const long = lab(context, async () => lasting(3_600_000));
  await settle();
  assert.deepEqual(long.seen, ["renewed"]);
  await long.pass(3_359_000);
  assert.equal(long.asked(), 1);
  await long.pass(1_000);
  assert.equal(long.asked(), 2);
  long.close();
});

test("keep() fetches a short one again after four fifths of its life", async (context) => {
  const short = lab(context, async () => lasting(10_000));
  await settle();
  await short.pass(7_999);
  assert.equal(short.asked(), 1);
  await short.pass(1);
  assert.equal(short.asked(), 2);
  short.close();
});

test("keep() leaves alone what is good for ever, and what nobody wants any more", async (context) => {
  const forever = lab(context, async () => lasting(undefined));
  await settle();
  await forever.pass(1e9);
  assert.equal(forever.asked(), 1);
  forever.close();
});

test("keep() spaces its tries, twice as long each time, a minute at most", async (context) => {
  const broken = lab(context, async () => {
    throw Object.assign(new Error("secret-canary"), { code: "ECONNREFUSED" });
  });
  await settle();
  let waited = 0;
  for (const ms of [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]) {
    waited += ms;
    await broken.pass(ms - 1);
    const before = broken.asked();
    await broken.pass(1);
    assert.equal(broken.asked(), before + 1, `after ${waited} ms`);
  }
  assert.deepEqual(new Set(broken.seen), new Set(["ECONNREFUSED"]));
  broken.close();
  const last = broken.asked();
  await broken.pass(1e6);
  assert.equal(broken.asked(), last);
});

test("keep() gives up a fetch that does not come, and tries again", async (context) => {
  const silent = lab(context, () => new Promise(() => undefined));
  await settle();
  await silent.pass(20_000);
  assert.deepEqual(silent.seen, ["no_answer_in_time"]);
  await silent.pass(1_000);
  assert.equal(silent.asked(), 2);
  silent.close();
});

test("failureName() tells names and never sentences", () => {
  const inner = Object.assign(new Error("token abc refused"), { name: "ServerError", status: 401 });
  const outer = new TypeError("request with key sk-1 failed", { cause: inner });
  assert.equal(failureName(outer), "TypeError ServerError status_401");
  assert.equal(failureName(Object.assign(new Error("x"), { code: "a key: sk-1" })), "Error");
  assert.equal(failureName("sk-1"), "Error");
});
