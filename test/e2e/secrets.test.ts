/** A canary of every kind is sent through a daemon that logs all it can; then everything it wrote is searched. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { ask, type ClientDialect, open } from "../support/client.ts";
import { startDaemon, temporaryHome } from "../support/daemon.ts";
import { startFaultUpstream } from "../support/fault-upstream.ts";

test("A41 no key material in logs, errors, files or answers", async () => {
  const upstream = await startFaultUpstream();
  const home = temporaryHome();
  const provider = (dialect: string, origin = upstream.origin) => ({
    base_url: `${origin}/v1`,
    dialect,
    api_key: "env.UPSTREAM_KEY",
  });
  const canary = "upstream-canary-7f3a9c";
  const daemon = await startDaemon({
    home,
    env: { UPSTREAM_KEY: canary },
    config: {
      log: { level: "debug" },
      providers: {
        "openai-chat": provider("openai-chat"),
        anthropic: provider("anthropic"),
        dead: provider("openai-chat", upstream.closedOrigin),
      },
    },
  });
  const key = await daemon.createKey({ name: "canary" });
  const content = "prompt-canary-51d2e8";
  const wrongKey = "sk-bf-wrong-canary-0b77";
  const answers: string[] = [];
  const dialects: readonly ClientDialect[] = ["chat", "messages"];
  const models = ["ok", "f4-401", "f4-500-html", "f3-reset", "f7-close", "f9-malformed-body", "f5-error-body"];
  for (const dialect of dialects) {
    for (const stream of [true, false]) {
      for (const wire of ["openai-chat", "anthropic", "dead"]) {
        for (const model of models) {
          const question = { dialect, model: `${wire}/${model}`, key, stream, prompt: content };
          const answer = await ask(daemon.url, question);
          answers.push(answer.text, JSON.stringify(answer.headers));
        }
      }
    }
    for (const presented of [wrongKey, `${key}x`]) {
      const answer = await ask(daemon.url, { dialect, model: "echo", key: presented, prompt: content });
      assert.equal(answer.status, 401);
      answers.push(answer.text, JSON.stringify(answer.headers));
    }
    const broken = await ask(daemon.url, { dialect, model: "echo", key, body: { messages: content } });
    answers.push(broken.text);
    const left = await open(daemon.url, { dialect, model: "openai-chat/f13-drip", key, stream: true, prompt: content });
    left.abort();
  }
  const explained = await daemon.cli("logs", "--json", "--limit", "1000");
  answers.push(explained.stdout, explained.stderr);
  const calls = await upstream.calls();
  assert.ok(
    calls.some((call) => call.headers.some(([, value]) => value.includes(canary))),
    "the canary was used",
  );
  const calledWith = JSON.stringify(calls.map((call) => call.headers));
  assert.ok(!calledWith.includes(key), "our key never reaches an upstream");
  await daemon.stop();

  const printed = { stdout: daemon.stdout(), stderr: daemon.stderr() };
  const files = filesIn(home).map((path) => [path, readFileSync(path)] as const);
  assert.ok(files.some(([path]) => path.endsWith("state.db")) && files.some(([path]) => path.endsWith("traffic.db")));
  for (const secret of [canary, key, key.slice("sk-bf-".length + 6), wrongKey]) {
    for (const [name, text] of Object.entries(printed)) assert.ok(!text.includes(secret), `${secret} on ${name}`);
    for (const [path, bytes] of files) assert.ok(!bytes.includes(secret), `${secret} in ${path}`);
    for (const text of answers) assert.ok(!text.includes(secret), `${secret} in ${text}`);
  }
  for (const [path, bytes] of files) assert.ok(!bytes.includes(content), `the prompt in ${path}`);
  assert.ok(!printed.stderr.includes(content), "the prompt in the log");
  for (const [path] of files) {
    if (/\.db/.test(path)) assert.equal(statSync(path).mode & 0o777, 0o600, `mode of ${path}`);
  }
  rmSync(home, { recursive: true });
  await upstream.stop();
});

test("A41 attributed() keeps our credential to itself when an upstream quotes it in its refusal", async (t) => {
  const canary = "upstream-canary-quoted-91c4";
  const upstream = createServer((request, response) => {
    request.resume();
    const quoted = `no such key: ${request.headers.authorization ?? request.headers["x-api-key"]}`;
    response.writeHead(401, { "content-type": "application/json" });
    response.end(JSON.stringify({ error: { type: "authentication_error", message: quoted } }));
  });
  await once(upstream.listen(0, "127.0.0.1"), "listening");
  t.after(() => upstream.close().closeAllConnections());
  const base = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}/v1`;
  const provider = (dialect: string) => ({ base_url: base, dialect, api_key: "env.UPSTREAM_KEY" });
  const daemon = await startDaemon({
    env: { UPSTREAM_KEY: canary },
    config: { providers: { "openai-chat": provider("openai-chat"), anthropic: provider("anthropic") } },
  });
  t.after(() => daemon.stop());
  const key = await daemon.createKey({ name: "canary" });
  for (const dialect of ["chat", "messages"] as const) {
    for (const wire of ["openai-chat", "anthropic"]) {
      for (const stream of [true, false]) {
        const { text, status } = await ask(daemon.url, { dialect, model: `${wire}/m`, key, stream, prompt: "x" });
        assert.equal(status, 502);
        assert.ok(!text.includes(canary), text);
        assert.match(text, /refused the gateway's own credential \(401\)/);
        assert.ok(!text.includes("no such key"), text);
      }
    }
  }
});

function filesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}
