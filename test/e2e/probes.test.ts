/** Probes of providers: nothing unless told, and what they tell the breakers. */
import assert from "node:assert/strict";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, test } from "node:test";
import type { ProvidersAnswer } from "../../daemon/admin/contract/daemon.ts";
import { ask } from "../support/client.ts";
import { type Daemon, startDaemon } from "../support/daemon.ts";
import { until } from "../support/until.ts";

/** One upstream that answers as it is told and counts who asks. */
type Fake = { readonly server: Server; readonly origin: string; chat: number; models: number; asked: string[] };

let listed: Fake;
let asking: Fake;
let silent: Fake;
let daemon: Daemon;
let key: string;
const completion = {
  id: "c",
  object: "chat.completion",
  created: 1,
  model: "m",
  choices: [{ index: 0, message: { role: "assistant", content: "Hi" }, finish_reason: "stop" }],
  usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
};

async function startFake(): Promise<Fake> {
  const server = createServer((request, response) => {
    const isList = request.method === "GET";
    let body = "";
    request.on("data", (chunk) => (body += String(chunk)));
    request.on("end", () => {
      fake.asked.push(`${request.method} ${request.url} ${request.headers.authorization} ${body}`);
      const status = isList ? fake.models : fake.chat;
      response.writeHead(status, { "content-type": "application/json" });
      response.end(JSON.stringify(status >= 300 ? { error: { message: "told" } } : isList ? { data: [] } : completion));
    });
  });
  const fake: Fake = { server, origin: "", chat: 200, models: 200, asked: [] };
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return Object.assign(fake, { origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
}

before(async () => {
  [listed, asking, silent] = [await startFake(), await startFake(), await startFake()];
  const to = ({ origin }: Fake, more: object) => ({
    base_url: `${origin}/v1`,
    dialect: "openai-chat",
    api_key: "env.UP",
    ...more,
  });
  daemon = await startDaemon({
    env: { UP: "secret" },
    config: {
      providers: {
        listed: to(listed, { probe: { interval: "1s", timeout: "2s" } }),
        asking: to(asking, { probe: { kind: "request", model: "m", interval: "1s" } }),
        silent: to(silent, {}),
      },
      routing: { breaker: { failures: 2, open: "1h", open_max: "1h", ramp: "10ms" } },
    },
  });
  key = await daemon.createKey({ name: "ci" });
});
after(async () => {
  await daemon?.stop();
  for (const { server } of [listed, asking, silent]) {
    server.close();
    server.closeAllConnections();
  }
});

const chat = (model: string) => ask(daemon.url, { dialect: "chat", model, key });
const health = async (name: string) => {
  const { providers } = await daemon.admin<ProvidersAnswer>("GET", "/api/providers");
  return providers.find((provider) => provider.name === name)!.health!;
};
async function opened(model: string, fake: Fake): Promise<void> {
  fake.chat = 500;
  for (let index = 0; index < 2; index++) assert.equal((await chat(model)).status, 502);
}

test("A64 probes ask nobody unless told, and a list of models costs nothing and is in no log", async () => {
  await until("the list was asked for twice", () => listed.asked.length >= 2);
  assert.equal(listed.asked[0], "GET /v1/models Bearer secret ");
  assert.deepEqual(silent.asked, []);
  assert.equal((await health("silent")).probe, undefined);
  const { probe } = await health("listed");
  assert.deepEqual(
    [probe?.kind, probe?.ok, probe?.status, probe?.error, probe?.failed],
    ["models", true, 200, null, 0],
  );
  assert.match((await daemon.cli("providers")).stdout, /listed .*good, \d/);
  assert.deepEqual(await daemon.logs(), []);
});

test("R4 a provider that answers its probe has its open target asked long before the pause ends", async () => {
  await opened("listed/m", listed);
  listed.chat = 200;
  await until("it is asked again", async () => (await chat("listed/m")).status === 200);
  // The second opening in a row is the model's own trouble: the list goes on, and says nothing of it.
  await opened("listed/m", listed);
  listed.chat = 200;
  const { sent } = (await health("listed")).probe!;
  await until("it was asked for twice more", async () => (await health("listed")).probe!.sent >= sent + 2);
  assert.equal((await chat("listed/m")).status, 503);
});

test("R4 a provider that fails its probes is left alone before a caller has found out, and is back with the first good one", async () => {
  assert.equal((await chat("listed/other")).status, 200);
  listed.models = 500;
  await until("its breaker is open", async () => {
    const { targets } = await health("listed");
    return targets.find(({ target }) => target === "listed/other")?.breaker === "open";
  });
  assert.equal((await chat("listed/other")).status, 503);
  const { probe } = await health("listed");
  assert.deepEqual([probe?.ok, probe?.status, probe?.error], [false, 500, "answers 500"]);
  assert.match((await daemon.cli("providers")).stdout, /answers 500, /);
  listed.models = 200;
  await until("it is asked again", async () => (await chat("listed/other")).status === 200);
});

test("R4 a probe that asks a model for an answer closes that model's breaker, and moves nobody's money", async () => {
  await until("it has asked", () => asking.asked.length > 0);
  assert.match(asking.asked[0]!, /^POST \/v1\/chat\/completions Bearer secret .*"max_(completion_)?tokens":16/);
  asking.chat = 500;
  let calls = 1;
  assert.equal((await chat("asking/m")).status, 502);
  // The second failure may be a caller's or the probe's own.
  await until("its breaker is open", async () => {
    calls += 1;
    return (await chat("asking/m")).status === 503;
  });
  await until("a probe has failed", async () => (await health("asking")).probe?.error === "answers 500");
  asking.chat = 200;
  await until("it is closed", async () => (await health("asking")).breaker === "closed");
  assert.equal((await chat("asking/m")).status, 200);
  assert.equal((await daemon.rows("asking/m", calls + 1)).length, calls + 1, "those of callers, and no probe's");
});

test("a reload that takes the probe away ends it, and a probe that cannot be is refused with what to do", async () => {
  const config = (probe?: object) => ({
    providers: { listed: { base_url: `${listed.origin}/v1`, dialect: "openai-chat", api_key: "env.UP", probe } },
  });
  for (const [probe, message] of [
    [{ kind: "request" }, /needs the model that is asked/],
    [{ model: "m" }, /is for kind: request, which costs/],
    [{ interval: "10ms" }, /at least 1000ms/],
    [{ path: "models" }, /expected a path such as \/models/],
  ] as const) {
    daemon.writeConfig(config(probe));
    const told = await daemon.cli("reload");
    assert.notEqual(told.code, 0);
    assert.match(told.stderr, message);
  }
  daemon.writeConfig(config());
  assert.equal((await daemon.cli("reload")).code, 0);
  assert.equal((await health("listed")).probe, undefined);
});
