/** A body of megabytes that must be translated: the others must not notice, and the provider gets what was said. */
import assert from "node:assert/strict";
import http from "node:http";
import { after, before, test } from "node:test";
import { ask, beginRaw, bodyFor, headersFor, paths, send } from "../support/client.ts";
import { type Daemon, patientLedger, startDaemon } from "../support/daemon.ts";
import { type FaultUpstream, startFaultUpstream } from "../support/fault-upstream.ts";

const stallMsMax = 20;
/** The machine is shared with other tests: the best of some rounds tells what the daemon itself does. */
const rounds = 16;
const smallCalls = 50;

const line = 'A prompt as people write them, with "quotes", Umläute and lines of some length.\n';
const prompt = line.repeat(Math.ceil(6_000_000 / line.length));
let upstream: FaultUpstream;
let daemon: Daemon;
let key: string;
before(async () => {
  upstream = await startFaultUpstream();
  const provider = (dialect: string) => ({ base_url: `${upstream.origin}/v1`, dialect, api_key: "env.UPSTREAM_KEY" });
  daemon = await startDaemon({
    env: { UPSTREAM_KEY: "x" },
    config: { ledger: patientLedger, providers: { claude: provider("anthropic"), chat: provider("openai-chat") } },
  });
  key = await daemon.createKey();
});
after(async () => {
  await daemon?.stop();
  await upstream?.stop();
});

function large(model: string, stream = false) {
  const body = Buffer.from(JSON.stringify(bodyFor({ dialect: "chat", model, prompt, stream, maxTokens: 20 })));
  return { method: "POST", path: paths.chat, headers: headersFor({ dialect: "chat", key }), body };
}

/** The slowest of the small calls of a round, beyond the quickest. */
async function slowest(agent: http.Agent): Promise<number> {
  const times: number[] = [];
  for (let call = 0; call < smallCalls; call += 1) {
    times.push((await ask(daemon.url, { dialect: "chat", model: "echo", key, agent })).totalMs);
  }
  return Math.max(...times) - Math.min(...times);
}

test(`A60 translateLarge() of 6 MB stalls others at most ${stallMsMax} ms`, async () => {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  const raw = large("claude/ok");
  for (let call = 0; call < 4; call += 1) await slowest(agent);
  const alone: number[] = [];
  const beside: number[] = [];
  const added = () => Math.min(...beside) - Math.min(...alone);
  for (let round = 0; round < rounds && !(added() <= stallMsMax); round += 1) {
    alone.push(await slowest(agent));
    const translated = send(daemon.url, raw).then((opened) => opened.answer());
    let going = true;
    const ended = translated.finally(() => {
      going = false;
    });
    let worst = 0;
    while (going) worst = Math.max(worst, await slowest(agent));
    beside.push(worst);
    assert.equal((await ended).status, 200);
  }
  agent.destroy();
  const told = (list: number[]) => list.map((ms) => ms.toFixed(1)).join(", ");
  assert.ok(added() <= stallMsMax, `alone ${told(alone)}, beside ${told(beside)} ms`);
});

for (const stream of [false, true]) {
  test(`translateLarge() says to the provider what was asked, stream ${stream}`, async () => {
    const seen = (await upstream.calls()).length;
    const answer = await (await send(daemon.url, large("claude/ok", stream))).answer();
    assert.equal(answer.status, 200);
    assert.match(answer.text, stream ? /data: \[DONE\]/ : /"chat\.completion"/);
    const call = (await upstream.calls())[seen]!;
    const body = JSON.parse((await upstream.body(call.index)).toString("utf8")) as Record<string, unknown>;
    const { messages, ...rest } = body;
    // Not `equal`: a difference in six megabytes is nothing to print.
    assert.ok(JSON.stringify(messages) === JSON.stringify([{ role: "user", content: prompt }]));
    assert.deepEqual(rest, { model: "ok", max_tokens: 20, ...(stream ? { stream } : {}) });
  });
}

test("translateLarge() is given up when the client leaves: nothing is sent, nothing stays held", async () => {
  const before = (await upstream.calls("leaves")).length;
  const paid = await daemon.createKey({ budget: "1000/1d" });
  const raw = { ...large("claude/leaves"), headers: headersFor({ dialect: "chat", key: paid }) };
  // The first keeps the helper busy while the others leave.
  const first = send(daemon.url, large("claude/ok")).then((opened) => opened.answer());
  const leaving = Array.from({ length: 3 }, () => beginRaw(daemon.url, raw));
  await ask(daemon.url, { dialect: "chat", model: "echo", key });
  for (const begun of leaving) begun.abort();
  assert.equal((await first).status, 200);
  await daemon.settled();
  assert.equal((await upstream.calls("leaves")).length, before);
});

test("a whole answer of 6 MB is translated, and its usage told", async () => {
  const content = [{ type: "text", text: prompt }];
  const usage = { input_tokens: 7, output_tokens: 11 };
  const data = JSON.stringify({
    id: "msg_9",
    type: "message",
    role: "assistant",
    model: "m",
    content,
    stop_reason: "end_turn",
    stop_sequence: null,
    usage,
  });
  await upstream.script("large", {
    status: 200,
    headers: { "content-type": "application/json", "content-length": String(Buffer.byteLength(data)) },
    chunks: [{ data }],
  });
  const answer = await ask(daemon.url, { dialect: "chat", model: "claude/script-large", key });
  const body = JSON.parse(answer.text) as {
    choices: [{ message: { content: string }; finish_reason: string }];
    usage: Record<string, number>;
  };
  assert.ok(body.choices[0].message.content === prompt);
  assert.deepEqual(
    [body.choices[0].finish_reason, body.usage["prompt_tokens"], body.usage["completion_tokens"]],
    ["stop", 7, 11],
  );
});
