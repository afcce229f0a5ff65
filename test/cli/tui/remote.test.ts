import assert from "node:assert/strict";
import { test } from "node:test";
import { type Client, openRemote } from "../../../cli/client.ts";
import { CliFailure, exitCodes } from "../../../cli/failure.ts";
import { createSource } from "../../../cli/tui/source.ts";
import type { TokenSecretAnswer } from "../../../daemon/admin/contract/tokens.ts";
import { ask } from "../../support/client.ts";
import { startDaemon } from "../../support/daemon.ts";
import { until } from "../../support/until.ts";
import { openTui } from "./tui-lab.ts";

test("tui shows a daemon elsewhere by its address and a token, says what the token may not do or no longer, and waits while it is away", async (t) => {
  const daemon = await startDaemon({ config: { admin: { listen: "127.0.0.1:0" } } });
  t.after(() => daemon.stop());
  const key = await daemon.createKey({ name: "shop" });
  const port = /"port":(\d+)/.exec(
    daemon
      .stderr()
      .split("\n")
      .find((line) => line.includes("admin API listening")) ?? "",
  )?.[1];
  const makeToken = (name: string) => daemon.admin<TokenSecretAnswer>("POST", "/api/tokens", { name, role: "viewer" });
  const { secret } = await makeToken("viewer");
  const leaving = await makeToken("leaving");
  const lab = await openTui({
    source: createSource(async () => openRemote({ url: `http://127.0.0.1:${port}`, token: secret })),
    view: "keys",
  });
  t.after(() => lab.close());
  await lab.seeing(/shop/);
  await lab.seeing(/● serving|▲ \d warning/);
  lab.type("d");
  await lab.seeing(/Disable/);
  lab.type("y");
  await lab.seeing(/permission keys:write/);
  const other = await openTui({
    source: createSource(async () => openRemote({ url: `http://127.0.0.1:${port}`, token: leaving.secret })),
  });
  t.after(() => other.close());
  await other.seeing(/No requests yet/);
  await daemon.admin("DELETE", `/api/tokens/${leaving.token.id}`);
  await other.seeing(/ refused {2}this admin token has been revoked/);
  await other.seeing(/Make one there with: bifrost tokens create; then put it into \$BIFROST_TOKEN/);
  await until("the end of the feed that was open, when there is something to tell", async () => {
    await ask(daemon.url, { dialect: "chat", model: "echo", key });
    return /── Traffic .* this admin token has been revoked ──/.test(other.see().join("\n"));
  });
  await daemon.kill("SIGTERM");
  assert.match((await lab.seeing(/no daemon/)).join("\n"), /shop/);
});

test("createSource() looks for the daemon anew after one was lost, and not after an answer that refuses", async () => {
  const answers: (string | CliFailure)[] = [
    "first",
    new CliFailure("no such key", exitCodes.notFound),
    new CliFailure("gone", exitCodes.notRunning),
    "second",
  ];
  let opened = 0;
  const source = createSource(async () => {
    opened += 1;
    const call = async () => {
      const next = answers.shift();
      if (next instanceof CliFailure) throw next;
      return next;
    };
    return { daemon: undefined, call, async *lines() {}, close: async () => undefined } as unknown as Client;
  });
  const seen: unknown[] = [];
  for (let turn = 0; turn < 4; turn += 1) {
    seen.push(await source.get("/api/status").catch((error: Error) => error.message), opened, source.lost);
  }
  assert.deepEqual(seen, ["first", 1, false, "no such key", 1, false, "gone", 1, true, "second", 2, false]);
});
