/** What every provider says was used costs exactly what its price says, through a real daemon, streamed or not. */
import assert from "node:assert/strict";
import { createServer, type Server } from "node:http";
import { after, before, describe, test } from "node:test";
import type { KeyAnswer } from "../../daemon/admin/contract/keys.ts";
import type { LogRow } from "../../daemon/admin/contract/logs.ts";
import type { RepriceAnswer } from "../../daemon/admin/contract/reprice.ts";
import { ask, type Caller, send } from "../support/client.ts";
import { type Daemon, patientLedger, startDaemon } from "../support/daemon.ts";
import { type CostCase, callers, costCases, rates, type Wire } from "./cost-cases.ts";
import { unitCases } from "./unit-cost-cases.ts";

let daemon: Daemon;
let upstream: Server;
let key: string;
/** What the upstream says next, whatever it is asked. */
let next: { readonly type: string; readonly bytes: string | Buffer };
const wires = Object.keys(callers) as readonly Wire[];

before(async () => {
  upstream = createServer((request, response) => {
    request.resume().on("end", () => {
      response.writeHead(200, { "content-type": next.type });
      response.end(next.bytes);
    });
  });
  await new Promise<void>((resolve) => upstream.listen(0, "127.0.0.1", resolve));
  const { port } = upstream.address() as { port: number };
  const provider = { base_url: `http://127.0.0.1:${port}/v1`, api_key: "env.KEY" };
  const units = Object.fromEntries(
    unitCases.map(({ model, price }) => [`${model.split("/")[0]}/${model.split("/")[1]}`, price]),
  );
  daemon = await startDaemon({
    env: { KEY: "upstream-secret" },
    config: {
      ledger: patientLedger,
      providers: {
        ...Object.fromEntries(wires.map((dialect) => [dialect, { ...provider, dialect }])),
        ranker: { ...provider, host: "cohere" },
        media: { ...provider, host: "openai" },
      },
      prices: { ...units, ...Object.fromEntries(wires.map((wire) => [`${wire}/*`, rates])) },
    },
  });
  key = await daemon.createKey({ name: "all", budget: "100000/1d" });
});
after(async () => {
  await daemon?.stop();
  upstream?.close();
});

async function cost(one: CostCase, caller: Caller, stream: boolean, model: string): Promise<LogRow> {
  const type = one.wire === "bedrock-converse" ? "application/vnd.amazon.eventstream" : "text/event-stream";
  next = stream ? { type, bytes: one.stream } : { type: "application/json", bytes: one.answer };
  const answer = await ask(daemon.url, { dialect: caller, model: `${one.wire}/${model}`, key, stream, maxTokens: 100 });
  assert.equal(answer.status, 200, answer.text);
  assert.equal(answer.ended, "complete");
  const [row] = await daemon.rows(`${one.wire}/${model}`);
  if (!stream) assert.equal(answer.headers["x-bifrost-cost-usd"], dollars(one.nano));
  return row!;
}

/** By hand, as the text of a decimal. */
function dollars(nano: number): string {
  const text = String(nano).padStart(10, "0");
  return `${text.slice(0, -9)}.${text.slice(-9)}`.replace(/\.?0+$/, "");
}

let total = 0;
describe("costs", { concurrency: false }, () => {
  for (const [index, one] of costCases.entries()) {
    for (const stream of [false, true]) {
      // Its own client, whose bytes are only watched; and one of another dialect, for whom all is translated.
      const others: readonly Caller[] = [callers[one.wire], one.wire === "openai-chat" ? "messages" : "chat"];
      for (const caller of others) {
        const how = `${stream ? "streamed" : "whole"}, asked in the words of ${caller}`;
        test(`A4 cost() of ${one.wire}: ${one.what}, ${how}`, async () => {
          const row = await cost(one, caller, stream, `m${index}-${caller}-${stream}`);
          assert.equal(row.cost_nano, one.nano);
          assert.deepEqual(row.flags, []);
          total += one.nano;
        });
      }
    }
  }

  for (const one of unitCases) {
    test(`A4 cost() of ${one.what}`, async () => {
      next = { type: one.type ?? "application/json", bytes: one.answer };
      const asked = await send(daemon.url, {
        method: "POST",
        path: one.path,
        headers: { authorization: `Bearer ${key}`, "content-type": one.contentType ?? "application/json" },
        body: one.body,
      });
      const answer = await asked.answer();
      assert.equal(answer.status, 200, answer.text);
      const [row] = await daemon.rows(one.model);
      assert.equal(row?.cost_nano, one.nano);
      assert.deepEqual(row.flags, one.isEstimate ? ["estimated"] : []);
      total += one.nano;
    });
  }

  test("A4 settle() has charged the key the sum of it, to the nano-dollar", async () => {
    await daemon.settled();
    const { key: all } = await daemon.admin<KeyAnswer>("GET", "/api/keys/all");
    assert.equal(all.budgets[0]?.spent_nano, total);
  });

  test("A8 reprice() finds the same cost again from every audit record", async () => {
    const told = await daemon.json<RepriceAnswer>("ledger", "reprice", "--since", "1d", "--dry-run");
    const chats = costCases.length * 4;
    assert.deepEqual([told.looked_at, told.skipped, told.adjusted, told.models], [chats + unitCases.length, 0, 0, []]);
  });
});
