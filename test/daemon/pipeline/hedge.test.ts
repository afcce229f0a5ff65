/** Hedging over real sockets: one target that takes its time, another that is asked beside it. */
import assert from "node:assert/strict";
import { request, type ServerResponse } from "node:http";
import { after, afterEach, before, test } from "node:test";
import { createLock, recoverOwner } from "../../../daemon/governance/lock.ts";
import { requestFlag, settlementFlag } from "../../../daemon/store/rows.ts";
import { patientLedger } from "../../support/daemon.ts";
import { pause, until } from "../../support/until.ts";
import {
  answers,
  chunk,
  completion,
  done,
  errorOf,
  type Lab,
  role,
  startLab,
  startUpstream,
  stop,
  streams,
  type Upstream,
  usageChunk,
} from "./lab.ts";

let slow: Upstream;
let quick: Upstream;
let third: Upstream;
let lab: Lab;
let key: string;
const hedge = { after: "40ms", min: "1ms", max_share: 1 };
before(async () => {
  [slow, quick, third] = [await startUpstream(), await startUpstream(), await startUpstream()];
  const to = ({ origin }: Upstream) => ({ base_url: `${origin}/v1`, dialect: "openai-chat", api_key: "env.SECRET" });
  const targets = ["slow/m", "quick/m", "third/m"];
  lab = await startLab({
    server: { hold_back: "150ms" },
    ledger: patientLedger,
    providers: {
      busy: { ...to(quick), concurrency_max: 1 },
      slow: to(slow),
      quick: to(quick),
      third: to(third),
      alone: to(slow),
    },
    groups: {
      pair: { strategy: "ordered", targets },
      measured: { strategy: "ordered", targets: ["slow/measured", "quick/m"] },
      few: { strategy: "ordered", targets: ["slow/few", "quick/m"] },
      taken: { strategy: "ordered", targets: ["slow/m", "busy/m"] },
      never: { strategy: "ordered", targets },
    },
    hedging: {
      pair: hedge,
      measured: { ...hedge, after: "p90", min: "30ms" },
      few: { ...hedge, max_share: 0.1 },
      taken: hedge,
      "alone/*": hedge,
    },
    prices: {
      "third/*": { input: 1, output: 5 },
      "alone/*": { input: 1, output: 5 },
      "slow/*": { input: 1, output: 5 },
      "quick/*": { input: 2, output: 5 },
      "busy/*": { input: 2, output: 5 },
    },
  });
  key = lab.createKey({ budgetNano: 1e12 });
});
after(async () => {
  assert.deepEqual(lab.logged, []);
  await lab.stop();
  await Promise.all([slow, quick, third].map((upstream) => upstream.stop()));
});
afterEach(() => {
  for (const upstream of [slow, quick, third]) {
    upstream.answer = answers();
    upstream.seen.length = 0;
  }
});

const call = (model: string, more: object = {}, secret = key) =>
  lab.call({ key: secret, body: { model, messages: [{ role: "user", content: "Hi" }], ...more } });
const waits: Upstream["answer"] = () => {};
const broken = (status = 500) => answers({ error: { message: "told" } }, status);
const text = (words: string) => streams(role, chunk({ content: words }), stop, usageChunk, done);
type Attempt = {
  readonly target: string;
  readonly reason: string;
  readonly error?: string;
  readonly costNano?: number;
  readonly startMs?: number;
  readonly ms?: number;
};
const trail = (row: { readonly attempts: string | number | null } | undefined): readonly Attempt[] => {
  const kept = JSON.parse(String(row?.attempts)) as readonly Attempt[] | { readonly attempts: readonly Attempt[] };
  return "attempts" in kept ? kept.attempts : (kept as readonly Attempt[]);
};
const told = (attempts: readonly Attempt[]) => attempts.map(({ target, reason, error }) => [target, reason, error]);

for (const stream of [false, true]) {
  const kind = stream ? "a stream" : "a whole answer";

  test(`hedged() asks another target beside one that is slow, answers with ${kind} of it and ends the slow one`, async () => {
    let left = false;
    slow.answer = (_request, response) => {
      response.on("close", () => {
        left = true;
      });
      // A preamble is nothing to answer with.
      if (stream) response.writeHead(200, { "content-type": "text/event-stream" }).write(role);
    };
    quick.answer = stream ? text("Quick.") : answers();
    const rowsBefore = (await lab.rows()).length;
    const settledBefore = (await lab.settled()).length;
    const answer = await call("pair", { stream });
    assert.equal(answer.status, 200);
    assert.match(answer.text, stream ? /Quick\./ : /Hello\./);
    assert.equal(answer.headers["x-bifrost-hedge"], "won");
    assert.equal(answer.headers["x-bifrost-provider"], "quick");
    await until("the slow one, which never answers, is left", () => left);
    const row = (await lab.rows())[rowsBefore];
    assert.deepEqual([row?.target, row?.status, row?.error], ["quick/m", 200, null]);
    assert.ok(Number(row?.flags) & requestFlag.fallback);
    assert.deepEqual(told(trail(row)), [
      ["slow/m", "requested", "outpaced"],
      ["quick/m", "hedge", undefined],
    ]);
    const [first, second] = trail(row) as [Attempt, Attempt];
    assert.ok(first.startMs! + 30 <= second.startMs!, "after 40 ms, as its timer knows them");
    assert.ok(second.startMs! <= first.startMs! + first.ms!, "and while the first still runs");
    const settled = (await lab.settled()).slice(settledBefore);
    assert.equal(settled.length, 2, "each is settled once");
    assert.deepEqual(
      settled.map(({ flags, record }) => [(flags & settlementFlag.estimated) !== 0, record?.["target"]]),
      [
        [true, undefined],
        [false, "quick/m"],
      ],
    );
    assert.ok(settled[0]!.costNano > 0, "what was sent may have been billed: its input");
    assert.equal(
      settled.reduce((sum, { costNano }) => sum + costNano, 0),
      row?.cost_nano,
    );
    assert.deepEqual(lab.ledger.holdsOf(), []);
  });

  test(`hedged() lets the first one answer with ${kind} where it speaks before the second does`, async () => {
    slow.answer = (...all) => {
      void until("the second is asked", () => quick.seen.length === 1).then(() =>
        (stream ? text("Slow.") : answers())(...all),
      );
    };
    let left = false;
    quick.answer = (_request, response) => void response.on("close", () => (left = true));
    const answer = await call("pair", { stream });
    assert.equal(answer.headers["x-bifrost-hedge"], "lost");
    assert.equal(answer.headers["x-bifrost-provider"], "slow");
    await until("the second is left", () => left);
    const row = (await lab.rows()).at(-1);
    assert.deepEqual(told(trail(row)), [
      ["quick/m", "hedge", "outpaced"],
      ["slow/m", "requested", undefined],
    ]);
    assert.deepEqual(lab.ledger.holdsOf(), []);
  });

  test(`hedged() answers ${kind} by whichever is left when the other fails, and by a third when both do`, async () => {
    const fails = (one: Upstream, whenAsked: Upstream) => {
      one.answer = (...all) => {
        void until("the other is asked", () => whenAsked.seen.length === 1).then(() => broken()(...all));
      };
    };
    let failed: ServerResponse | undefined;
    fails(slow, quick);
    quick.answer = (...all) => {
      setTimeout(() => (stream ? text("Quick.") : answers())(...all), 60);
    };
    const byQuick = await call("pair", { stream });
    assert.deepEqual([byQuick.status, byQuick.headers["x-bifrost-provider"]], [200, "quick"]);
    assert.deepEqual(told(trail((await lab.rows()).at(-1))), [
      ["slow/m", "requested", "upstream_error"],
      ["quick/m", "hedge", undefined],
    ]);
    quick.seen.length = 0;
    slow.answer = (_request, response) => {
      failed = response;
    };
    quick.answer = (...all) => {
      broken()(...all);
      setTimeout(() => (stream ? text("Slow.") : answers())(all[0], failed!, all[2]), 60);
    };
    const bySlow = await call("pair", { stream });
    assert.deepEqual([bySlow.status, bySlow.headers["x-bifrost-provider"]], [200, "slow"]);
    assert.deepEqual(told(trail((await lab.rows()).at(-1))), [
      ["quick/m", "hedge", "upstream_error"],
      ["slow/m", "requested", undefined],
    ]);
    for (const order of ["first", "second"]) {
      slow.seen.length = 0;
      quick.seen.length = 0;
      if (order === "first") {
        fails(slow, quick);
        quick.answer = (...all) => void setTimeout(() => broken(503)(...all), 60);
      } else {
        slow.answer = (...all) => void setTimeout(() => broken()(...all), 120);
        quick.answer = broken(503);
      }
      third.answer = stream ? text("Third.") : answers();
      const byThird = await call("pair", { stream });
      assert.deepEqual([byThird.status, byThird.headers["x-bifrost-provider"]], [200, "third"]);
      assert.deepEqual([slow.seen.length, quick.seen.length], [1, 1], "nobody is asked twice");
      third.answer = broken(500);
      slow.seen.length = 0;
      quick.seen.length = 0;
      const none = await call("pair", { stream });
      assert.deepEqual([none.status, none.headers["x-bifrost-hedge"]], [502, undefined]);
    }
    assert.deepEqual(lab.ledger.holdsOf(), []);
  });
}

test("hedged() asks nobody else where the first answers in time, fails, or refuses the request", async () => {
  await call("pair");
  slow.answer = broken(400);
  const refused = await call("pair");
  assert.equal(refused.status, 400);
  assert.equal(quick.seen.length, 0);
  slow.answer = broken();
  const failed = await call("pair");
  assert.deepEqual([failed.headers["x-bifrost-provider"], failed.headers["x-bifrost-hedge"]], ["quick", undefined]);
});

test("hedged() ends both at once when one finds the request wrong, or when the client leaves", async () => {
  let closed = 0;
  const notes: Upstream["answer"] = (_request, response) => void response.on("close", () => closed++);
  slow.answer = notes;
  quick.answer = broken(400);
  const refused = await call("pair");
  assert.deepEqual([refused.status, errorOf(refused).code], [400, "upstream_rejected"]);
  await until("the first is left", () => closed === 1);
  quick.answer = notes;
  quick.seen.length = 0;
  const leaving = request(`${lab.url}/v1/chat/completions`, {
    method: "POST",
    agent: false,
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
  });
  leaving.on("error", () => {});
  leaving.end(JSON.stringify({ model: "pair", messages: [{ role: "user", content: "Hi" }] }));
  await until("both are asked", () => quick.seen.length === 1);
  leaving.destroy();
  await until("both are left", () => closed === 3);
  const row = (await lab.rows()).at(-1);
  assert.equal(row?.status, 499);
  assert.deepEqual(lab.ledger.holdsOf(), []);
});

test("hedged() takes its time from what the target usually takes, and knows nothing before it has seen some", async () => {
  slow.answer = waits;
  const first = call("measured", { stream: false });
  await until("it is asked", () => slow.seen.length === 1);
  const [, response] = await new Promise<Parameters<Upstream["answer"]>>((resolve) => {
    slow.answer = (...all) => resolve(all);
    void call("slow/other");
  });
  response.destroy();
  assert.equal(quick.seen.length, 0, "there is no 90th percentile yet");
  slow.answer = answers();
  for (let index = 0; index < 12; index++) await call("slow/measured");
  slow.answer = waits;
  assert.equal((await call("measured")).headers["x-bifrost-hedge"], "won");
  for (const socket of slow.sockets) socket.destroy();
  assert.equal((await first).status, 200, "the first was replaced when it failed");
});

test("hedged() adds no more than its share to the load, however slow everything is", async () => {
  slow.answer = (...all) => void setTimeout(() => answers()(...all), 90);
  const all = Array.from({ length: 60 }, () => call("few"));
  for (const answer of await Promise.all(all)) assert.equal(answer.status, 200);
  assert.equal(slow.seen.length, 60);
  assert.ok(quick.seen.length >= 1 && quick.seen.length <= 6, `${quick.seen.length}`);
});

test("hedged() looks again where there was no place for a second", async () => {
  let held: ServerResponse | undefined;
  quick.answer = (_request, response) => {
    held = response;
  };
  slow.answer = waits;
  const before = call("busy/m");
  await until("the only place is taken", () => held);
  quick.answer = answers();
  const asked = call("taken");
  await until("the first is asked", () => slow.seen.length === 1);
  await pause(150); // a second was due long ago
  assert.equal(quick.seen.length, 1);
  answers()(...([undefined, held] as unknown as Parameters<Upstream["answer"]>));
  assert.equal((await before).status, 200);
  const answer = await asked;
  assert.deepEqual([answer.status, answer.headers["x-bifrost-hedge"]], [200, "won"]);
});

test("hedged() looks again where the ledger was locked when a second was due", async () => {
  const dead = createLock({ ...lab.tables, owner: 2 });
  slow.answer = () => dead.acquire();
  const asked = call("pair");
  await until("the first is asked", () => slow.seen.length === 1);
  await pause(150); // a second was due long ago
  recoverOwner(lab.tables, 2);
  const answer = await asked;
  assert.deepEqual([answer.status, answer.headers["x-bifrost-hedge"]], [200, "won"]);
});

test("hedged() pays for both, and goes on with one where there is no money or no right for a second", async () => {
  slow.answer = (...all) => void setTimeout(() => answers()(...all), 90);
  for (const [secret, code] of [
    [lab.createKey({ models: ["pair", "slow/*"] }), "model_not_allowed"],
    [lab.createKey({ concurrencyMax: 1 }), "rate_limit_exceeded"],
  ] as const) {
    const answer = await call("pair", {}, secret);
    assert.deepEqual([answer.status, answer.headers["x-bifrost-hedge"]], [200, undefined]);
    assert.deepEqual(told(trail((await lab.rows()).at(-1))), [
      ["quick/m", "hedge", code],
      ["slow/m", "requested", undefined],
    ]);
  }
  assert.equal(quick.seen.length, 0);
});

test("mayHedge() leaves alone what names no hedging, what has one target, and what is uploaded", async () => {
  const late: Upstream["answer"] = (...all) => void setTimeout(() => answers(completion)(...all), 90);
  slow.answer = late;
  await call("never");
  await call("alone/m");
  const boundary = "b";
  const form = [
    `--${boundary}\r\ncontent-disposition: form-data; name="model"\r\n\r\npair\r\n`,
    `--${boundary}\r\ncontent-disposition: form-data; name="file"; filename="a.wav"\r\n\r\nRIFF\r\n--${boundary}--\r\n`,
  ].join("");
  const uploaded = await new Promise<number>((resolve, reject) => {
    const sent = request(
      `${lab.url}/v1/audio/transcriptions`,
      {
        method: "POST",
        agent: false,
        headers: { authorization: `Bearer ${key}`, "content-type": `multipart/form-data; boundary=${boundary}` },
      },
      (response) => response.resume().on("end", () => resolve(response.statusCode ?? 0)),
    );
    sent.on("error", reject).end(form);
  });
  assert.equal(uploaded, 200);
  assert.equal(quick.seen.length, 0);
});
