import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type { KeyListAnswer } from "../../../daemon/admin/contract/keys.ts";
import { type Daemon, patientLedger, startDaemon } from "../../support/daemon.ts";
import { hasTmux, openTmux, type Tmux } from "../../support/tmux.ts";
import { until } from "../../support/until.ts";

const skip = hasTmux ? false : "tmux is not installed";
const commandLine = join(import.meta.dirname, "../../../cli/main.ts");

async function start(
  t: TestContext,
  tui = "",
): Promise<{
  daemon: Daemon;
  tmux: Tmux;
  ask: (prompt: string) => Promise<Response>;
  run: (options: string, node?: string) => void;
}> {
  const daemon = await startDaemon({ config: { ledger: patientLedger } });
  const tmux = openTmux({
    width: 110,
    height: 32,
    cwd: daemon.home,
    env: { BIFROST_HOME: daemon.home, HOME: daemon.home },
  });
  t.after(async () => {
    tmux.close();
    await daemon.stop();
  });
  const secret = await daemon.createKey({ name: "shop", budget: "5/1d" });
  const ask = (prompt: string) =>
    fetch(`${daemon.url}/v1/chat/completions`, {
      method: "POST",
      headers: { authorization: `Bearer ${secret}`, "content-type": "application/json" },
      body: JSON.stringify({ model: "echo-paid/echo-paid", messages: [{ role: "user", content: prompt }] }),
    });
  const run = (options: string, node = "") => {
    tmux.text(
      `clear; echo what stood here before; ${process.execPath} ${node} ${commandLine} tui ${options}; echo "left with $?"`,
    );
    tmux.keys("Enter");
  };
  run(tui);
  return { daemon, tmux, ask, run };
}

/** What a program may have left switched on. */
function terminalState(tmux: Tmux): readonly string[] {
  return ["alternate_on", "mouse_any_flag", "cursor_flag", "wrap_flag"].map((name) => `${name}=${tmux.variable(name)}`);
}
const clean = ["alternate_on=0", "mouse_any_flag=0", "cursor_flag=1", "wrap_flag=1"];

test("tui in tmux: looks, filters, opens, makes a key, copies, is resized, sees a daemon restart, and leaves no trace", {
  skip,
}, async (t) => {
  const { daemon, tmux, ask } = await start(t);
  await tmux.seeing(/No requests yet/);
  assert.deepEqual(terminalState(tmux), ["alternate_on=1", "mouse_any_flag=1", "cursor_flag=0", "wrap_flag=0"]);

  await Promise.all([ask("hello"), ask("#echo fail=503"), ask("#echo words=40")]);
  await tmux.seeing(/Traffic 3 /);
  tmux.text("/status:5xx");
  await tmux.seeing(/Traffic 1 of \d {2}\/status:5xx/);
  tmux.keys("Enter", "Enter");
  const detail = await tmux.seeing(/traffic › request req_\w+[\s\S]*✗ 1 echo-paid\/echo-paid/);
  assert.match(detail.join("\n"), /503 {2}upstream_overloaded/);
  tmux.keys("y");
  const id = /request (req_\w+)/.exec(detail.join("\n"))![1]!;
  await tmux.seeing(new RegExp(`Copied ${id}`));
  assert.equal(await until("the clipboard", () => tmux.clipboard()), id);

  tmux.keys("Escape");
  await tmux.seeing(/Traffic 1 of/);
  tmux.keys("Escape");
  await tmux.seeing(/Traffic 3 /);
  tmux.text(":ke");
  tmux.keys("Tab", "Enter");
  await tmux.seeing(/── Keys and budgets 2 ─/);
  tmux.text("n");
  await tmux.seeing(/Name of the new key/);
  tmux.text("from-the-screen");
  tmux.keys("Enter");
  await tmux.seeing(/Budget of from-the-screen/);
  tmux.keys("Enter");
  const shown = await tmux.seeing(/shown this once[\s\S]*sk-bf-\w+/);
  tmux.keys("Enter");
  await tmux.seeing(/^(?![\s\S]*shown this once)[\s\S]*Keys and budgets 3/);
  const { keys } = await daemon.admin<KeyListAnswer>("GET", "/api/keys");
  assert.ok(keys.some(({ name }) => name === "from-the-screen"));
  const secret = /sk-bf-\w+/.exec(shown.join("\n"))![0];
  assert.doesNotMatch(tmux.see().join("\n"), new RegExp(secret));

  tmux.resize(80, 24);
  const small = await tmux.seeing(/q quit/);
  await tmux.seeing(/^ bifrost {2}keys .*● serving/);
  assert.ok(small.length <= 24 && small.every((line) => line.length <= 80));
  tmux.resize(200, 50);
  await until("all of the screen", () => tmux.see()[49]?.includes("q quit"));

  await daemon.kill("SIGTERM");
  await tmux.seeing(/no daemon .*trying again/);
  await tmux.seeing(/from-the-screen/);
  await daemon.restart();
  await tmux.seeing(/The daemon answers again|● serving/);
  tmux.keys("q");
  const after = await tmux.seeing(/left with 0/);
  assert.match(after.join("\n"), /what stood here before\nleft with 0/);
  assert.deepEqual(terminalState(tmux), clean);
});

test("tui puts the terminal back however it is ended: by a signal, by a fault of its own, by ctrl-c; and sends no colour when told", {
  skip,
}, async (t) => {
  const { daemon, tmux, run } = await start(t, "--read-only");
  for (const [signal, code] of [
    ["SIGTERM", 143],
    ["SIGQUIT", 131],
    ["SIGHUP", 129],
    ["SIGINT", 130],
  ] as const) {
    await tmux.seeing(/No requests yet/);
    process.kill(pidOf(daemon.home), signal);
    await tmux.seeing(new RegExp(`what stood here before\nleft with ${code}`));
    assert.deepEqual(terminalState(tmux), clean, signal);
    run("--read-only");
  }
  await tmux.seeing(/No requests yet/);
  tmux.keys("C-c");
  await tmux.seeing(/before\nleft with 0/);

  const planted = "process.once('SIGUSR2',()=>{throw/**/new/**/Error('planted')})";
  run("keys --color none", `--import "data:text/javascript,${planted}"`);
  await tmux.seeing(/Keys and budgets 2/);
  assert.doesNotMatch(tmux.seeStyled().join("\n"), /\[[0-9;]*(3[0-8]|4[0-8]|9[0-7])(;|m)/);
  process.kill(pidOf(daemon.home), "SIGUSR2");
  await tmux.seeing(/before\nerror: planted\nleft with 1/);
  assert.deepEqual(terminalState(tmux), clean);
});

test("tui gives the terminal back while it is stopped, by ctrl-z or by a signal, and takes it again at fg", {
  skip,
}, async (t) => {
  const { daemon, tmux } = await start(t, "keys");
  await tmux.seeing(/Keys and budgets 2/);
  const pid = pidOf(daemon.home);
  for (const stop of [() => tmux.keys("C-z"), () => process.kill(pid, "SIGTSTP")]) {
    stop();
    await tmux.seeing(/Stopped/);
    assert.deepEqual(terminalState(tmux), clean);
    tmux.text("clear; fg");
    tmux.keys("Enter");
    await tmux.seeing(/Keys and budgets 2/);
  }
  // Nobody is asked about this one, so the screen stays as it is; keys are heard again afterwards all the same.
  process.kill(pid, "SIGSTOP");
  await until("the shell", () => tmux.variable("pane_current_command") !== "node");
  tmux.text("fg");
  tmux.keys("C-j"); // this shell leaves the terminal raw, where enter is no end of a line
  await until("the screen", () => tmux.variable("pane_current_command") === "node");
  tmux.text("/from");
  await tmux.seeing(/Keys and budgets 0 of 2 {2}\/from/);
  tmux.keys("Escape");
  tmux.text("q");
  await until("the end", () => terminalState(tmux).join() === clean.join());
});

/** The process whose command line has `tui` and whose home is this one. */
function pidOf(home: string): number {
  for (const entry of readdirSync("/proc")) {
    if (!/^\d+$/.test(entry)) continue;
    try {
      const command = readFileSync(`/proc/${entry}/cmdline`, "utf8").split("\0");
      const environment = readFileSync(`/proc/${entry}/environ`, "utf8");
      if (command.includes(commandLine) && command.includes("tui") && environment.includes(`BIFROST_HOME=${home}\0`))
        return Number(entry);
    } catch {
      // ended meanwhile, or somebody else's
    }
  }
  throw new Error("no screen runs");
}
