/** What an attempt is charged, by how it ended; and what is held where no cap was sent. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { createLock, recoverOwner } from "../../../daemon/governance/lock.ts";
import { createPeek } from "../../../daemon/governance/peek.ts";
import { settlementFlag } from "../../../daemon/store/rows.ts";
import { until } from "../../support/until.ts";
import { answers, errorOf, type Lab, startLab, startUpstream, type Upstream } from "./lab.ts";

let upstream: Upstream;
before(async () => {
  upstream = await startUpstream();
});
after(() => upstream?.stop());

async function lab(ledger: object = {}): Promise<Lab> {
  const provider = { dialect: "openai-chat", api_key: "env.SECRET" };
  return startLab({
    ledger,
    providers: {
      searching: { ...provider, base_url: `${upstream.origin}/v1` },
      up: { ...provider, base_url: `${upstream.origin}/v1` },
      nowhere: { ...provider, base_url: "http://127.0.0.1:9/v1" },
    },
    prices: {
      "searching/*": { input: 1, output: 5, server_tool: 0.01 },
      "up/*": { input: 1, output: 5 },
      "nowhere/*": { input: 1, output: 5 },
    },
  });
}

describe("settle()", () => {
  const broken = (status: number) => answers({ error: { message: "no" } }, status);
  const cases: readonly [what: string, model: string, answer: Upstream["answer"], charged: boolean][] = [
    ["was never reached", "nowhere/m", answers(), false],
    ["refused", "up/m", broken(400), false],
    ["broke", "up/m", broken(500), false],
    ["took the request and was gone", "up/m", (request) => request.socket.resetAndDestroy(), true],
    ["answered with nothing that is an answer", "up/m", answers("<html>", 200), true],
  ];
  for (const [what, model, answer, charged] of cases) {
    test(`charges ${charged ? "the input, as an estimate," : "nothing"} where the provider ${what}`, async () => {
      const one = await lab();
      try {
        upstream.answer = answer;
        const key = one.createKey({ budgetNano: 1_000_000_000 });
        await one.call({ key, body: { model, messages: [], max_tokens: 5 } });
        const [row] = await one.rows();
        const [settled] = await one.settled();
        assert.equal(Number(row?.cost_nano) > 0, charged, `cost ${row?.cost_nano}`);
        assert.equal(settled?.flags, charged ? settlementFlag.estimated : 0);
        assert.deepEqual([...one.ledger.holdsOf()], []);
      } finally {
        await one.stop();
      }
    });
  }
});

test("settle() flags as an estimate a search that was asked for and that no answer tells of", async () => {
  const one = await lab();
  try {
    const key = one.createKey({ budgetNano: 1_000_000_000 });
    const told = (more: object) => ({ prompt_tokens: 3, completion_tokens: 2, total_tokens: 5, ...more });
    for (const more of [{}, { server_tool_use: { web_search_requests: 2 } }, { num_search_queries: 0 }]) {
      upstream.answer = answers({ object: "chat.completion", choices: [], usage: told(more) });
      await one.call({ key, body: { model: "searching/m", messages: [], max_tokens: 5, web_search_options: {} } });
    }
    const settled = await one.settled();
    assert.deepEqual(
      settled.map(({ costNano, flags }) => [costNano, flags]),
      [
        [13_000, settlementFlag.estimated],
        [20_013_000, 0],
        [13_000, 0],
      ],
    );
  } finally {
    await one.stop();
  }
});

test("A3 settle() charges once what it could not while a dead thread had the ledger's lock, and admit() says 503", async () => {
  const one = await lab();
  try {
    const key = one.createKey({ budgetNano: 1_000_000_000 });
    const dead = createLock({ ...one.tables, owner: 2 });
    const answer = answers({ choices: [], usage: { prompt_tokens: 1_000, completion_tokens: 5 } });
    upstream.answer = (request, response, body) => {
      dead.acquire();
      return answer(request, response, body);
    };
    const body = { model: "up/m", messages: [], max_tokens: 5 };
    assert.equal((await one.call({ key, body })).status, 200);
    const refused = await one.call({ key, body });
    assert.deepEqual([refused.status, errorOf(refused).code], [503, "ledger_behind"]);
    assert.equal(one.ledger.holdsOf().length, 1);
    recoverOwner(one.tables, 2);
    await until("the hold to be settled", () => one.ledger.holdsOf().length === 0);
    const [settled] = await one.settled();
    assert.ok(Number(settled?.costNano) >= 1_000_000, JSON.stringify(settled));
    const [scope] = [Number(settled?.scopes)];
    assert.equal(createPeek(one.tables)(scope!, Date.now())?.spentTotalNano, settled?.costNano);
  } finally {
    await one.stop();
  }
});

test("A1 admit() refuses an output cap that is longer than can be counted, as one that no budget covers", async () => {
  const one = await lab();
  try {
    const key = one.createKey({ budgetNano: 1_000_000_000 });
    for (const more of [{ max_tokens: Number.MAX_SAFE_INTEGER }, { max_tokens: Number.MAX_SAFE_INTEGER, n: 128 }]) {
      const answer = await one.call({ key, body: { model: "up/m", messages: [], ...more } });
      assert.deepEqual([answer.status, errorOf(answer).code], [402, "budget_exceeded"]);
    }
  } finally {
    await one.stop();
  }
});

describe("admit() without an output cap", () => {
  const ask = (one: Lab, key: string) => one.call({ key, body: { model: "up/m", messages: [] } });

  test("A10 admit() estimates: lets the request through as it came, and the next one not, if it cost too much", async () => {
    const one = await lab({ no_cap: "estimate" });
    try {
      const key = one.createKey({ budgetNano: 20_000_000 });
      upstream.answer = answers({
        choices: [],
        usage: { prompt_tokens: 10, completion_tokens: 10_000, total_tokens: 10_010 },
      });
      assert.equal((await ask(one, key)).status, 200);
      assert.equal(upstream.seen.at(-1)?.body, '{"model":"m","messages":[]}');
      const next = await ask(one, key);
      assert.deepEqual([next.status, errorOf(next).code], [402, "budget_exceeded"]);
    } finally {
      await one.stop();
    }
  });

  test("A10 admit() injects: writes the cap that it holds into the request", async () => {
    const one = await lab({ no_cap: "inject", inject_cap: 7 });
    try {
      upstream.answer = answers();
      assert.equal((await ask(one, one.createKey({ budgetNano: 1_000_000_000 }))).status, 200);
      const { max_tokens, max_completion_tokens } = JSON.parse(upstream.seen.at(-1)!.body) as Record<string, number>;
      assert.equal(max_tokens ?? max_completion_tokens, 7);
    } finally {
      await one.stop();
    }
  });

  test("A10 admit() refuses: says which field is missing", async () => {
    const one = await lab({ no_cap: "refuse" });
    try {
      const count = upstream.seen.length;
      const answer = await ask(one, one.createKey({ budgetNano: 1_000_000_000 }));
      assert.deepEqual([answer.status, errorOf(answer)["param"], upstream.seen.length], [400, "max_tokens", count]);
    } finally {
      await one.stop();
    }
  });
});
