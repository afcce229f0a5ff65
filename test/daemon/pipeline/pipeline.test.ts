/** Which errors go on to another target and which do not, what each hop is checked for, and what the rows then say. */
import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { requestFlag, settlementFlag } from "../../../daemon/store/rows.ts";
import {
  type Answer,
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

let first: Upstream;
let second: Upstream;
let lab: Lab;
let key: string;
before(async () => {
  first = await startUpstream();
  second = await startUpstream();
  const provider = (upstream: Upstream, more: object = {}) => ({
    base_url: `${upstream.origin}/v1`,
    dialect: "openai-chat",
    api_key: "env.SECRET",
    ...more,
  });
  lab = await startLab({
    server: { hold_back: "10s" },
    providers: {
      first: provider(first, { free: true }),
      paid: provider(first),
      second: provider(second),
      strict: provider(second, { dialect: "anthropic", strict: true }),
      other: provider(second, { dialect: "anthropic" }),
      nowhere: provider(first, { base_url: "http://127.0.0.1:9/v1" }),
      unpriced: provider(second),
    },
    prices: {
      "paid/*": { input: 1, output: 5 },
      "second/*": { input: 1, output: 5 },
      "other/*": { input: 1, output: 5 },
      "strict/*": { input: 1, output: 5 },
      "nowhere/*": { input: 1, output: 5 },
    },
  });
  key = lab.createKey({ budgetNano: 1_000_000_000 });
});
after(async () => {
  await lab?.stop();
  await first?.stop();
  await second?.stop();
});
afterEach(() => {
  // Whatever became of a request, nothing of it is left behind.
  assert.deepEqual([lab.plane.bodyBytes, lab.plane.generation.inFlight, [...lab.ledger.holdsOf()]], [0, 0, []]);
  assert.deepEqual(lab.logged.splice(0), []);
  first.answer = answers();
  second.answer = answers();
  first.seen.length = 0;
  second.seen.length = 0;
});

type Asked = {
  readonly answer: Answer;
  readonly row: Record<string, unknown>;
  readonly settled: Record<string, unknown>[];
};

async function ask(body: object, options: { key?: string; path?: string } = {}): Promise<Asked> {
  const rows = (await lab.rows()).length;
  const settled = (await lab.settled()).length;
  const answer = await lab.call({
    key: options.key ?? key,
    ...(options.path === undefined ? {} : { path: options.path }),
    body: { messages: [{ role: "user", content: "Hi" }], max_tokens: 20, ...body },
  });
  const newRows = (await lab.rows()).slice(rows);
  assert.equal(newRows.length, 1, "one log row");
  const newSettled = (await lab.settled()).slice(settled);
  assert.equal(newSettled.filter(({ record }) => record !== undefined).length, 1, "one audit record");
  return { answer, row: newRows[0]!, settled: newSettled };
}

const attempts = (row: Record<string, unknown>) => {
  const kept = JSON.parse(String(row["attempts"])) as Attempts | { readonly attempts: Attempts };
  return "attempts" in kept ? kept.attempts : kept;
};
type Attempts = readonly Record<string, unknown>[];
const broken = (body: unknown, status: number) => answers({ error: { message: "told", ...(body as object) } }, status);

describe("serve()", () => {
  test("answers, and writes one row and one settlement with its audit record", async () => {
    const { answer, row, settled } = await ask({ model: "second/m" });
    assert.deepEqual([answer.status, JSON.parse(answer.text)], [200, completion]);
    // 100 in at $1 and 10 out at $5 a million.
    assert.equal(answer.headers["x-bifrost-cost-usd"], "0.00015");
    const { id, route, dialect, provider, model, target, stream, status, error, tokens_in, tokens_out, cost_nano } =
      row;
    assert.deepEqual(
      { id, route, dialect, provider, model, target, stream, status, error, tokens_in, tokens_out, cost_nano },
      {
        id: answer.headers["x-request-id"],
        route: "chat.completions",
        dialect: "openai-chat",
        provider: "second",
        model: "second/m",
        target: "second/m",
        stream: 0,
        status: 200,
        error: null,
        tokens_in: 100,
        tokens_out: 10,
        cost_nano: 150_000,
      },
    );
    assert.deepEqual([row["attempts"], row["flags"], row["bytes_out"]], [null, 0, answer.text.length]);
    assert.deepEqual(
      settled.map(({ holdId, costNano, tokens, flags }) => ({ holdId, costNano, tokens, flags })),
      [{ holdId: id, costNano: 150_000, tokens: 110, flags: 0 }],
    );
  });

  const goesOn: readonly [what: string, answer: Upstream["answer"], code: string][] = [
    ["500", broken({}, 500), "upstream_error"],
    ["503", broken({}, 503), "upstream_overloaded"],
    ["529", broken({}, 529), "upstream_overloaded"],
    ["429", broken({}, 429), "rate_limit_exceeded"],
    ["401, our credential", broken({}, 401), "upstream_credential"],
    ["404", broken({}, 404), "upstream_rejected"],
    ["302", answers("", 302, { location: "http://10.0.0.1/" }), "upstream_error"],
    ["204", answers("", 204), "upstream_protocol"],
    ["200 with an error in it", broken({}, 200), "upstream_error"],
    ["200 with a page", answers("<html>Sign in</html>", 200, { "content-type": "text/html" }), "upstream_protocol"],
    ["a reset", (request) => request.socket.resetAndDestroy(), "upstream_unreachable"],
    [
      "an answer cut short",
      (_request, response) => {
        response.writeHead(200, { "content-type": "application/json", "content-length": "500" });
        response.write('{"id":', () => response.destroy());
      },
      "upstream_truncated",
    ],
  ];
  for (const [what, answer, code] of goesOn) {
    test(`goes on to the fallback after ${what}`, async () => {
      first.answer = answer;
      const { answer: told, row } = await ask({ model: "first/m", fallbacks: ["second/m"] });
      assert.equal(told.status, 200, told.text);
      const [one, two] = attempts(row);
      assert.deepEqual(
        [one?.["target"], one?.["error"], { ...two, startMs: 0, ms: 0 }],
        [
          ...["first/m", code],
          { target: "second/m", reason: "fallback", costNano: 150_000, heldNano: 204_000, startMs: 0, ms: 0 },
        ],
      );
      assert.deepEqual(
        [row["target"], Number(row["flags"]) & requestFlag.fallback],
        ["second/m", requestFlag.fallback],
      );
    });
  }

  const stays: readonly [what: string, answer: Upstream["answer"], status: number, code: string][] = [
    ["400", broken({ type: "invalid_request_error" }, 400), 400, "upstream_rejected"],
    ["422", broken({}, 422), 422, "upstream_rejected"],
  ];
  for (const [what, answer, status, code] of stays) {
    test(`does not go on after ${what}: the request is at fault wherever it goes`, async () => {
      first.answer = answer;
      const { answer: told } = await ask({ model: "first/m", fallbacks: ["second/m"] });
      assert.deepEqual([told.status, errorOf(told).code, second.seen.length], [status, code, 0]);
    });
  }

  test("goes on when nobody listens, and tells no address", async () => {
    const { answer, row } = await ask({ model: "nowhere/m", fallbacks: ["nowhere/n"] });
    assert.deepEqual([answer.status, errorOf(answer).code], [502, "upstream_unreachable"]);
    assert.doesNotMatch(answer.text, /127\.0\.0|:9\b|stack|node:/);
    assert.deepEqual([row["cost_nano"], row["error"]], [0, "upstream_unreachable"]);
  });

  test("tells the first failure when all targets fail, with the wait it asked for", async () => {
    first.answer = answers({ error: { message: "slow down" } }, 429, { "retry-after": "7" });
    second.answer = broken({}, 500);
    const { answer, row } = await ask({ model: "first/m", fallbacks: ["second/m"] });
    assert.deepEqual(
      [answer.status, errorOf(answer)["provider"], answer.headers["retry-after"], answer.headers["retry-after-ms"]],
      [429, "first", "7", "7000"],
    );
    assert.deepEqual(
      attempts(row).map(({ target, error, status }) => [target, error, status]),
      [
        ["first/m", "rate_limit_exceeded", 429],
        ["second/m", "upstream_error", 500],
      ],
    );
  });

  for (const stream of [false, true]) {
    test(`forwards a wait in milliseconds, stream: ${stream}`, async () => {
      first.answer = answers({ error: { message: "slow down" } }, 429, {
        "retry-after-ms": "1500",
        "retry-after": "9",
      });
      const { answer } = await ask({ model: "first/m", stream });
      assert.deepEqual([answer.headers["retry-after"], answer.headers["retry-after-ms"]], ["2", "1500"]);
      first.answer = answers({ error: { message: "slow down" } }, 429, {
        "retry-after-ms": "soon",
        "retry-after": "9",
      });
      const { answer: unreadable } = await ask({ model: "first/m", stream });
      assert.equal(unreadable.headers["retry-after-ms"], "9000");
    });
  }

  test("A6 R3 admit() checks the budget again on the second hop", async () => {
    const poor = lab.createKey({ budgetNano: 1_000 });
    first.answer = broken({}, 500);
    const { answer, row, settled } = await ask({ model: "first/m", fallbacks: ["second/m"] }, { key: poor });
    assert.deepEqual([answer.status, errorOf(answer).code, second.seen.length], [502, "upstream_error", 0]);
    assert.deepEqual(
      attempts(row).map(({ target, error }) => [target, error]),
      [
        ["first/m", "upstream_error"],
        ["second/m", "budget_exceeded"],
      ],
    );
    assert.equal(
      settled.reduce((sum, { costNano }) => sum + Number(costNano), 0),
      0,
    );
  });

  test("A6 admit() skips a hop that the key may not call, and goes on to the next", async () => {
    const narrow = lab.createKey({ models: ["first/*", "other/*"], budgetNano: 1_000_000_000 });
    first.answer = broken({}, 500);
    second.answer = answers({
      id: "msg_1",
      type: "message",
      role: "assistant",
      model: "m",
      content: [{ type: "text", text: "Hi" }],
      stop_reason: "end_turn",
      usage: { input_tokens: 10, output_tokens: 2 },
    });
    const { answer, row } = await ask({ model: "first/m", fallbacks: ["second/m", "other/m"] }, { key: narrow });
    assert.equal(answer.status, 200, answer.text);
    assert.deepEqual(
      attempts(row).map(({ target, error }) => [target, error]),
      [
        ["first/m", "upstream_error"],
        ["second/m", "model_not_allowed"],
        ["other/m", undefined],
      ],
    );
    assert.deepEqual(
      second.seen.map(({ path }) => path),
      ["/v1/messages"],
    );
  });

  test("R3 trace() tells what each hop cost: one cut short costs its input, one refused nothing", async () => {
    first.answer = (_request, response) => {
      response.writeHead(200, { "content-type": "application/json", "content-length": "500" });
      response.write('{"id":', () => response.destroy());
    };
    const { row, settled } = await ask({ model: "paid/m", fallbacks: ["second/m"] });
    const [one, two] = attempts(row);
    assert.ok(Number(one?.["costNano"]) > 0, JSON.stringify(one));
    assert.ok(Number(one?.["ms"]) >= 0);
    assert.equal(two?.["costNano"], 150_000);
    assert.equal(row["cost_nano"], Number(one?.["costNano"]) + 150_000);
    assert.deepEqual(
      settled.map(({ holdId, costNano, flags }) => [holdId, costNano, flags]),
      [
        [row["id"], one?.["costNano"], settlementFlag.estimated],
        [`${row["id"]}:1`, 150_000, 0],
      ],
    );
  });

  test("A7 admit() refuses an unpriced model to a budgeted key; without a budget its cost is unknown, not zero", async () => {
    const { answer } = await ask({ model: "unpriced/m" });
    assert.deepEqual([answer.status, errorOf(answer).code], [402, "unpriced_model"]);
    const free = lab.createKey();
    const { answer: served, row } = await ask({ model: "unpriced/m" }, { key: free });
    assert.deepEqual(
      [
        served.status,
        served.headers["x-bifrost-cost-usd"],
        row["cost_nano"],
        Number(row["flags"]) & settlementFlag.unpriced,
      ],
      [200, undefined, null, settlementFlag.unpriced],
    );
    const { answer: gratis, row: freeRow } = await ask({ model: "first/m" });
    assert.deepEqual([gratis.headers["x-bifrost-cost-usd"], freeRow["cost_nano"], freeRow["flags"]], ["0.00", 0, 0]);
  });

  test("settle() estimates an answer that tells no usage, its output too", async () => {
    const { usage: _, ...silent } = completion;
    const long = "word ".repeat(400);
    const choices = [{ index: 0, message: { role: "assistant", content: long }, finish_reason: "stop" }];
    second.answer = answers({ ...silent, choices });
    const { row } = await ask({ model: "second/m", max_tokens: 1000 });
    assert.equal(row["flags"], settlementFlag.estimated);
    assert.ok(Number(row["tokens_out"]) >= 400, `tokens_out ${row["tokens_out"]}`);
    const { row: capped } = await ask({ model: "second/m", max_tokens: 20 });
    assert.equal(capped["tokens_out"], 20);
    const { row: whole } = await ask({ model: "second/m", max_tokens: 1000, stream: true });
    assert.equal(whole["flags"], settlementFlag.estimated);
    assert.ok(Number(whole["tokens_out"]) >= 400, `tokens_out ${whole["tokens_out"]} of a whole answer to a stream`);
  });

  test("admit() holds n answers' worth of output", async () => {
    // 20 tokens of output at $5: 100,000 nano-dollars a choice; the input is small beside it.
    const tight = lab.createKey({ budgetNano: 250_000 });
    const { answer: one } = await ask({ model: "second/m", n: 1 }, { key: tight });
    assert.equal(one.status, 200);
    const fresh = lab.createKey({ budgetNano: 250_000 });
    const { answer: three } = await ask({ model: "second/m", n: 3 }, { key: fresh });
    assert.deepEqual([three.status, errorOf(three).code], [402, "budget_exceeded"]);
    assert.equal(three.headers["x-should-retry"], "false");
    assert.ok(errorOf(three)["resets_at"]);
  });

  test("reports what a dialect cannot express, unless it is strict; a hop that drops nothing reports nothing", async () => {
    second.answer = broken({}, 500);
    const { answer: dropped } = await ask({ model: "other/m", logit_bias: { "1": 1 } });
    assert.equal(dropped.headers["x-bifrost-dropped-params"], "logit_bias");
    const { answer: refused } = await ask({ model: "strict/m", logit_bias: { "1": 1 } });
    assert.deepEqual(
      [refused.status, errorOf(refused).code, errorOf(refused)["param"]],
      [400, "unsupported_parameter", "logit_bias"],
    );
    const { answer } = await ask({ model: "other/m", logit_bias: { "1": 1 }, fallbacks: ["first/m"] });
    assert.deepEqual([answer.status, answer.headers["x-bifrost-dropped-params"]], [200, undefined]);
  });

  test("answers a 200 whose content type node would not write", async () => {
    first.answer = (_request, response) => {
      response.socket?.end(
        `HTTP/1.1 200 OK\r\ncontent-type: application/json; x=\u2013\r\ncontent-length: 14\r\n\r\n{"choices":[]}`,
      );
    };
    const { answer } = await ask({ model: "first/m" });
    assert.deepEqual([answer.status, answer.text], [200, '{"choices":[]}']);
  });

  test("relays embeddings whole even where a stream is asked for", async () => {
    const embedding = {
      object: "list",
      data: [{ object: "embedding", index: 0, embedding: [1] }],
      model: "m",
      usage: { prompt_tokens: 3, total_tokens: 3 },
    };
    second.answer = answers(embedding);
    const { answer, row } = await ask({ model: "second/m", input: "x", stream: true }, { path: "/v1/embeddings" });
    assert.deepEqual(
      [answer.status, answer.text, row["tokens_in"], row["flags"]],
      [200, JSON.stringify(embedding), 3, 0],
    );
  });

  test("tells the model of a stream to one who asked for none", async () => {
    second.answer = streams(role, chunk({ content: "Hel" }), chunk({ content: "lo" }), stop, usageChunk, done);
    const { answer, row } = await ask({ model: "second/m" });
    const { choices, usage } = JSON.parse(answer.text) as {
      choices: { message: { content: string } }[];
      usage: { prompt_tokens: number };
    };
    assert.deepEqual(
      [answer.status, choices[0]?.message.content, usage.prompt_tokens, row["cost_nano"]],
      [200, "Hello", 100, 150_000],
    );
    assert.match(answer.headers["content-type"] ?? "", /^application\/json/);
    second.answer = streams(role, chunk({ content: "Hel" }));
    const { answer: cut } = await ask({ model: "second/m" });
    assert.deepEqual([cut.status, errorOf(cut).code], [502, "upstream_truncated"]);
  });
});
