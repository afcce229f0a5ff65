/** Config changes under load: no request notices, and a bad file changes nothing. */
import assert from "node:assert/strict";
import { renameSync, writeFileSync } from "node:fs";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, describe, test } from "node:test";
import type { ProvidersAnswer, ReloadAnswer, StatusAnswer } from "../../daemon/admin/contract/daemon.ts";
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
    assert.match(told, /config\.yaml:4:3: server\.prot\b/, "where it is");
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

  test("R9 places follow a reload while requests wait: how many may be under way, how many wait, how long", async (t) => {
    const open = new Map<string, ServerResponse>();
    const arrived: string[] = [];
    const server = createServer((request, response) => {
      request.setEncoding("utf8").on("data", (body: string) => {
        const { model } = JSON.parse(body) as { model: string };
        arrived.push(model);
        open.set(model, response);
      });
    });
    t.after(() => {
      server.close();
      server.closeAllConnections();
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
    const put = async (places: number | undefined, queue: object) => {
      const narrow = { base_url: base, dialect: "openai-chat", ...(places && { concurrency_max: places }) };
      daemon.writeConfig({ ledger: patientLedger, providers: { narrow }, routing: { queue } });
      await daemon.admin("POST", "/api/reload", {});
    };
    const patient = await daemon.createKey({ rpm: 10_000 });
    const call = (name: string, priority = 0) =>
      ask(daemon.url, {
        dialect: "chat",
        model: `narrow/${name}`,
        key: patient,
        headers: { "x-bifrost-priority": `${priority}` },
      });
    const waits = (count: number) =>
      until(`${count} wait`, async () => {
        const { providers } = await daemon.admin<ProvidersAnswer>("GET", "/api/providers");
        return providers.find(({ name }) => name === "narrow")?.health?.waiting === count;
      });
    const usage = { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 };
    const finish = (name: string) => {
      const choices = [{ index: 0, message: { role: "assistant", content: name }, finish_reason: "stop" }];
      open.get(name)!.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify({ choices, usage }));
    };

    await put(1, { max: 4, wait: "1h" });
    const calls = [call("a")];
    await until("the first is under way", () => arrived.length === 1);
    for (const [index, [name, priority]] of (
      [
        ["b", 0],
        ["c", 5],
        ["d", 1],
        ["e", 0],
      ] as const
    ).entries()) {
      calls.push(call(name, priority));
      await waits(index + 1);
    }
    assert.equal((await call("over")).status, 503, "four wait already");
    // A shorter queue lets those wait who do, and nobody else.
    await put(1, { max: 2, wait: "1h" });
    assert.equal((await call("over")).status, 503);
    await waits(4);
    // A longer one takes more; a newcomer, however urgent none of those that wait, is behind them.
    await put(1, { max: 5, wait: "1h" });
    calls.push(call("f", 2));
    await waits(5);
    // One more place: for the most urgent, without anybody having left.
    await put(2, { max: 5, wait: "1h" });
    await until("the most urgent is under way", () => arrived.length === 2);
    await waits(4);
    finish("a");
    await until("the next", () => arrived.length === 3);
    // Fewer places: nobody goes ahead before both have left.
    await put(1, { max: 5, wait: "1h" });
    finish("c");
    assert.equal((await calls[2]!).status, 200);
    await waits(3);
    assert.deepEqual(arrived, ["a", "c", "f"]);
    finish("f");
    await until("one in place of two", () => arrived.length === 4);
    assert.deepEqual(arrived, ["a", "c", "f", "d"]);
    // No patience any more: those that wait are told so at once.
    await put(1, { max: 5, wait: "1ms" });
    const [b, e] = await Promise.all([calls[1]!, calls[4]!]);
    assert.deepEqual([b.status, e.status], [503, 503]);
    assert.ok(Number(b.headers["retry-after"]) >= 1);
    // No limit any more: whoever waits goes ahead.
    await put(1, { max: 5, wait: "1h" });
    calls.push(call("g"), call("h"));
    await waits(2);
    await put(undefined, { max: 5, wait: "1h" });
    await until("both are under way", () => arrived.length === 6);
    for (const name of ["d", "g", "h"]) finish(name);
    const statuses = (await Promise.all(calls)).map(({ status }) => status);
    assert.deepEqual(statuses, [200, 503, 200, 200, 503, 200, 200, 200]);
    await waits(0);
  });
});
