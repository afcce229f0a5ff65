import assert from "node:assert/strict";
import { createServer } from "node:http";
import { test } from "node:test";
import type { AlertsAnswer } from "../../daemon/admin/contract/alerts.ts";
import { startDaemon } from "../support/daemon.ts";
import { until } from "../support/until.ts";

test("alerts list shows rules, what fires and channels; alerts test says whether a channel takes its message", async (t) => {
  const got: string[] = [];
  const sink = createServer((incoming, outgoing) => {
    incoming.on("data", (part) => got.push(String(part)));
    incoming.on("end", () => outgoing.end("ok"));
  });
  await new Promise<void>((resolve) => sink.listen(0, "127.0.0.1", resolve));
  const { port } = sink.address() as { port: number };
  t.after(() => sink.close());
  const daemon = await startDaemon({ config: configFor(`http://127.0.0.1:${port}/hook`) });
  t.after(() => daemon.stop());
  const tested = await daemon.cli("alerts", "test", "ops");
  assert.deepEqual([tested.code, /^ops took the message in \S+\.\n$/.test(tested.stderr)], [0, true], tested.stderr);
  await until("the message", () => got.length > 0);
  const lost = await daemon.cli("alerts", "test", "nowhere");
  assert.deepEqual([lost.code, /did not take it/.test(lost.stderr)], [6, true], lost.stderr);
  const { rules, channels } = await daemon.json<AlertsAnswer>("alerts", "list");
  assert.deepEqual([rules.map(({ name }) => name), channels.map(({ name }) => name)], [["errors"], ["ops", "nowhere"]]);
  const listed = await daemon.cli("alerts", "list");
  assert.match(listed.stdout, /^RULE +NOW +SEVERITY +ON +WHEN +TELLS\nerrors +\w+ [\s\S]*\nCHANNEL +KIND +TO /);
});

function configFor(url: string): object {
  return {
    alerts: {
      channels: {
        ops: { type: "webhook", url, allow_private: true },
        nowhere: { type: "webhook", url: "http://127.0.0.1:9/hook", allow_private: true },
      },
      rules: [{ name: "errors", on: "traffic", when: "errors > 5", channels: ["ops"] }],
    },
  };
}
