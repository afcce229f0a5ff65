/** Databases that lock or break, bodies that are too large, health that tells the truth. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import net from "node:net";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import Database from "better-sqlite3";
import { ask, type ClientDialect, paths } from "../support/client.ts";
import { type Daemon, runCommand, startDaemon, temporaryHome } from "../support/daemon.ts";
import { startFaultUpstream } from "../support/fault-upstream.ts";
import { outcome } from "../support/outcome.ts";
import { pause, until } from "../support/until.ts";

const dialects: readonly ClientDialect[] = ["chat", "messages"];
const health = async (url: string, path: string) => (await fetch(`${url}${path}`)).status;

describe("body limit", () => {
  let daemon: Daemon;
  let key: string;
  before(async () => {
    daemon = await startDaemon({ config: { server: { body_max: "64KB" } } });
    key = await daemon.createKey();
  });
  after(() => daemon?.stop());

  for (const dialect of dialects) {
    test(`A61 read() refuses a ${dialect} body by its declared length, before it comes`, async () => {
      const answer = await partial(daemon.url, paths[dialect], key, ["content-length: 70000"], Buffer.from("{"));
      assert.match(answer, /^HTTP\/1\.1 413 /);
      assert.match(answer, /payload_too_large|request_too_large|64 ?KB|65536/i);
    });

    test(`A61 read() refuses a ${dialect} body while it streams in`, async () => {
      const chunk = Buffer.concat([Buffer.from("4000\r\n"), Buffer.alloc(0x4000, 0x20), Buffer.from("\r\n")]);
      const body = Buffer.concat(Array.from({ length: 5 }, () => chunk));
      const answer = await partial(daemon.url, paths[dialect], key, ["transfer-encoding: chunked"], body);
      assert.match(answer, /^HTTP\/1\.1 413 /);
    });

    test(`A61 read() takes a ${dialect} body of just the limit`, async () => {
      const question = { dialect, model: "echo", key };
      const spare =
        65_536 -
        Buffer.byteLength(JSON.stringify({ model: "echo", max_tokens: 64, messages: [{ role: "user", content: "" }] }));
      const room = dialect === "chat" ? spare + Buffer.byteLength('"max_tokens":64,') : spare;
      assert.equal((await ask(daemon.url, { ...question, prompt: "x".repeat(room) })).status, 200);
      const over = await ask(daemon.url, { ...question, prompt: "x".repeat(room + 1) });
      assert.equal(over.status, 413);
      assert.ok(outcome(dialect, over).error);
    });
  }

  test("A61 read() refuses a small gzip body that unpacks to a large one", async () => {
    const { gzipSync } = await import("node:zlib");
    const body = gzipSync(
      JSON.stringify({ model: "echo", messages: [{ role: "user", content: "x".repeat(5_000_000) }] }),
    );
    const headers = { authorization: `Bearer ${key}`, "content-type": "application/json", "content-encoding": "gzip" };
    const response = await fetch(`${daemon.url}/v1/chat/completions`, { method: "POST", headers, body });
    assert.equal(response.status, 413);
  });
});

describe("health", () => {
  test("A64 health answers live without the database, ready only with it, and never calls a provider", async () => {
    const upstream = await startFaultUpstream();
    const daemon = await startDaemon({
      env: { UPSTREAM_KEY: "x" },
      config: { providers: { paid: { base_url: `${upstream.origin}/v1`, api_key: "env.UPSTREAM_KEY" } } },
    });
    for (let probe = 0; probe < 20; probe += 1) {
      assert.deepEqual(
        [await health(daemon.url, "/health/live"), await health(daemon.url, "/health/ready")],
        [200, 200],
      );
      await health(daemon.url, "/health");
    }
    const blocker = new Database(join(daemon.home, "state.db"));
    blocker.exec("BEGIN IMMEDIATE");
    await until("readiness to fail", async () => (await health(daemon.url, "/health/ready")) === 503, 5_000);
    assert.equal(await health(daemon.url, "/health/live"), 200);
    blocker.exec("ROLLBACK");
    blocker.close();
    await until("readiness to heal", async () => (await health(daemon.url, "/health/ready")) === 200, 15_000);
    assert.deepEqual(await upstream.calls(), [], "no provider was probed");
    await daemon.stop();
    await upstream.stop();
  });
});

describe("databases in trouble", () => {
  test("A55 a locked state.db is a 503 for budgeted calls, never a 401, and heals by itself", async () => {
    const daemon = await startDaemon({ config: {} });
    const key = await daemon.createKey({ budget: "100/1d" });
    const blocker = new Database(join(daemon.home, "state.db"));
    blocker.exec("BEGIN IMMEDIATE");
    const seen = new Set<number>();
    await until(
      "a 503",
      async () => {
        for (const dialect of dialects) {
          const answer = await ask(daemon.url, { dialect, model: "echo-paid", key });
          seen.add(answer.status);
          if (answer.status !== 200) assert.ok(outcome(dialect, answer).error);
        }
        return seen.has(503);
      },
      15_000,
    );
    assert.deepEqual(
      [...seen].filter((status) => status !== 200 && status !== 503),
      [],
    );
    blocker.exec("ROLLBACK");
    blocker.close();
    await until(
      "service again",
      async () => (await ask(daemon.url, { dialect: "chat", model: "echo-paid", key })).status === 200,
      15_000,
    );
    await daemon.settled();
    await daemon.stop();
  });

  test("A55 a state.db that turns to noise under the daemon is never a 401", async () => {
    const daemon = await startDaemon({ config: {}, expectInternalErrors: true });
    const key = await daemon.createKey({ budget: "100/1d" });
    for (const file of readdirSync(daemon.home).filter((name) => name.startsWith("state.db"))) {
      const path = join(daemon.home, file);
      writeFileSync(path, randomBytes(Math.max(statSync(path).size, 4096)), { flag: "r+" });
    }
    const seen = new Set<number>();
    const until = performance.now() + 2000;
    while (performance.now() < until) {
      for (const dialect of dialects) seen.add((await ask(daemon.url, { dialect, model: "echo-paid", key })).status);
      await pause(50);
    }
    assert.deepEqual(
      [...seen].filter((status) => status !== 200 && status !== 503),
      [],
      `statuses ${[...seen]}`,
    );
    assert.equal(await health(daemon.url, "/health/live"), 200);
    assert.equal(await health(daemon.url, "/health/ready"), 503);
    await daemon.kill("SIGKILL");
    await daemon.stop();
  });

  test("A55 serve() over a state.db of noise says so and ends, and the file is untouched", async () => {
    const home = temporaryHome();
    const noise = randomBytes(8192);
    writeFileSync(join(home, "state.db"), noise);
    const result = await runCommand(["serve", "--home", home, "--port", "0"], {}, home);
    assert.notEqual(result.code, 0);
    assert.match(result.stderr, /state\.db/);
    assert.doesNotMatch(result.stderr, /\n {4}at /, "no stack trace");
    assert.ok((await import("node:fs")).readFileSync(join(home, "state.db")).equals(noise));
    rmSync(home, { recursive: true });
  });
});

/** Sends head and a part of the body, and never the rest. */
function partial(origin: string, path: string, key: string, headers: string[], body: Buffer): Promise<string> {
  const { hostname, port } = new URL(origin);
  return new Promise((resolve, reject) => {
    const socket = net.connect(Number(port), hostname);
    let text = "";
    const head = [`POST ${path} HTTP/1.1`, "host: g", `authorization: Bearer ${key}`, "content-type: application/json"];
    socket.write([...head, ...headers, "", ""].join("\r\n"));
    socket.write(body);
    socket.setTimeout(3000, () => {
      socket.destroy();
      reject(new Error(`no answer while the body was still coming: ${text}`));
    });
    socket.on("data", (bytes) => {
      text += bytes.toString();
      if (text.includes("\r\n\r\n") && text.trimEnd().endsWith("}")) {
        socket.destroy();
        resolve(text);
      }
    });
    socket.on("error", () => resolve(text));
    socket.on("end", () => resolve(text));
  });
}
