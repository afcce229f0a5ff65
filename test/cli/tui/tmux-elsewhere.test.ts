/** The screen in a real terminal in its other forms: of a daemon elsewhere, in words, and for who may only look. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import type { KeyListAnswer } from "../../../daemon/admin/contract/keys.ts";
import type { TokenSecretAnswer } from "../../../daemon/admin/contract/tokens.ts";
import { patientLedger, startDaemon, temporaryHome } from "../../support/daemon.ts";
import { hasTmux, openTmux } from "../../support/tmux.ts";
import { until } from "../../support/until.ts";

const skip = hasTmux ? false : "tmux is not installed";
const commandLine = `${process.execPath} ${join(import.meta.dirname, "../../../cli/main.ts")}`;

test("tui --url shows a daemon elsewhere with the token of the environment, refuses without, and --read-only asks nothing", {
  skip,
}, async (t) => {
  const daemon = await startDaemon({ config: { admin: { listen: "127.0.0.1:0" }, ledger: patientLedger } });
  await daemon.createKey({ name: "shop", budget: "5/1d" });
  const port = /admin API listening[^\n]*"port":(\d+)|"port":(\d+)[^\n]*admin API listening/.exec(daemon.stderr());
  const url = `http://127.0.0.1:${port?.[1] ?? port?.[2]}`;
  const { secret } = await daemon.admin<TokenSecretAnswer>("POST", "/api/tokens", { name: "me", role: "operator" });
  const home = temporaryHome();
  const tmux = openTmux({ width: 110, height: 30, cwd: home, env: { HOME: home } });
  t.after(async () => {
    tmux.close();
    await daemon.stop();
  });
  const run = (line: string) => {
    tmux.text(`clear; ${line}; echo "left with $?"`);
    tmux.keys("Enter");
  };
  run(`${commandLine} tui --url ${url}`);
  await tmux.seeing(/BIFROST_TOKEN is not set\nPut a token[\s\S]*left with 2/);
  run(`BIFROST_TOKEN=${secret} ${commandLine} --url ${url} tui keys --read-only`);
  const seen = await tmux.seeing(/ read-only [\s\S]*── Keys and budgets 2 [\s\S]*shop/);
  assert.ok(!seen.join("\n").includes(secret.slice(8)));
  tmux.text("d");
  await tmux.seeing(/--read-only: disable is not done here/);
  tmux.text("q");
  await tmux.seeing(/left with 0/);
  const { keys } = await daemon.admin<KeyListAnswer>("GET", "/api/keys");
  assert.ok(keys.every(({ state }) => state === "active"));
});

test("tui --screen-reader says in lines what a key does, asks in words, and never takes the screen", {
  skip,
}, async (t) => {
  const daemon = await startDaemon({ config: { ledger: patientLedger } });
  await daemon.createKey({ name: "shop", budget: "5/1d" });
  const tmux = openTmux({ width: 120, height: 40, cwd: daemon.home, env: { HOME: daemon.home } });
  t.after(async () => {
    tmux.close();
    await daemon.stop();
  });
  tmux.text(`clear; ${commandLine} tui keys --screen-reader --home ${daemon.home}; echo "left with $?"`);
  tmux.keys("Enter");
  await tmux.seeing(/in words\. \? tells the keys[\s\S]*Keys and budgets, 2 rows\.\n1 of 2: name \w+/);
  assert.equal(tmux.variable("alternate_on"), "0");
  tmux.text("/name:shop");
  tmux.keys("Enter");
  await tmux.seeing(/1 of 2 rows match name:shop\.\n1 of 1: name shop, state active/);
  tmux.text("d");
  await tmux.seeing(/Disable "shop"\?\n[^\n]*\ny for yes, n for no\./);
  tmux.text("y");
  await tmux.seeing(/"shop" is disabled/);
  const { keys } = await daemon.admin<KeyListAnswer>("GET", "/api/keys");
  assert.equal(keys.find(({ name }) => name === "shop")?.state, "disabled");
  tmux.keys("Escape");
  tmux.text("q");
  await until("the end", () => /left with 0/.test(tmux.see().join("\n")));
});
