/** A request's money from hold to settle, as a person is told of it: in flight, and when it has ended. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { ExplainAnswer, LogAnswer, LogsAnswer, OpenRequestsAnswer } from "../../daemon/admin/contract/logs.ts";
import { ask, open } from "../support/client.ts";
import { runCommand, startDaemon } from "../support/daemon.ts";
import { until } from "../support/until.ts";

const secret = "sk-proj-abcdefghijklmnop1234";

test("open() tells what is in flight and what it holds, and the row what was given back", async (t) => {
  const daemon = await startDaemon({
    config: { prices: { "echo-paid/*": { input: 10, output: 50 } }, record: { content: "full" } },
  });
  t.after(() => daemon.stop());
  const key = await daemon.createKey({ name: "ci", budget: "100/1d" });
  const inFlight = () => daemon.admin<OpenRequestsAnswer>("GET", "/api/logs/open");
  assert.deepEqual(await inFlight(), { requests: [], total: 0, held_nano: 0 });
  const stream = await open(daemon.url, {
    ...{ dialect: "chat", model: "echo-paid", key, stream: true, maxTokens: 1_000 },
    prompt: "#echo words=400 gap=40ms",
  });
  await stream.until("bridge");
  const {
    requests,
    total,
    held_nano: heldNano,
  } = await until("its hold on disk", async () => {
    const answer = await inFlight();
    return answer.requests[0]?.target != null && answer;
  });
  const [one] = requests;
  assert.deepEqual([total, one?.key_name, one?.target], [1, "ci", "echo-paid/echo-paid"]);
  // 1,000 tokens of output at $50 a million, and some input.
  assert.ok(heldNano > 50_000_000 && heldNano === one?.held_nano, String(heldNano));
  const command = (...args: string[]) => runCommand([...args, "--home", daemon.home]);
  assert.match((await command("logs", "--open")).stdout, new RegExp(`${one?.id} .*ci .*echo-paid.*\\$0\\.05`));
  assert.equal((await command("logs", "--open", "gpt")).code, 2);
  stream.abort();
  const [row] = await daemon.rows("echo-paid");
  assert.deepEqual([row?.id, row?.held_nano], [one?.id, heldNano]);
  assert.ok(row!.cost_nano! > 0 && row!.cost_nano! < heldNano);
  await until("nothing to be held", async () => (await inFlight()).total === 0);
});

test("explain --content shows what was held, and headers without their secrets", async (t) => {
  const daemon = await startDaemon({ config: { record: { redact: ["secrets"] } } });
  t.after(() => daemon.stop());
  const command = (...args: string[]) => runCommand([...args, "--home", daemon.home]);
  const made = await command("keys", "create", "--name", "ci", "--budget", "100/1d", "--content", "full");
  const key = made.stdout.trim();
  const headers = { "x-note": `mine ${secret}`, "x-my-api-key": "hunter2-hunter2", cookie: "session=hunter3" };
  const { headers: told } = await ask(daemon.url, { dialect: "chat", model: "echo-paid", key, headers, maxTokens: 50 });
  const id = String(told["x-request-id"]);
  const { content } = await until("the row", () =>
    daemon.admin<LogAnswer>("GET", `/api/logs/${id}`).then(
      (answer) => answer.content !== null && answer,
      () => undefined,
    ),
  );
  const kept = content!.headers!.request;
  assert.deepEqual(
    [kept["x-my-api-key"], kept["cookie"], kept["authorization"], kept["x-note"], kept["content-type"]],
    ["[masked]", "[masked]", "[masked]", "mine [secret]", "application/json"],
  );
  const { attempts, request } = await daemon.admin<ExplainAnswer>("GET", `/api/logs/${id}/explain`);
  assert.ok(request.held_nano! > request.cost_nano!);
  assert.deepEqual(
    attempts.map(({ held_nano }) => held_nano),
    [request.held_nano],
  );
  const { stdout } = await command("explain", id, "--content");
  assert.match(stdout, /held +\$\S+, \$\S+ given back/);
  assert.match(stdout, /REQUEST HEADERS[\s\S]*x-note +mine \[secret\][\s\S]*\nANSWER\n/);
  for (const word of ["hunter", secret, key]) assert.ok(!stdout.includes(word), word);
  const plain = await daemon.admin<LogsAnswer>("GET", "/api/logs");
  assert.equal(plain.rows[0]?.held_nano, request.held_nano);
  const csv = await command("logs", "--export", "csv", "--key", "ci");
  assert.match(
    csv.stdout,
    new RegExp(`^id,at,key,[^\\n]*,held_nano,[^\\n]*\\n${id},[^\\n]*,${request.held_nano},stop,[^\\n]*\\n$`),
  );
  assert.deepEqual([(await command("logs", "--export", "jsonl", "--status", "5xx")).stdout, csv.stderr], ["", ""]);
  assert.match((await command("logs", "--export", "csv", "--follow")).stderr, /--export does not follow/);
  assert.match((await command("logs", "--sort", "cost", "gpt")).stderr, /Such as: bifrost logs --sort cost/);
  assert.match((await command("keys", "show", "ci")).stdout, /content kept +full/);
  const usual = await command("keys", "update", "ci", "--no-content", "--json");
  assert.equal(JSON.parse(usual.stdout).content, null);
  assert.match(
    (await command("keys", "update", "ci", "--content", "all")).stderr,
    /Allowed choices are off, metadata, full/,
  );
});
