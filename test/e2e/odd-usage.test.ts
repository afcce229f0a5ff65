/** A provider that tells its usage wrongly, twice, late or not at all: what was answered is charged, once, and no more than believed. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { KeyAnswer } from "../../daemon/admin/contract/keys.ts";
import { ask } from "../support/client.ts";
import { type Daemon, patientLedger, startDaemon } from "../support/daemon.ts";
import { type FaultUpstream, startFaultUpstream } from "../support/fault-upstream.ts";

let upstream: FaultUpstream;
let daemon: Daemon;
before(async () => {
  upstream = await startFaultUpstream();
  daemon = await startDaemon({
    env: { UPSTREAM_KEY: "x" },
    config: {
      ledger: patientLedger,
      providers: { paid: { base_url: `${upstream.origin}/v1`, api_key: "env.UPSTREAM_KEY" } },
      prices: { "paid/*": { input: 1, output: 5 } },
    },
  });
});
after(async () => {
  await daemon?.stop();
  await upstream?.stop();
});

const content = "Hello, this is an answer of some words.";
const right = { prompt_tokens: 10, completion_tokens: 20, total_tokens: 30 };
const rightNano = 10 * 1_000 + 20 * 5_000;

/** What is told, and what is to be charged; undefined: an estimate, of more than nothing. */
const odd: readonly (readonly [what: string, usages: readonly unknown[], nano: number | undefined])[] = [
  ["as it should", [right], rightNano],
  ["nothing", [], undefined],
  ["null", [null], undefined],
  ["negative counts", [{ prompt_tokens: -10, completion_tokens: -20, total_tokens: -30 }], undefined],
  ["counts as text", [{ prompt_tokens: "10", completion_tokens: "20" }], undefined],
  ["huge counts", [{ prompt_tokens: 1e300, completion_tokens: 1e300 }], undefined],
  ["fractions", [{ prompt_tokens: 10.5, completion_tokens: 0.1 }], undefined],
  ["a list", [[10, 20]], undefined],
  ["it twice", [right, right], rightNano],
];

const late = "it after the end";

const chunk = (value: object) => `data: ${JSON.stringify({ id: "c1", object: "chat.completion.chunk", ...value })}\n\n`;

function streamed(usages: readonly unknown[], afterEnd: boolean): { readonly data: string }[] {
  const frames = [
    chunk({ choices: [{ index: 0, delta: { role: "assistant", content } }] }),
    chunk({ choices: [{ index: 0, delta: {}, finish_reason: "stop" }] }),
  ];
  const told = usages.map((usage) => chunk({ choices: [], usage }));
  const end = "data: [DONE]\n\n";
  return (afterEnd ? [...frames, end, ...told] : [...frames, ...told, end]).map((data) => ({ data }));
}

function whole(usages: readonly unknown[]): { readonly data: string }[] {
  const choice = { index: 0, finish_reason: "stop", message: { role: "assistant", content } };
  const usage = usages.length === 0 ? {} : { usage: usages.at(-1) };
  return [{ data: JSON.stringify({ id: "c1", object: "chat.completion", choices: [choice], ...usage }) }];
}

let scripts = 0;
for (const dialect of ["chat", "messages"] as const)
  for (const stream of [true, false])
    test(`A4 settle() charges a ${dialect} answer whose provider tells odd usage, ${stream ? "streamed" : "whole"}`, async () => {
      const name = `${dialect}-${stream}`;
      const key = await daemon.createKey({ name, budget: "100/1d" });
      const spent = async () => (await daemon.admin<KeyAnswer>("GET", `/api/keys/${name}`)).key.budgets[0]?.spent_nano;
      let sum = 0;
      const cases = stream ? [...odd, [late, [right], undefined] as const] : odd;
      for (const [what, usages, nano] of cases) {
        const id = `odd-${++scripts}`;
        await upstream.script(id, {
          status: 200,
          headers: { "content-type": stream ? "text/event-stream" : "application/json" },
          chunks: stream ? streamed(usages, what === late) : whole(usages),
        });
        const answer = await ask(daemon.url, { dialect, model: `paid/script-${id}`, key, stream, maxTokens: 50 });
        assert.equal(answer.status, 200, what);
        const { request } = await daemon.explained(String(answer.headers["x-request-id"]));
        const cost = request.cost_nano!;
        const isEstimate = request.flags.includes("estimated");
        // What comes after the end may come with it, and is believed then.
        if (what === late) assert.ok(isEstimate || cost === rightNano, `${what}: ${cost}`);
        else assert.equal(isEstimate, nano === undefined, what);
        if (isEstimate) assert.ok(cost > 0 && cost <= request.held_nano!, `${what}: ${cost}`);
        else if (nano !== undefined) assert.equal(cost, nano, what);
        sum += cost;
        assert.equal(await spent(), sum, what);
      }
      await daemon.settled();
    });
