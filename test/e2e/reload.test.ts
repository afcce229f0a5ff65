/** Config changes under load: no request notices, and a bad file changes nothing. */
import assert from "node:assert/strict";
import { renameSync, writeFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import type { ReloadAnswer, StatusAnswer } from "../../daemon/admin/contract/daemon.ts";
import { ask } from "../support/client.ts";
import { type Daemon, patientLedger, startDaemon } from "../support/daemon.ts";
import { outcome } from "../support/outcome.ts";
import { pause, until } from "../support/until.ts";

/** `BIFROST_LONG=1` plays the full number. */
const reloads = process.env["BIFROST_LONG"] === undefined ? 100 : 1000;

let daemon: Daemon;
let key: string;
before(async () => {
  daemon = await startDaemon({ config: config(0) });
  key = await daemon.createKey({ budget: "1000/1d" });
});
after(() => daemon?.stop());

function config(number: number): object {
  return {
    ledger: patientLedger,
    aliases: { mine: number % 2 === 0 ? "echo/echo" : "echo-paid/echo-paid", [`only-${number}`]: "echo" },
  };
}

const status = () => daemon.admin<StatusAnswer>("GET", "/api/status");

describe("reload", { concurrency: false }, () => {
  test(`R9 reload() ${reloads} times under load fails no request (A59)`, async () => {
    let going = true;
    let served = 0;
    const problems: string[] = [];
    const caller = async (index: number) => {
      const dialect = index % 2 ? "chat" : "messages";
      while (going) {
        const prompt = index % 4 < 2 ? "hello" : "#echo words=8 gap=5ms";
        const stream = index % 4 >= 2;
        const answer = await ask(daemon.url, { dialect, model: "mine", key, stream, prompt }).catch(
          (error: Error) => error,
        );
        if (answer instanceof Error) problems.push(answer.message);
        else if (answer.status !== 200 || outcome(dialect, answer).error !== undefined) problems.push(answer.text);
        else served += 1;
      }
    };
    const callers = Array.from({ length: 8 }, (_, index) => caller(index));
    for (let number = 1; number <= reloads; number += 1) {
      daemon.writeConfig(config(number));
      const answer = await daemon.admin<ReloadAnswer>("POST", "/api/reload", {});
      assert.ok(answer.generation > 0);
      const asked = await ask(daemon.url, { dialect: "chat", model: `only-${number}`, key });
      assert.equal(asked.status, 200, `generation ${number} serves when reload() has answered`);
    }
    going = false;
    await Promise.all(callers);
    assert.deepEqual(problems, []);
    assert.ok(served > reloads, `load was real: ${served}`);
    await daemon.settled();
  });

  test("R9 watch() takes a file that is renamed over the old one", async () => {
    const next = `${daemon.configPath}.tmp`;
    writeFileSync(next, JSON.stringify({ aliases: { renamed: "echo" } }));
    renameSync(next, daemon.configPath ?? "");
    await until(
      "the new alias",
      async () => (await ask(daemon.url, { dialect: "chat", model: "renamed", key })).status === 200,
    );
  });

  test("R9 watch() keeps the old config when the new one is bad, and names the line", async () => {
    const before = await status();
    daemon.writeConfig("aliases:\n  renamed: echo\nserver:\n  prot: 8080\n");
    const told = await until("the error", async () => (await status()).config.error ?? undefined);
    assert.match(told, /4/, "the line");
    assert.match(told, /port/, "the nearest name");
    await assert.rejects(daemon.admin("POST", "/api/reload", {}), /: 400 .*prot/);
    assert.equal((await ask(daemon.url, { dialect: "chat", model: "renamed", key })).status, 200);
    assert.equal((await status()).config.generation, before.config.generation);
    daemon.writeConfig("aliases:\n  healed: echo\n");
    await until(
      "the healed file",
      async () => (await ask(daemon.url, { dialect: "chat", model: "healed", key })).status === 200,
    );
    assert.equal((await status()).config.error, null);
  });

  test("R9 watch() never serves a file that is still being written", async () => {
    const whole = `aliases:\n${Array.from({ length: 200 }, (_, index) => `  a${index}: echo\n`).join("")}`;
    daemon.writeConfig("");
    for (let at = 0; at < whole.length; at += 400) {
      writeFileSync(daemon.configPath ?? "", whole.slice(0, at + 400));
      await pause(10);
      const last = await ask(daemon.url, { dialect: "chat", model: "a199", key });
      const first = await ask(daemon.url, { dialect: "chat", model: "a0", key });
      if (first.status === 200) assert.equal(last.status, 200, "a part of the file was served");
    }
    await until(
      "the whole file",
      async () => (await ask(daemon.url, { dialect: "chat", model: "a199", key })).status === 200,
    );
  });
});
