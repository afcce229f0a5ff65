/** The live feed of a real daemon, over both of its wires. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { Agent, request } from "node:http";
import { connect } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import type { AdminAddress } from "../../daemon/admin/contract/calling.ts";
import type { RankingsAnswer, StatsAnswer } from "../../daemon/admin/contract/log-statistics.ts";
import { ask, send } from "../support/client.ts";
import { startDaemon } from "../support/daemon.ts";
import { readExposition } from "../support/exposition.ts";
import { listen } from "../support/live-feed.ts";
import { scrape } from "../support/scrape.ts";
import { until } from "../support/until.ts";

const word = "canary-prompt-3e80";

async function exported(home: string, format: string): Promise<string> {
  const { socket } = JSON.parse(readFileSync(join(home, "admin.json"), "utf8")) as AdminAddress;
  const path = `/api/logs/export?format=${format}`;
  const opened = await send("http://127.0.0.1:1", {
    method: "GET",
    path,
    socketPath: socket,
    headers: { host: "localhost" },
  });
  return (await opened.answer()).text;
}

test("A41 listen() tells each listener the rows that pass its filter, as requests end, until the daemon does", async (t) => {
  const daemon = await startDaemon();
  t.after(() => daemon.stop());
  const key = await daemon.createKey({ name: "ci" });
  const other = await daemon.createKey({ name: "other" });
  const all = await listen(daemon.home);
  const failures = await listen(daemon.home, "?status=4xx&status=5xx&key=ci", "socket");
  const tagged = await listen(daemon.home, "?tag=env%3Dprod&stream=true&stop=stop&stop=length&provider=echo");
  assert.equal(all.messages[0]?.type ?? "hello", "hello");
  const chat = (model: string, secret: string, stream: boolean, headers = {}) =>
    ask(daemon.url, { dialect: "chat", model, key: secret, stream, headers, prompt: word });
  await chat("echo", key, false);
  await chat("echo", key, true, { "x-bf-dim-env": "prod", "x-bifrost-session": "s1", "x-bifrost-user": "ada" });
  await chat("nowhere/none", key, false);
  await chat("nowhere/none", other, false);
  await until("four rows", () => all.rows().length === 4);
  await until("the refused row", () => failures.rows().length === 1);
  await until("the tagged row", () => tagged.rows().length === 1);
  const [row] = tagged.rows();
  assert.deepEqual(
    [row?.session, row?.user, row?.tags, row?.stream, row?.key_name, row?.status],
    ["s1", "ada", { env: "prod" }, true, "ci", 200],
  );
  assert.deepEqual(
    failures.rows().map(({ status, error, key_name }) => [status, error, key_name]),
    [[404, "model_not_found", "ci"]],
  );
  // What the feed tells is what the log keeps.
  const [kept] = await daemon.rows("echo", 2);
  assert.deepEqual(
    all.rows().find(({ id }) => id === kept?.id),
    kept,
  );
  // Neither it nor an export has a word of a prompt, an answer, or a key.
  const exports = await Promise.all(["jsonl", "csv"].map((format) => exported(daemon.home, format)));
  for (const text of [JSON.stringify(all.messages), ...exports]) {
    assert.ok(text.includes(kept!.id));
    for (const secret of [word, key.slice(6), other.slice(6)]) assert.ok(!text.includes(secret), secret);
  }
  await assert.rejects(listen(daemon.home, "?text=x"), /400/);
  await daemon.kill("SIGTERM");
  for (const listener of [all, failures, tagged]) {
    await until("the end", () => listener.ended());
    assert.equal(listener.messages.at(-1)?.type, "bye");
  }
});

test("listen() keeps to its rate and says how many rows it left out", async (t) => {
  const daemon = await startDaemon({ config: { auth: { inference: "open" } } });
  t.after(() => daemon.stop());
  const feed = await listen(daemon.home, "?rate=3");
  await until("hello", () => feed.messages.length > 0);
  for (let index = 0; index < 5; index++) {
    await Promise.all(Array.from({ length: 20 }, () => ask(daemon.url, { dialect: "chat", model: "echo" })));
  }
  const beats = await until("a beat that counts them all", () => {
    const told = feed.messages.flatMap((message) => (message.type === "beat" ? [message] : []));
    return told.reduce((sum, { ended }) => sum + ended, 0) === 100 && told;
  });
  const dropped = beats.reduce((sum, beat) => sum + beat.dropped, 0);
  assert.ok(dropped > 50, `${dropped} dropped`);
  assert.ok(feed.rows().length < 50, `${feed.rows().length} told`);
  feed.close();
  const counts = () => daemon.admin<{ feed: number }>("GET", "/api/logs/dropped");
  assert.equal((await counts()).feed, dropped);
});

test("A57 a listener that takes nothing, over either wire, is dropped from and counted, and holds up nobody", async (t) => {
  const daemon = await startDaemon({ config: { auth: { inference: "open" } } });
  t.after(() => daemon.stop());
  const { socket: path } = JSON.parse(readFileSync(join(daemon.home, "admin.json"), "utf8")) as AdminAddress;
  const upgrade =
    "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n";
  const stuck = ["", upgrade].map((more) => {
    const socket = connect(path).pause();
    socket.on("error", () => undefined).write(`GET /api/feed?rate=1000 HTTP/1.1\r\nhost: localhost\r\n${more}\r\n`);
    t.after(() => socket.destroy());
    return socket;
  });
  const quick = await listen(daemon.home, "?rate=1000");
  const feedOf = async () => readExposition((await scrape(daemon)).text);
  await until("three listeners", async () => (await feedOf()).sum("bifrost_feed_listeners") === 3);
  const agent = new Agent({ keepAlive: true, maxSockets: 16 });
  t.after(() => agent.destroy());
  const body = JSON.stringify({ model: "echo", messages: [{ role: "user", content: "x" }], user: "u".repeat(200) });
  const headers = { "content-type": "application/json", "content-length": String(body.length) };
  const post = () =>
    new Promise<void>((resolve, reject) => {
      const call = request(`${daemon.url}/v1/chat/completions`, { agent, method: "POST", headers }, (answer) =>
        answer.resume().once("end", resolve),
      );
      call.once("error", reject).end(body);
    });
  let asked = 0;
  const dropped = async () => (await daemon.admin<{ feed: number }>("GET", "/api/logs/dropped")).feed;
  // What neither the kernel nor a thousand places take is dropped, and counted while the two are still stuck.
  while ((await dropped()) < 400 && asked < 6_000) {
    await Promise.all(Array.from({ length: 90 }, post));
    asked += 90;
    await until("the third to hear of all", () => quick.rows().length === asked);
  }
  assert.ok(asked > 1_000 && (await dropped()) >= 400, `${asked} asked`);
  // Who takes up again hears how many it has missed.
  let heard = "";
  stuck[0]!
    .setEncoding("utf8")
    .resume()
    .on("data", (part: string) => {
      heard += part;
    });
  await until("the dropped rows to be told", () => /"type":"beat"[^\n]*"dropped":[1-9]/.test(heard), 15_000);
  stuck[0]!.destroy();
  quick.close();
  await until("one to listen", async () => (await feedOf()).sum("bifrost_feed_listeners") === 1);
  // The other one stays stuck: it does not keep the daemon from its end.
  assert.equal((await daemon.kill("SIGTERM")).code, 0);
});

test("owners of a key are in its rows, its sums and the feed, by id and by name", async (t) => {
  const daemon = await startDaemon();
  t.after(() => daemon.stop());
  const customer = await daemon.admin<{ owner: { id: string } }>("POST", "/api/governance/customers", { name: "Acme" });
  const team = await daemon.admin<{ owner: { id: string } }>("POST", "/api/governance/teams", {
    name: "Core",
    customer: "Acme",
  });
  const { secret } = await daemon.admin<{ secret: string }>("POST", "/api/keys", { name: "owned", team: "Core" });
  const feed = await listen(daemon.home, "?team=Core");
  await until("hello", () => feed.messages.length > 0);
  await ask(daemon.url, { dialect: "chat", model: "echo-paid", key: secret });
  await until("the row", () => feed.rows().length === 1);
  const [told, [kept]] = [feed.rows()[0]!, await daemon.rows("echo-paid")];
  assert.deepEqual(told, kept);
  assert.deepEqual([kept?.team, kept?.customer], [team.owner.id, customer.owner.id]);
  const { rankings } = await daemon.admin<RankingsAnswer>("GET", "/api/logs/rankings?by=customer");
  assert.deepEqual(
    rankings.map(({ value, name, sums }) => [value, name, sums.requests]),
    [[customer.owner.id, "Acme", 1]],
  );
  const { sums } = await daemon.admin<StatsAnswer>("GET", "/api/logs/stats?team=Core");
  assert.equal(sums.requests, 1);
});
