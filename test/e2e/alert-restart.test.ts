/** Alerts over a restart: who was told is not told again, and is told of the end. */
import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import type { AlertsAnswer } from "../../daemon/admin/contract/alerts.ts";
import { ask } from "../support/client.ts";
import { startDaemon } from "../support/daemon.ts";
import { until } from "../support/until.ts";

test("an alert that was told before a kill -9 is not told again after it, keeps its beginning, and its end is told", async (t) => {
  const told: { type: string; data: { rule: string } }[] = [];
  const server = createServer((request, response) => {
    let text = "";
    request.setEncoding("utf8").on("data", (part: string) => {
      text += part;
    });
    request.on("end", () => {
      told.push(JSON.parse(text));
      response.writeHead(204).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  t.after(() => server.close().closeAllConnections());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`;
  const daemon = await startDaemon({
    config: {
      alerts: {
        interval: "200ms",
        channels: { hook: { type: "webhook", url, allow_private: true } },
        rules: [
          { name: "spent", on: "budget", when: "used > 0.0 && limit == 1.0", channels: ["hook"], resolved: true },
          { name: "up", on: "daemon", when: "store_up", channels: ["hook"] },
        ],
      },
    },
  });
  t.after(() => daemon.stop());
  const key = await daemon.createKey({ name: "ci", budget: "1/1d" });
  await ask(daemon.url, { dialect: "chat", model: "echo-paid", key });
  const rule = async (name: string) => {
    const { rules } = await daemon.admin<AlertsAnswer>("GET", "/api/alerts");
    return rules.find((each) => each.name === name)!;
  };
  await until("both to be told", () => told.length === 2);
  // What was told is kept before the next round begins.
  const round = (await rule("spent")).evaluated_at_ms!;
  await until("another round", async () => (await rule("spent")).evaluated_at_ms! > round);
  const { since_ms: since } = (await rule("spent")).firing[0]!;
  await daemon.kill("SIGKILL");
  await daemon.restart();
  const first = await until("a first round", async () => (await rule("up")).evaluated_at_ms ?? undefined);
  await until("two more", async () => (await rule("up")).evaluated_at_ms! > first + 400);
  assert.deepEqual(told.map(({ type, data }) => `${type} ${data.rule}`).toSorted(), [
    "alert.firing spent",
    "alert.firing up",
  ]);
  assert.equal((await rule("spent")).firing[0]!.since_ms, since);
  await daemon.admin("PATCH", `/api/keys/ci`, {
    budgets: [{ limit_nano: 2_000_000_000, window: { kind: "forever" } }],
  });
  await until("the end", () => told.some(({ type, data }) => type === "alert.resolved" && data.rule === "spent"));
});
